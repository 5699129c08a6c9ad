"""AnimateDiff's motion modules (Guo et al. 2024) in SD1.5's UNet: attention between frames.

diffusers' pipelines for AnimateDiff begin from noise or from a whole video, with samplers of their
own. Here only the UNet is exchanged: it takes a batch as the frames of one window, so strength,
ControlNets, IP-Adapter, masks and noise stay those of every other model.

Importing this module loads torch and diffusers.
"""

from typing import Any

import torch
from diffusers import MotionAdapter, UNetMotionModel

from ..errors import UserError


class ClipUNet(UNetMotionModel):
    """A UNet that takes and gives (B,C,h,w), where the B are the frames of one window, or of two
    under guidance: `frames` says how many a window has."""

    frames = 1

    def forward(self, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """As UNet2DConditionModel's; the prediction (B,C,h,w) in a tuple."""
        clips = sample.unflatten(0, (-1, self.frames)).transpose(1, 2)
        kwargs["return_dict"] = False
        (predicted,) = super().forward(clips, *args, **kwargs)
        return (predicted.transpose(1, 2).flatten(0, 1),)


def with_motion(unet: Any, modules: MotionAdapter, name: str) -> ClipUNet:
    """`unet` with motion modules between its layers.

    Raises:
        UserError: the modules are for a UNet of another size.
    """
    theirs, ours = list(modules.config["block_out_channels"]), list(unet.config.block_out_channels)
    if theirs != ours:
        raise UserError(
            f"The motion module {name} does not fit: its layers have {theirs} channels, the "
            f"UNet's {ours}."
        )
    try:
        return ClipUNet.from_unet2d(unet, modules).eval()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"The motion module {name} does not fit the UNet ({reason}).") from error
