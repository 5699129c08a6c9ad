"""Detected keypoints as a fit wants them: each hand its own, without gaps.

`keypoints.pose` keeps what the detector said; the repair is made on the way into the fit.
"""

from __future__ import annotations

from dataclasses import replace

from .hand_gaps import bridge
from .hand_identity import BODY_WRIST, own_hands
from .record import Keypoints


def repaired(keypoints: Keypoints) -> Keypoints:
    """The keypoints with hands put right.

    Hands that the detector exchanged go back to their wrists, a hand that was found twice is kept
    once (:mod:`.hand_identity`), and lost hands are bridged at the low confidence
    :data:`.hand_gaps.BRIDGED` (:mod:`.hand_gaps`). A hand that is never seen stays missing.
    """
    left, right = own_hands(
        keypoints.left_hand, keypoints.right_hand, keypoints.body, keypoints.fps
    )
    return replace(
        keypoints,
        left_hand=bridge(left, keypoints.body[:, BODY_WRIST["left"]], keypoints.fps),
        right_hand=bridge(right, keypoints.body[:, BODY_WRIST["right"]], keypoints.fps),
    )
