"""Whether the hands have the source's handshape: the angles at the finger joints, in 3-D.

The joint angles do not depend on where the hand is, how large it is or how it is turned, so this
figure judges handshape alone (as joint-angle features do in sign recognition). The chance beside
it pairs the same frames at random: how often hands of this clip agree without meaning to.
"""

from itertools import pairwise

import numpy as np

from ...retarget.keypoints.record import Keypoints
from .alignment import Alignment
from .case import Case
from .metric import Measured, Metric, Value, mean_or_none

AGREES = 15.0
"""Degrees of mean difference up to which two hands have one handshape."""
_FINGERS = tuple((0, *range(first, first + 4)) for first in (1, 5, 9, 13, 17))
_BENDS = np.array([chain[i : i + 3] for chain in _FINGERS for i in range(3)])
_SPREADS = np.array([(a, a + 1, b, b + 1) for a, b in pairwise((1, 5, 9, 13, 17))])
_HANDS = ("left_hand", "right_hand")


def joint_angles(hand: np.ndarray) -> np.ndarray:
    """Degrees (T, 19) of hands (T, 21, 3+): 15 bends of the joints, 4 angles between neighbours.

    A straight joint has 0.
    """
    points = np.asarray(hand, float)[..., :3]
    bends = [(points[:, b] - points[:, a], points[:, c] - points[:, b]) for a, b, c in _BENDS]
    spreads = [
        (points[:, b] - points[:, a], points[:, d] - points[:, c]) for a, b, c, d in _SPREADS
    ]
    return np.stack([_angle(*pair) for pair in (*bends, *spreads)], axis=1)


def _angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    cross = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(cross, (first * second).sum(-1)))


def angle_differences(
    source: Keypoints, output: Keypoints, frames: np.ndarray
) -> dict[str, np.ndarray]:
    """Per hand (T,) the mean absolute difference of the joint angles, degrees.

    frames: (T,) the source's frame for each of the output's. NaN where either lacks the hand.
    """
    result = {}
    for hand in _HANDS:
        wanted, found = getattr(source, hand)[frames], getattr(output, hand)
        both = (wanted[..., 3] > 0).all(1) & (found[..., 3] > 0).all(1)
        apart = np.abs(joint_angles(found) - joint_angles(wanted)).mean(1)
        result[hand] = np.where(both, apart, np.nan)
    return result


def handshape(
    source: Keypoints, output: Keypoints, alignment: Alignment, seed: int = 0
) -> dict[str, float | None]:
    """agreement 0..1 (and of each hand), its chance, and the mean difference in degrees."""
    apart = angle_differences(source, output, alignment.source)
    mixed = np.random.default_rng(seed).permutation(alignment.source)
    by_chance = angle_differences(source, output, mixed)
    every = np.concatenate(list(apart.values()))
    return {
        "agreement": _agreement(every),
        **{hand: _agreement(values) for hand, values in apart.items()},
        "chance": _agreement(np.concatenate(list(by_chance.values()))),
        "degrees": mean_or_none(every),
    }


def _agreement(degrees: np.ndarray) -> float | None:
    known = degrees[np.isfinite(degrees)]
    return float((known <= AGREES).mean()) if len(known) else None


def _measure(case: Case) -> Measured:
    pair = case.source_keypoints, case.output_keypoints
    apart = angle_differences(*pair, case.alignment.source)
    titles = {
        "left_hand": "Handshape difference, left",
        "right_hand": "Handshape difference, right",
    }
    curves = {titles[hand]: values for hand, values in apart.items()}
    return Measured(handshape(*pair, case.alignment), curves)


METRIC = Metric(
    name="handshape",
    title="Handshape agrees with the source (joint angles within 15° on average)",
    unit="share",
    low=0,
    high=1,
    better="higher",
    source="this project; joint angles of MediaPipe's 3-D hand points",
    needs="points of source and output",
    values=(
        Value("agreement", "Handshape agrees"),
        Value("left_hand", "Handshape agrees, left"),
        Value("right_hand", "Handshape agrees, right"),
        Value("chance", "The same with frames paired at random", better="neither"),
        Value("degrees", "Mean difference of joint angles", "{:.1f}°", better="lower"),
    ),
    measure=_measure,
    caveat="Depth of a single picture is a guess: read it against its chance.",
)
