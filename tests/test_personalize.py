"""Learning a person into a LoRA, on an untrained checkpoint and made-up pictures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from diffsign.errors import UserError
from diffsign.generate.blank import write_blank
from diffsign.generate.checkpoints import SD15, folder_checkpoint
from diffsign.generate.loading import load_generator
from diffsign.generate.options import PaintOptions, choose_checkpoint, resolve_settings
from diffsign.generate.personalize import personalize as room
from diffsign.generate.personalize.network import add_lora, predict, without_lora
from diffsign.generate.personalize.personalize import PersonalizeOptions, personalize
from diffsign.generate.personalize.pictures import draw_pose, make_picture, read_pictures
from diffsign.generate.personalize.train import Course, Trainer, make_lessons
from diffsign.generate.variants import LORA_FILE, LORA_NOTE, Variant

SIZE = 128
WOMAN = (
    Path(__file__).resolve().parents[2]
    / "shared"
    / "data"
    / "appearance"
    / "woman_black_tshirt.png"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_blank(tmp_path_factory.mktemp("model") / "blank")
    (folder / "diffsign.json").write_text('{"defaults": {"steps": 1, "guidance": 2.0}}')
    return folder


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two pictures, which need not be looked at: MediaPipe and the dresser take seconds."""
    random = np.random.default_rng(0)
    pose = random.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    paths, pictures = [], []
    for number in range(2):
        pixels = random.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
        pictures.append(make_picture(pixels, pose, "a man in a red jumper"))
    monkeypatch.setattr(room, "read_pictures", lambda paths, size: pictures[: len(paths)])
    monkeypatch.setattr(room, "_SAVE_EVERY", 2)
    return paths


def _options(folder: Path, **changes: object) -> PersonalizeOptions:
    options = PersonalizeOptions(str(folder), steps=4, rank=2, size=SIZE, crop=64, sample_every=4)
    return replace(options, prior=1, **changes)  # type: ignore[arg-type]


def _kill_at(step: int, total: int):  # type: ignore[no-untyped-def]
    def progress(done: int, all_: int) -> None:
        assert all_ == total
        if done == step:
            raise KeyboardInterrupt

    return progress


def test_a_lora_is_written_with_its_words_and_paints(
    folder: Path, files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "lora"
    seen: list[tuple[int, int]] = []
    path = personalize(files, out, _options(folder), lambda *now: seen.append(now))
    assert path == out / LORA_FILE and seen == [(step, 4) for step in range(5)]
    assert json.loads((out / LORA_NOTE).read_text())["words"] == "sks person"
    sides = (".lora_A.weight", ".lora_B.weight")  # a mixture of namings would be read in part
    assert all(key.endswith(sides) for key in load_file(path))
    with Image.open(out / "samples" / "00004.png") as sheet:
        assert sheet.size == (2 * SIZE, 2 * SIZE)
    options = PaintOptions(model=str(folder), variant=Variant(loras=(str(out),)))
    checkpoint, _ = choose_checkpoint(options)
    settings = resolve_settings(options, checkpoint, "a man")
    assert settings.prompt.startswith("sks person")
    before, after = (load_generator(c) for c in (folder_checkpoint(folder), checkpoint))
    changed = [
        not torch.equal(a, b)
        for a, b in zip(
            before.pipeline.unet.parameters(), after.pipeline.unet.parameters(), strict=True
        )
    ]
    assert any(changed)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(
    folder: Path, files: list[Path], tmp_path: Path
) -> None:
    whole = load_file(personalize(files, tmp_path / "whole", _options(folder)))
    halves = tmp_path / "halves"
    with pytest.raises(KeyboardInterrupt):
        personalize(files, halves, _options(folder), _kill_at(3, 4))
    assert not (halves / LORA_FILE).exists()
    said: list[str] = []
    joined = load_file(personalize(files, halves, _options(folder), note=said.append))
    assert any("step 2" in text for text in said)
    assert set(whole) == set(joined)
    for name, value in whole.items():
        torch.testing.assert_close(value, joined[name], rtol=1e-4, atol=1e-6)


def test_another_person_in_the_same_folder_is_refused(
    folder: Path, files: list[Path], tmp_path: Path
) -> None:
    personalize(files, tmp_path / "lora", _options(folder))
    with pytest.raises(UserError, match="other pictures or with other options"):
        personalize(files[:1], tmp_path / "lora", _options(folder))


def test_learning_lowers_the_loss_and_touches_nothing_but_the_lora(folder: Path) -> None:
    generator = load_generator(folder_checkpoint(folder), precision="fp32")
    random = np.random.default_rng(1)
    pixels, pose = random.integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    lessons = make_lessons(generator, [make_picture(pixels, pose, "a man")], "sks", 1.0)
    frozen = [p.clone() for p in generator.pipeline.unet.parameters()]
    trained = add_lora(generator, 4)
    nothing = torch.zeros(1, 1, 16)
    trainer = Trainer(generator, trained, Course(lessons, (), nothing, nothing), 1e-2, 40, 64, 4, 0)
    losses = [trainer.step() for _ in range(40)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])
    kept = [p for n, p in generator.pipeline.unet.named_parameters() if "lora_" not in n]
    assert all(torch.equal(a, b) for a, b in zip(frozen, kept, strict=True))


def test_before_it_learns_a_lora_changes_nothing(folder: Path) -> None:
    generator = load_generator(folder_checkpoint(folder), precision="fp32")
    text, image = torch.randn(1, 77, 16), torch.randn(1, 1, 16)
    given = (torch.randn(1, 4, 8, 8), torch.tensor([500]), text, image, torch.rand(1, 3, 64, 64))
    with torch.no_grad():
        plain = predict(generator, *given, [True])
        unposed = predict(generator, *given, [False])
        trained = add_lora(generator, 2)
        torch.testing.assert_close(predict(generator, *given, [True]), plain)
        for parameter in trained:
            parameter.add_(0.5)
        assert not torch.allclose(predict(generator, *given, [True]), plain)
        with without_lora(generator):
            torch.testing.assert_close(predict(generator, *given, [True]), plain)
    assert not torch.allclose(plain, unposed)


def test_sd15_learns_with_its_openpose_controlnet_alone() -> None:
    taught = room._taught(SD15)
    assert [net.kind for net in taught.controlnets] == ["openpose"] and taught.adapter is None
    with pytest.raises(UserError, match="openpose"):
        room._taught(replace(SD15, controlnets=SD15.controlnets[1:]))


@pytest.mark.parametrize(
    "changes",
    [{"steps": 0}, {"prior": -1}, {"rank": 0}, {"seed": -1}, {"words": " "}, {"pairs": 0}],
)
def test_impossible_options_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UserError) as caught:
        PersonalizeOptions(**changes)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_windows_that_the_model_does_not_divide_are_refused(
    folder: Path, files: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="multiple of 64"):
        personalize(files, tmp_path / "lora", _options(folder, crop=72))


def test_pictures_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="some pictures"):
        read_pictures([], 64)
    with pytest.raises(UserError, match="none"):
        read_pictures([tmp_path / "none.png"], 64)


def test_a_real_picture_gets_its_pose_its_words_and_its_bars() -> None:
    if not WOMAN.is_file():
        pytest.skip("the appearance picture is not on this machine")
    (picture,) = read_pictures([WOMAN], 256)
    assert picture.posed and "woman" in picture.text and "black" in picture.text
    with Image.open(WOMAN) as image:
        width, height = image.size
    wanted = min(width, height) / max(width, height)
    assert abs(picture.inside.mean() - wanted) < 0.02
    assert not draw_pose(np.full((64, 64, 3), 128, np.uint8)).any()
