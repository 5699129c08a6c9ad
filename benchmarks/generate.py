"""Speed of painting beside the way of DiffSign's published scripts, and the work of SD1.5's size.

    python benchmarks/generate.py PASSES [--frames 4] [--threads 2]      (seconds, mini)
    python benchmarks/generate.py --work                                 (TFLOP, sd15)

The first runs both ways in one process and one precision with mini's weights, on frames of the pass
set PASSES. Theirs, written anew after the scripts: for each frame the IP-Adapter is loaded again
and the appearance embedded again, the pose and the edges are detected again on the render, and DDIM
makes 60 steps with guidance 7.5 at 1024x1024 (--their-size). Mini has no ControlNet for edges: they
are detected, and the normal map is fed. Ours is `paint` with its defaults. Times are processor
seconds, which other programs do not lengthen, and seconds by the clock.

The second counts every multiplication and addition of one frame on weights without values.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from diffsign.generate.checkpoints import MINI_FOLDER, resolve_model
from diffsign.generate.loading import Generator, load_generator
from diffsign.generate.options import PaintOptions
from diffsign.generate.paint import paint
from diffsign.render.pass_set import PassSet, read_pass_set

THEIR_STEPS, THEIR_GUIDANCE = 60, 7.5
PROMPT = "best quality, high quality"
NEGATIVE = "monochrome, lowres, bad anatomy, worst quality, low quality"


@dataclass(frozen=True)
class Part:
    """The first frames of a pass set, each side halved as often as `halvings` says."""

    whole: PassSet
    count: int
    halvings: int = 0

    def __len__(self) -> int:
        return self.count

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    @property
    def camera(self) -> Any:
        camera, step = self.whole.camera, 2**self.halvings
        return replace(camera, width=camera.width // step, height=camera.height // step)

    def beauty_srgb(self, index: int) -> np.ndarray:
        return self._smaller(self.whole.beauty_srgb(index))

    def conditioning(self, name: str, index: int) -> np.ndarray:
        return self._smaller(self.whole.conditioning(name, index))

    def frame(self, index: int, *wanted: str) -> dict[str, np.ndarray]:
        step = 2**self.halvings
        found = self.whole.frame(index, *wanted)
        return {name: layer[::step, ::step].copy() for name, layer in found.items()}

    def _smaller(self, image: np.ndarray) -> np.ndarray:
        step = 2**self.halvings
        return np.asarray(Image.fromarray(image).reduce(step)) if step > 1 else image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("passes", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--their-frames", type=int, default=1)
    parser.add_argument("--their-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", action="store_true", help="count TFLOP for sd15 instead")
    asked = parser.parse_args()
    if asked.work:
        print_work()
    elif asked.passes is None:
        parser.error("give the folder of a pass set, or --work")
    else:
        torch.set_num_threads(asked.threads)
        passes = read_pass_set(asked.passes)
        print_speed(passes, asked.frames, asked.their_frames, asked.their_size)


# Seconds


def print_speed(passes: PassSet, frames: int, their_frames: int, their_size: int) -> None:
    appearance = Image.fromarray(passes.beauty_srgb(0))
    checkpoint, _ = resolve_model("mini")
    generator = load_generator(checkpoint)
    rows = []
    for halvings in (0, 1):
        part = Part(passes, frames, halvings)
        size = part.camera.width
        paint_once = _painter(part, appearance, generator, size)
        paint_once(min(2, frames))  # the first call chooses kernels
        rows.append((f"ours, {size}x{size}", *_timed(partial(paint_once, frames), frames)))
    theirs = load_generator(checkpoint)

    def their_way() -> None:
        paint_their_way(passes, their_frames, their_size, appearance, theirs)

    rows.insert(0, (f"theirs, {their_size}x{their_size}", *_timed(their_way, their_frames)))
    print(f"mini, {generator.precision}, {torch.get_num_threads()} threads")
    print("| way | processor s/frame | s/frame | frames/s | factor (processor) |")
    print("|---|---|---|---|---|")
    for name, processor, clock in rows:
        factor = rows[0][1] / processor
        print(f"| {name} | {processor:.2f} | {clock:.2f} | {1 / clock:.2f} | {factor:.0f} |")


def paint_their_way(
    passes: PassSet, count: int, size: int, appearance: Image.Image, generator: Generator
) -> list[np.ndarray]:
    """The published scripts' loop with the weights of `generator`."""
    from diffusers import DDIMScheduler, StableDiffusionControlNetPipeline

    from diffsign.generate.personalize.pictures import draw_pose
    from diffsign.render.conditioning import draw_canny

    ours = generator.pipeline
    names = ("vae", "text_encoder", "tokenizer", "unet", "controlnet", "image_encoder")
    pipeline = StableDiffusionControlNetPipeline(
        **{name: getattr(ours, name) for name in names},
        scheduler=DDIMScheduler.from_config(ours.scheduler.config),
        safety_checker=None,
        feature_extractor=ours.feature_extractor,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    sides = (size, size)
    painted = []
    for index in range(count):
        render = Image.fromarray(passes.beauty_srgb(index)).resize(sides)
        pose = Image.fromarray(draw_pose(np.asarray(render)))
        draw_canny(np.asarray(render))
        normal = Image.fromarray(passes.conditioning("normal", index)).resize(sides)
        seen = {"openpose": pose, "normal": normal}
        pipeline.load_ip_adapter(
            str(MINI_FOLDER), subfolder="ip/models", weight_name="ip-adapter_sd15.safetensors"
        )
        pipeline.set_ip_adapter_scale(0.6)
        result = pipeline(
            prompt=PROMPT,
            negative_prompt=NEGATIVE,
            image=[seen[kind] for kind in generator.kinds],
            ip_adapter_image=appearance.convert("RGB"),
            num_inference_steps=THEIR_STEPS,
            guidance_scale=THEIR_GUIDANCE,
            controlnet_conditioning_scale=[1.0] * len(generator.kinds),
            generator=torch.Generator().manual_seed(42),
            output_type="latent",
        )
        painted.append(ours.decode_latents(result.images)[0].permute(1, 2, 0).cpu().numpy())
    return painted


def _painter(
    part: Part, appearance: Image.Image, generator: Generator, size: int
) -> Callable[[int], None]:
    def paint_first(count: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            some = replace(part, count=count)
            paint(some, appearance, "a signer", PaintOptions(size=size), folder, None, generator)

    return paint_first


def _timed(action: Callable[[], Any], frames: int) -> tuple[float, float]:
    processor, clock = time.process_time(), time.perf_counter()
    action()
    return (time.process_time() - processor) / frames, (time.perf_counter() - clock) / frames


# Work


@dataclass(frozen=True)
class Way:
    """How one frame is made: evaluations of the UNet and of each ControlNet, at what size."""

    name: str
    evaluations: int
    controlnets: int
    size: int
    encodes: int
    decodes: int
    tiny: bool = False


WAYS = (
    Way("theirs: 60 steps, guidance, 2 ControlNets, 1024", 120, 2, 1024, 0, 1),
    Way("ours, default: 20 steps, guidance, 3 ControlNets, 512", 40, 3, 512, 1, 1),
    Way("ours, --few-step lcm: 4 steps, 3 ControlNets", 4, 3, 512, 1, 1),
    Way("ours, --few-step lcm --strength 1: nothing to encode", 4, 3, 512, 0, 1),
    Way("ours, --few-step lcm --vae tiny", 4, 3, 512, 1, 1, tiny=True),
    Way("ours, --few-step hyper-sd --steps 2 --vae tiny", 2, 3, 512, 1, 1, tiny=True),
)


def print_work() -> None:
    units = {size: unit_work(size) for size in {way.size for way in WAYS}}
    for size, unit in sorted(units.items()):
        print(f"{size}x{size}, TFLOP:", ", ".join(f"{n} {w:.2f}" for n, w in unit.items()))
    print()
    print("| way | TFLOP/frame | times fewer |")
    print("|---|---|---|")
    work = [way_work(way, units[way.size]) for way in WAYS]
    for way, amount in zip(WAYS, work, strict=True):
        print(f"| {way.name} | {amount:.1f} | {work[0] / amount:.0f} |")


def way_work(way: Way, unit: dict[str, float]) -> float:
    """TFLOP of one frame."""
    coder = "tiny" if way.tiny else "vae"
    networks = way.evaluations * (unit["unet"] + way.controlnets * unit["controlnet"])
    coding = way.encodes * unit[f"{coder} encode"] + way.decodes * unit[f"{coder} decode"]
    return networks + coding


def unit_work(size: int) -> dict[str, float]:
    """TFLOP of one call of each network of SD1.5 for one picture; a multiply-add counts two."""
    from diffusers import AutoencoderTiny, ControlNetModel

    with torch.device("meta"):
        unet, vae = _sd15_unet(), _sd15_vae()
        controlnet = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
        tiny = AutoencoderTiny()
        side = size // 8
        latents, time_ = torch.empty(1, 4, side, side), torch.empty(1)
        text, picture = torch.empty(1, 77, 768), torch.empty(1, 3, size, size)
    return {
        "unet": _counted(lambda: unet(latents, time_, text)),
        "controlnet": _counted(lambda: controlnet(latents, time_, text, picture)),
        "vae encode": _counted(lambda: vae.encode(picture)),
        "vae decode": _counted(lambda: vae.decode(latents)),
        "tiny encode": _counted(lambda: tiny.encode(picture)),
        "tiny decode": _counted(lambda: tiny.decode(latents)),
    }


def _counted(action: Callable[[], Any]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        action()
    return counter.get_total_flops() / 1e12


def _sd15_unet() -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)


def _sd15_vae() -> Any:
    from diffusers import AutoencoderKL

    levels = 4
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )


if __name__ == "__main__":
    main()
