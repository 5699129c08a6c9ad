"""Share of the hands' points that lie where the source's are (PCK).

Yang and Ramanan 2013; for hands as Simon et al. 2017, with the hand's own size as the ruler.
"""

import numpy as np

from ...retarget.keypoints.record import Keypoints
from .alignment import Alignment
from .case import Case
from .metric import Measured, Metric, Value, mean_or_none
from .normalise import by_shoulders

NEAR = 0.2
"""Share of the longer side of the source's hand within which a point counts as right."""
_PALM = [0, 5, 9, 13, 17]
_HANDS = ("left_hand", "right_hand")


def hand_pck(
    source: Keypoints, output: Keypoints, alignment: Alignment, at_palm: bool = False
) -> dict[str, np.ndarray]:
    """Per hand (T,) the share of right points in each frame of the output: 0..1, higher is better.

    A point is right that lies nearer than a fifth of the source's hand (longer side of its box) to
    the source's, both clips centred and scaled by their shoulders; `at_palm` first lays palm on
    palm, which leaves handshape and orientation alone. A hand that the output lacks is all wrong;
    frames in which the source lacks it are NaN. Raises Unavailable without shoulders.
    """
    before, after = by_shoulders(source), by_shoulders(output)
    shares = {}
    for hand in _HANDS:
        wanted, found = before[hand][alignment.source], after[hand]
        there = wanted[..., 3] > 0
        low = np.where(there[..., None], wanted[..., :2], np.inf).min(1)
        high = np.where(there[..., None], wanted[..., :2], -np.inf).max(1)
        apart = found[..., :2] - wanted[..., :2]
        if at_palm:
            apart = apart - apart[:, _PALM].mean(1, keepdims=True)
        near = np.linalg.norm(apart, axis=-1) < NEAR * (high - low).max(1)[:, None]
        right = (near & (found[..., 3] > 0) & there).sum(1)
        shares[hand] = np.where(there.any(1), right / np.maximum(there.sum(1), 1), np.nan)
    return shares


def _measure(case: Case) -> Measured:
    pair = case.source_keypoints, case.output_keypoints, case.alignment
    placed, shaped = hand_pck(*pair), hand_pck(*pair, at_palm=True)
    figures = {hand: mean_or_none(share) for hand, share in placed.items()}
    figures["all"] = mean_or_none(np.concatenate(list(placed.values())))
    figures["at_palm"] = mean_or_none(np.concatenate(list(shaped.values())))
    titles = {"left_hand": "PCK, left hand", "right_hand": "PCK, right hand"}
    return Measured(figures, {titles[hand]: share for hand, share in placed.items()})


METRIC = Metric(
    name="hand_pck",
    title="Hand points where the source's are (PCK at 0.2 of the hand)",
    unit="share",
    low=0,
    high=1,
    better="higher",
    source="Yang and Ramanan 2013; Simon et al. 2017",
    needs="points of source and output",
    values=(
        Value("all", "PCK of both hands"),
        Value("left_hand", "PCK, left hand"),
        Value("right_hand", "PCK, right hand"),
        Value("at_palm", "PCK with palm on palm"),
    ),
    measure=_measure,
    caveat="The detector's own noise counts as error.",
)
