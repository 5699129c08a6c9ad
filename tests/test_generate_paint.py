"""Painting on an untrained checkpoint: what each input changes, and what must not matter."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diffsign.errors import UserError
from diffsign.generate import noise, sampling
from diffsign.generate.blank import SD15_CHANNELS, write_blank
from diffsign.generate.canvas import latent_of_pixel, plan_canvas
from diffsign.generate.checkpoints import folder_checkpoint
from diffsign.generate.frames import frame_path, read_inputs
from diffsign.generate.loading import Generator, load_generator
from diffsign.generate.options import PaintOptions, resolve_settings
from diffsign.generate.paint import paint
from diffsign.generate.schedule import make_scheduler, start_latents, timesteps
from diffsign.render.conditioning import DepthRange

KINDS = ("depth", "normal", "openpose")
OPTIONS = PaintOptions(size=64, steps=2, seed=3, strength=0.7, guidance=3.0)
RED = Image.new("RGB", (40, 60), (200, 30, 30))
BLUE = Image.new("RGB", (60, 40), (30, 30, 200))


@dataclass(frozen=True)
class FakeCamera:
    width: int
    height: int
    fx: float = 100.0


@dataclass(frozen=True)
class FakePasses:
    """As much of a pass set as painting needs, from the same files."""

    folder: Path
    camera: FakeCamera
    frame_count: int

    def __len__(self) -> int:
        return self.frame_count

    def beauty_srgb(self, index: int) -> np.ndarray:
        return self._read("beauty", index)

    def conditioning(self, name: str, index: int) -> np.ndarray:
        return self._read(f"conditioning/{name}", index)

    def frame(self, index: int, *wanted: str) -> dict[str, np.ndarray]:
        signer = np.zeros((self.camera.height, self.camera.width), np.int32)
        signer[16:48, 16:48] = 1
        rows, columns = np.indices(signer.shape)
        shift = 8 * index  # the signer moves to the right
        rest = np.stack([columns - shift, rows, 0 * rows], axis=-1) * 0.01
        return {"object": signer, "rest": rest}

    @property
    def depth_range(self) -> DepthRange:
        return DepthRange(1.0, 1.0)

    def _read(self, kind: str, index: int) -> np.ndarray:
        with Image.open(self.folder / kind / f"{index:05d}.png") as image:
            return np.asarray(image.convert("RGB"))


def _write_passes(folder: Path, width: int = 64, height: int = 64, count: int = 3) -> FakePasses:
    random = np.random.default_rng(5)
    for kind in ("beauty", *(f"conditioning/{kind}" for kind in KINDS)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for frame in range(count):
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
            image.save(folder / kind / f"{frame:05d}.png")
    return FakePasses(folder, FakeCamera(width, height), count)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blank(tmp_path_factory.mktemp("model") / "blank")


@pytest.fixture(scope="module")
def generator(folder: Path) -> Generator:
    return load_generator(folder_checkpoint(folder), precision="fp32")


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> FakePasses:
    return _write_passes(tmp_path_factory.mktemp("passes"))


@pytest.fixture
def own_passes(tmp_path: Path) -> FakePasses:
    return _write_passes(tmp_path / "passes")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "frames"


def _frames(folder: Path, count: int = 3) -> np.ndarray:
    return np.stack([np.asarray(Image.open(frame_path(folder, i))) for i in range(count)])


def _paint(
    generator: Generator,
    passes: FakePasses,
    out: Path,
    appearance: Image.Image | None = None,
    caption: str = "a man in a blue shirt",
    **changes: Any,
) -> np.ndarray:
    """Paint into a fresh folder and return all frames."""
    shutil.rmtree(out, ignore_errors=True)
    paint(passes, appearance, caption, replace(OPTIONS, **changes), out, None, generator)
    return _frames(out, len(passes))


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


# What guides


def test_image_text_both_and_neither_guide_differently(
    generator: Generator, passes: FakePasses, out: Path
) -> None:
    pictures = {
        "caption": _paint(generator, passes, out),
        "text": _paint(generator, passes, out, prompt="an old woman"),
        "image": _paint(generator, passes, out, RED),
        "other image": _paint(generator, passes, out, BLUE),
        "both": _paint(generator, passes, out, RED, prompt="an old woman"),
    }
    names = list(pictures)
    for i, a in enumerate(names):
        for b in names[:i]:
            assert _difference(pictures[a], pictures[b]) > 0.05, (a, b)


def test_without_an_image_the_adapter_does_nothing_at_all(
    generator: Generator, passes: FakePasses, out: Path, tmp_path: Path, folder: Path
) -> None:
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    shutil.rmtree(bare / "ip")
    without = load_generator(folder_checkpoint(bare), precision="fp32")
    assert without.checkpoint.adapter is None
    off = _with_adapter(generator, always=False)
    assert np.array_equal(_paint(off, passes, out), _paint(without, passes, out))
    # An image of weight 0 does nothing either; the prompt keeps the caption out of both.
    unheard = _paint(off, passes, out, RED, prompt="x", appearance_scale=0.0)
    assert np.array_equal(unheard, _paint(without, passes, out, prompt="x"))


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_an_adapter_that_is_always_on_gets_the_embedding_of_nothing(
    generator: Generator, guidance: float
) -> None:
    on = _with_adapter(generator, always=True)
    options = replace(OPTIONS, guidance=guidance)
    settings = resolve_settings(options, on.checkpoint, "a man", False, "fp32")
    assert settings.appearance_scale == 1.0
    embedded = sampling.embed_guidance(on, settings).appearance
    assert embedded is not None and not embedded.any()
    assert len(embedded) == (1 if guidance == 1 else 2)


def _with_adapter(generator: Generator, always: bool) -> Generator:
    assert generator.checkpoint.adapter is not None
    adapter = replace(generator.checkpoint.adapter, always=always)
    return replace(generator, checkpoint=replace(generator.checkpoint, adapter=adapter))


def test_an_image_for_a_model_without_adapter_is_noted(
    passes: FakePasses, out: Path, tmp_path: Path, folder: Path
) -> None:
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    shutil.rmtree(bare / "ip")
    without = load_generator(folder_checkpoint(bare), precision="fp32")
    record = paint(passes, RED, "a man", OPTIONS, out, None, without)
    assert any("no IP-Adapter" in note for note in record["notes"])
    assert record["appearance_scale"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_conditioning_image_has_its_own_influence(
    generator: Generator, passes: FakePasses, out: Path, kind: str
) -> None:
    full = _paint(generator, passes, out)
    assert _difference(full, _paint(generator, passes, out, conditioning_scales={kind: 0.0})) > 0.05


def test_the_order_of_conditioning_images_is_kept(
    generator: Generator, own_passes: FakePasses, out: Path
) -> None:
    alone = {"depth": 1.0, "normal": 0.0, "openpose": 0.0}
    before = _paint(generator, own_passes, out, conditioning_scales=alone)
    for kind in ("normal", "openpose"):
        for file in (own_passes.folder / "conditioning" / kind).iterdir():
            Image.new("RGB", (64, 64), (9, 99, 200)).save(file)
    assert np.array_equal(before, _paint(generator, own_passes, out, conditioning_scales=alone))


def test_guidance_of_one_skips_the_negative_prompt(
    generator: Generator, passes: FakePasses, out: Path
) -> None:
    a = _paint(generator, passes, out, guidance=1.0, negative_prompt="red")
    b = _paint(generator, passes, out, guidance=1.0, negative_prompt="blue")
    c = _paint(generator, passes, out, guidance=3.0, negative_prompt="blue")
    assert np.array_equal(a, b) and _difference(b, c) > 0.05


# Strength and steps


def test_at_strength_one_the_render_has_no_influence(
    generator: Generator, own_passes: FakePasses, out: Path
) -> None:
    before = {s: _paint(generator, own_passes, out, strength=s) for s in (0.5, 1.0)}
    for file in (own_passes.folder / "beauty").iterdir():
        Image.new("RGB", (64, 64), (9, 99, 200)).save(file)
    after = {s: _paint(generator, own_passes, out, strength=s) for s in (0.5, 1.0)}
    assert np.array_equal(before[1.0], after[1.0])
    assert _difference(before[0.5], after[0.5]) > 0.5


def test_lower_strength_stays_nearer_to_the_render(generator: Generator) -> None:
    import torch

    scheduler = make_scheduler("euler", generator.pipeline.scheduler.config)
    render, unit = torch.zeros(1, 4, 8, 8), torch.ones(1, 4, 8, 8)
    grown = []
    for strength in (0.1, 0.3, 0.6, 0.9, 1.0):
        scheduler.set_timesteps(timesteps=timesteps(strength, 4, 1000))
        grown.append(float(start_latents(scheduler, strength, render, unit).max()))
    assert grown == sorted(grown) and grown[0] < 0.5 and grown[-1] > 10


@pytest.mark.parametrize(("strength", "steps"), [(0.05, 1), (0.35, 2), (0.9, 2), (1.0, 5)])
def test_steps_are_made_exactly_whatever_the_strength(
    generator: Generator, passes: FakePasses, out: Path, strength: float, steps: int
) -> None:
    seen: list[float] = []
    hook = generator.pipeline.unet.register_forward_pre_hook(
        lambda module, args: seen.append(float(args[1]))
    )
    try:
        _paint(generator, passes, out, strength=strength, steps=steps, batch=3)
    finally:
        hook.remove()
    assert len(seen) == steps and seen[0] == pytest.approx(1000 * strength - 1, abs=1)
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("scheduler", ["euler", "dpm++", "lcm"])
def test_every_scheduler_paints(
    generator: Generator, passes: FakePasses, out: Path, scheduler: str
) -> None:
    frames = _paint(generator, passes, out, scheduler=scheduler, steps=3)
    assert frames.std() > 1


# Sameness


def test_the_same_settings_give_the_same_bytes(
    generator: Generator, passes: FakePasses, out: Path, folder: Path
) -> None:
    first = _paint(generator, passes, out, RED)
    again = load_generator(folder_checkpoint(folder), precision="fp32")
    assert np.array_equal(first, _paint(again, passes, out, RED))
    assert _difference(first, _paint(generator, passes, out, RED, seed=4)) > 0.5


@pytest.mark.parametrize("scheduler", ["dpm++", "lcm"])
def test_a_frame_is_the_same_in_every_batch(
    generator: Generator, passes: FakePasses, out: Path, scheduler: str
) -> None:
    options: dict[str, Any] = {"noise": "fresh", "scheduler": scheduler, "steps": 3}
    single = _paint(generator, passes, out, RED, batch=1, **options)
    batched = _paint(generator, passes, out, RED, batch=3, **options)
    assert np.abs(single.astype(int) - batched).max() <= 1


def test_fixed_noise_is_one_for_the_clip_and_fresh_noise_is_not(
    generator: Generator, own_passes: FakePasses, out: Path
) -> None:
    for path in own_passes.folder.rglob("00001.png"):
        shutil.copy(path.with_name("00000.png"), path)
    fixed = _paint(generator, own_passes, out, noise="fixed", batch=1)
    fresh = _paint(generator, own_passes, out, noise="fresh", batch=1)
    assert np.array_equal(fixed[0], fixed[1])
    assert _difference(fresh[0], fresh[1]) > 0.5


def test_without_noise_the_seed_says_nothing_until_there_is_no_render_to_start_from(
    generator: Generator, passes: FakePasses, out: Path
) -> None:
    one, other = (_paint(generator, passes, out, noise="none", seed=seed) for seed in (1, 2))
    assert _difference(one, other) < 0.5
    assert (
        noise.clip_noise("none", 1, range(2), (4, 8, 8)).tolist() == np.zeros((2, 4, 8, 8)).tolist()
    )
    settings = resolve_settings(
        PaintOptions(prompt="a man", noise="none", strength=1.0), generator.checkpoint
    )
    assert settings.noise == "fixed"


def test_surface_noise_moves_with_the_signer_whatever_the_batch(
    passes: FakePasses, generator: Generator, tmp_path: Path
) -> None:
    canvas = plan_canvas(64, 64, 64, generator.multiple)
    of_pixel = latent_of_pixel(canvas, (8, 8))
    seen = [read_inputs(passes, frame, (), surface=True).patches for frame in range(3)]
    here = noise.clip_noise("surface", 7, range(3), (4, 8, 8), seen, of_pixel)
    # The signer stands on latent pixels 2 to 5 of each row and moves by one in each frame.
    np.testing.assert_allclose(here[1, :, 2:6, 3:6], here[0, :, 2:6, 2:5], atol=1e-6)
    np.testing.assert_allclose(here[1, :, :2], here[0, :, :2], atol=1e-6)
    one = _paint(generator, passes, tmp_path / "one", noise="surface", batch=1)
    three = _paint(generator, passes, tmp_path / "three", noise="surface", batch=3)
    assert _difference(one, three) < 0.5


def test_half_precision_stays_near_full_precision(
    generator: Generator, passes: FakePasses, out: Path, folder: Path
) -> None:
    half = load_generator(folder_checkpoint(folder), precision="bf16")
    full = _paint(generator, passes, out, RED, steps=6)
    assert _difference(full, _paint(half, passes, out, RED, steps=6)) < 4


# Going on where it stopped


def test_finished_frames_are_kept_and_only_changed_ones_painted_again(
    generator: Generator, own_passes: FakePasses, out: Path
) -> None:
    seen: list[tuple[int, int]] = []

    def again(**changes: Any) -> dict[str, Any]:
        seen.clear()
        options = replace(OPTIONS, batch=1, **changes)
        return paint(own_passes, RED, "", options, out, lambda *p: seen.append(p), generator)

    assert again()["painted"] == 3 and seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    first = _frames(out)
    assert again()["painted"] == 0 and seen[-1] == (3, 3)
    frame_path(out, 1).unlink()
    assert again()["painted"] == 1 and seen[-1] == (3, 3)
    assert np.array_equal(first, _frames(out))
    Image.new("RGB", (64, 64)).save(own_passes.folder / "conditioning" / "depth" / "00002.png")
    assert again()["painted"] == 1
    assert again(seed=9)["painted"] == 3


def test_a_broken_or_foreign_frame_is_painted_again(
    generator: Generator, passes: FakePasses, out: Path
) -> None:
    paint(passes, RED, "", OPTIONS, out, None, generator)
    first = _frames(out)
    frame_path(out, 0).write_bytes(b"not a picture")
    Image.new("RGB", (64, 64)).save(frame_path(out, 1))
    assert paint(passes, RED, "", OPTIONS, out, None, generator)["painted"] == 2
    assert np.array_equal(first, _frames(out))


def test_a_killed_run_leaves_whole_frames_only(
    generator: Generator, passes: FakePasses, out: Path
) -> None:
    def kill(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    options = replace(OPTIONS, batch=1)
    with pytest.raises(KeyboardInterrupt):
        paint(passes, RED, "", options, out, kill, generator)
    assert sorted(path.name for path in out.iterdir()) == ["00000.png", "00001.png"]
    assert paint(passes, RED, "", options, out, None, generator)["painted"] == 1


def test_nothing_is_loaded_when_everything_is_there(
    generator: Generator, passes: FakePasses, out: Path, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    options = replace(OPTIONS, model=str(folder), precision="fp32")
    paint(passes, RED, "", options, out, None, generator)
    monkeypatch.setattr("diffsign.generate.paint.load_generator", None)
    record = paint(passes, RED, "", options, out)
    assert record["painted"] == 0 and record["model"] == "blank"


def test_the_record_is_json_and_names_everything(
    passes: FakePasses, out: Path, folder: Path
) -> None:
    record = paint(passes, RED, "", replace(OPTIONS, model=str(folder)), out)
    text = json.dumps(record, allow_nan=False)
    for word in ("unet", "adapter", "seed", "prompt", "torch", "strength", "precision", "device"):
        assert word in text
    assert record["frames"] == record["painted"] == 3 and record["working_size"] == [64, 64]


# Memory


def test_a_batch_that_does_not_fit_is_halved(
    generator: Generator, passes: FakePasses, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    expected = _paint(generator, passes, out, RED, batch=1)
    real, tried = sampling.paint_frames, []

    def scarce(*args: Any) -> Any:
        tried.append(len(args[4]))
        if len(args[4]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*args)

    monkeypatch.setattr(sampling, "paint_frames", scarce)
    assert np.array_equal(_paint(generator, passes, out, RED, batch=4), expected)
    assert tried == [3, 2, 1, 1, 1]


def test_too_little_memory_for_one_frame_is_said(
    generator: Generator, passes: FakePasses, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(sampling, "paint_frames", none)
    with pytest.raises(UserError, match=r"64x64 on cpu: use --model mini"):
        _paint(generator, passes, out, RED)


def test_other_errors_are_not_taken_for_too_little_memory(
    generator: Generator, passes: FakePasses, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(sampling, "paint_frames", wrong)
    with pytest.raises(RuntimeError, match="shapes"):
        _paint(generator, passes, out, RED)


def test_numbers_that_overflow_are_no_black_frames(
    passes: FakePasses, out: Path, folder: Path
) -> None:
    import torch

    broken = load_generator(folder_checkpoint(folder), precision="fp32")
    with torch.no_grad():
        broken.pipeline.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(UserError, match="precision"):
        _paint(broken, passes, out, RED)
    assert not list(out.glob("*"))


# Bad input


@pytest.mark.parametrize(
    "changes",
    [
        {"strength": 0.0},
        {"strength": 1.2},
        {"strength": float("nan")},
        {"steps": 0},
        {"guidance": 0.5},
        {"guidance": float("nan")},
        {"size": 8},
        {"seed": -1},
        {"batch": 0},
        {"noise": "pink"},
        {"scheduler": "magic"},
        {"precision": "int4"},
        {"conditioning_scales": {"smell": 1.0}},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_loaded(
    changes: dict[str, Any], passes: FakePasses, out: Path, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("diffsign.generate.paint.load_generator", None)
    with pytest.raises(UserError) as caught:
        paint(passes, RED, "", replace(OPTIONS, model=str(folder), **changes), out)
    assert "\n" not in str(caught.value)


def test_passes_of_two_sizes_are_refused(own_passes: FakePasses) -> None:
    depth = own_passes.folder / "conditioning" / "depth" / "00000.png"
    Image.new("RGB", (32, 64)).save(depth)
    with pytest.raises(UserError, match="32x64, but the passes are 64x64"):
        read_inputs(own_passes, 0, KINDS)


# Prompts


def test_words_that_do_not_fit_are_noted(
    generator: Generator, passes: FakePasses, out: Path
) -> None:
    long = "a very long story " * 60
    record = paint(passes, None, "", replace(OPTIONS, prompt=long), out, None, generator)
    assert any("not read" in note for note in record["notes"])


# Sizes


@pytest.mark.parametrize("size", [(359, 641), (641, 359), (33, 33), (100, 31)])
def test_odd_sizes_are_painted_at_their_own_size(
    generator: Generator, tmp_path: Path, size: tuple[int, int]
) -> None:
    passes = _write_passes(tmp_path / "passes", *size, count=1)
    frames = _paint(generator, passes, tmp_path / "frames", RED)
    assert frames.shape == (1, size[1], size[0], 3)


# The real size


def test_the_unet_of_sd15_itself_loads_and_paints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SD1.5's own widths, 860 million weights in the UNet, one evaluation."""
    import torch

    # Random numbers for a billion weights take half a minute; one small number does as well.
    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", lambda t, **_: t.data.fill_(1e-4))
    monkeypatch.setattr(torch.nn.init, "uniform_", lambda t, *_, **__: t.data.zero_())
    folder = write_blank(
        tmp_path / "full",
        channels=SD15_CHANNELS,
        layers=2,
        heads=8,
        groups=32,
        cross_dim=768,
        kinds=("openpose",),
        dtype="bfloat16",
    )
    generator = load_generator(folder_checkpoint(folder))
    assert sum(p.numel() for p in generator.pipeline.unet.parameters()) > 859_520_964
    passes = _write_passes(tmp_path / "passes", 128, 128, count=1)
    options = replace(OPTIONS, size=128, steps=1, guidance=1.0)
    record = paint(passes, RED, "", options, tmp_path / "frames", None, generator)
    shutil.rmtree(folder)  # 2.5 GB, which pytest would keep for three runs
    assert record["painted"] == 1 and _frames(tmp_path / "frames", 1).shape == (1, 128, 128, 3)


def test_kept_detail_brings_a_frame_back_to_its_render(
    generator: Generator, passes: FakePasses, tmp_path: Path
) -> None:
    render = np.stack([passes.beauty_srgb(index) for index in range(3)]).astype(float)

    def apart(strength: float, detail: float) -> float:
        name = tmp_path / f"{strength}-{detail}"
        frames = _paint(generator, passes, name, strength=strength, steps=1, detail=detail)
        return float(np.abs(frames - render).mean())

    assert apart(0.01, 1.0) < 0.7 * apart(0.01, 0.0)
    assert apart(0.01, 0.5) < apart(0.01, 0.0)
    assert apart(1.0, 1.0) == apart(1.0, 0.0)


@pytest.mark.parametrize("detail", [-0.1, 1.5, float("nan")])
def test_impossible_detail(folder: Path, detail: float) -> None:
    with pytest.raises(UserError, match="detail"):
        resolve_settings(PaintOptions(detail=detail), folder_checkpoint(folder), "a man")


def test_the_background_stays_the_renders(
    generator: Generator, passes: FakePasses, tmp_path: Path
) -> None:
    render = np.stack([passes.beauty_srgb(index) for index in range(3)])
    kept = _paint(generator, passes, tmp_path / "kept", keep_background=True)
    whole = _paint(generator, passes, tmp_path / "whole", keep_background=False)
    np.testing.assert_array_equal(kept[:, :12], render[:, :12])
    np.testing.assert_array_equal(kept[:, 20:44, 20:44], whole[:, 20:44, 20:44])
    assert np.abs(whole[:, :12].astype(int) - render[:, :12]).mean() > 5
