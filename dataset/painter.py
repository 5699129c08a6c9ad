"""A rendered sample, painted by a diffusion model. Needs torch; never beside Blender."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..render.avatar.record import Signer
from ..render.dress.caption import describe
from ..render.pass_set import read_pass_set
from .layout import staged_file, work_folder
from .plan import Sample
from .setup import read_setup
from .write_sample import finish_sample


def paint_sample(task: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Paint, steady and enhance the passes of a sample, and write its tar.

    task: as `sample.make_sample`, with the `times` that it gave, and `image`, the appearance's
    path or None.
    """
    from ..generate.expression.enhance import enhance
    from ..generate.options import PaintOptions
    from ..generate.paint import paint
    from ..generate.steady import steady
    from ..render.dress.image_file import load_appearance

    out = Path(task["out"])
    generator = read_setup(out).recipe.generator
    sample = Sample(**task["sample"])
    folder = work_folder(out, sample.id)
    passes = read_pass_set(folder / "passes")
    appearance = load_appearance(Path(task["image"])) if task.get("image") else None
    options = PaintOptions(
        model=generator.model,
        prompt=generator.prompt,
        strength=generator.strength,
        steps=generator.steps,
        seed=sample.seed,
    )
    caption = describe(Signer.from_dict(passes.info["signer"]))
    frames = folder / "painted"
    used = paint(passes, appearance, caption, options, frames, generator=_loaded(generator.model))
    if generator.steady and len(passes) > 1:
        steady(passes, frames, folder / "steady")
        frames = folder / "steady"
    enhance(passes, frames, folder / "enhanced", mode=generator.enhance)
    kept = ("model", "weights", "prompt", "strength", "steps", "guidance", "seed", "size")
    painted = {name: used[name] for name in kept if name in used}

    def picture(index: int) -> np.ndarray:
        from PIL import Image

        with Image.open(folder / "enhanced" / f"{index:05d}.png") as image:
            return np.asarray(image.convert("RGB"))

    finish_sample(staged_file(out, sample.id), folder, task, task["times"], painted, picture)
    shutil.rmtree(folder, ignore_errors=True)
    return {"finished": True}


@lru_cache(maxsize=1)
def _loaded(model: str) -> Any:
    """The checkpoint, loaded once for all samples."""
    from ..generate.checkpoints import resolve_model
    from ..generate.loading import load_generator

    return load_generator(resolve_model(model)[0])
