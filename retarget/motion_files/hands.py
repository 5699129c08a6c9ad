"""Hand poses of other tools as rotations of the flat hand's joints.

SMPL-X files may hold hands in three ways: relative to the flat hand (as here), relative to the mean
hand of the model, or as a code of its principal components. The last two need numbers that are part
of the licensed model and so come from the user's own file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError
from ..body.smplx_file import find_smplx

WIDTH = 45


@dataclass(frozen=True)
class HandSpace:
    """The mean (45,) and the principal components (K, 45) of each hand of an SMPL-X model."""

    mean: dict[str, np.ndarray]
    components: dict[str, np.ndarray]


def read_hand_space(path: str | Path) -> HandSpace:
    """The hand space of the user's SMPL-X file (or of the one in a folder).

    Raises:
        UserError: no such file, or no hands in it.
    """
    path = find_smplx(Path(path))
    try:
        with np.load(path, allow_pickle=False) as data:
            return HandSpace(
                {side: data[f"hands_mean{side[0]}"].reshape(WIDTH) for side in ("left", "right")},
                {
                    side: data[f"hands_components{side[0]}"].reshape(-1, WIDTH)
                    for side in ("left", "right")
                },
            )
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"{path} holds no hands of SMPL-X ({error}).") from error


def flat_hand(
    pose: np.ndarray, side: str, relative_to_flat: bool, space: HandSpace | None, name: str
) -> np.ndarray:
    """(T, 45) rotation vectors relative to the flat hand.

    Args:
        pose: (T, 45), or (T, K) with K < 45 as a code of principal components.
        side: left or right.
        relative_to_flat: what a pose of full width is relative to; codes are always about the mean.
        space: the user's model, where it is given.
        name: of the file, for messages.

    Raises:
        UserError: the model is needed and not given.
    """
    width = pose.shape[1]
    if width == WIDTH and relative_to_flat:
        return pose
    if width > WIDTH:
        raise UserError(
            f"{name} has {width} numbers for the {side} hand, where SMPL-X has 45 or fewer."
        )
    if space is None:
        what = (
            "relative to SMPL-X's mean hand"
            if width == WIDTH
            else f"as a code of {width} principal components"
        )
        need = "mean" if width == WIDTH else "mean and components"
        flat = ", or write flat_hand_mean=True into it if they are not" if width == WIDTH else ""
        raise UserError(
            f"{name} holds the hands {what}, and the {need} are part of the SMPL-X model: give "
            f"your copy with --body-path{flat}."
        )
    full = pose if width == WIDTH else pose @ space.components[side][:width]
    return full + space.mean[side]
