"""Whether a detector finds the generated hands as often as it finds the source's."""

from ...retarget.keypoints.record import Keypoints
from .metric import Measured, Metric, Value


def hands_found(source: Keypoints, generated: Keypoints) -> dict[str, dict[str, float | None]]:
    """Per hand: share of frames with it in the source and in the generated clip, and their ratio.

    The same detector on both clips (MediaPipe Holistic), so what it misses anyway cancels. The
    ratio is 1 when nothing is lost, higher is better; None where the source never shows the hand.
    Left and right are the signer's own.
    """
    found: dict[str, dict[str, float | None]] = {}
    for hand in ("left_hand", "right_hand"):
        before, after = float(source.seen(hand).mean()), float(generated.seen(hand).mean())
        ratio = after / before if before > 0 else None
        found[hand] = {"source": before, "generated": after, "ratio": ratio}
    return found


METRIC = Metric(
    name="hands",
    title="Hands found as often as in the source",
    unit="ratio of the shares of frames",
    low=0,
    high=float("inf"),
    better="higher",
    source="this project, with MediaPipe Holistic",
    needs="points of source and output",
    values=(
        Value("left_hand.ratio", "Left hand found, against source", aim=0.7),
        Value("right_hand.ratio", "Right hand found, against source", aim=0.7),
    ),
    measure=lambda case: Measured(hands_found(case.source_keypoints, case.output_keypoints)),
)
