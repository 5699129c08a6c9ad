"""Pictures that the model makes of given poses: the prior, and samples while it learns.

Importing this module loads torch.
"""

from collections.abc import Sequence

import numpy as np

from ..canvas import Canvas
from ..frames import FrameInputs
from ..loading import Generator
from ..options import PaintOptions, resolve_settings
from ..sampling import embed_guidance, paint_frames
from .pictures import Picture

STEPS = {1.0: 8}
"""Evaluations for a picture from pure noise, where the checkpoint paints without guidance."""


def draw_pictures(
    generator: Generator, poses: Sequence[Picture], texts: Sequence[str], seed: int
) -> list[np.ndarray]:
    """For each text a picture (S,S,3) uint8 from pure noise, in the pose of the same place."""
    defaults = generator.checkpoint.defaults
    size = poses[0].pixels.shape[0]
    drawn = []
    for number, (pose, text) in enumerate(zip(poses, texts, strict=True)):
        scales = {kind: 0.0 for kind in generator.kinds}
        scales["openpose"] = 1.0 if pose.posed else 0.0
        options = PaintOptions(
            prompt=text,
            strength=1.0,
            steps=max(defaults.steps, STEPS.get(defaults.guidance, 0)),
            conditioning_scales=scales,
            seed=seed + number,
            noise="fixed",
            size=size,
            detail=0.0,
            keep_background=False,
        )
        settings = resolve_settings(options, generator.checkpoint, precision=generator.precision)
        inputs = FrameInputs(pose.pixels, {kind: pose.pose for kind in generator.kinds})
        guidance = embed_guidance(generator, settings)
        sides = (size, size)
        canvas = Canvas(sides, sides, sides)
        drawn += paint_frames(generator, settings, guidance, canvas, [0], [inputs])
    return drawn
