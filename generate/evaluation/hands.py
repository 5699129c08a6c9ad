"""Whether a detector finds the generated hands as often as it finds the source's."""

from ...retarget.keypoints.record import Keypoints


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
