"""What a fitted motion says over time, for the report's curves."""

import numpy as np

from ...retarget.motion import CONFIDENCE_PARTS, Motion

_MOVES = 0.1  # of an action's range: what stays below is rest and noise
_MOST = 12


def fitted_curves(motion: Motion) -> dict[str, np.ndarray]:
    """Confidence of the parts and the facial actions that move most: title to (T,) in 0..1."""
    curves = {
        f"Confidence, {part.replace('_', ' ')}": np.asarray(motion.confidence[part], float)
        for part in CONFIDENCE_PARTS
    }
    spread = np.ptp(motion.facial_actions, axis=0) if motion.frame_count else np.zeros(0)
    for index in np.argsort(-spread)[:_MOST]:
        if spread[index] >= _MOVES:
            name = motion.facial_action_names[index]
            curves[f"Action, {name}"] = motion.facial_actions[:, index].astype(float)
    return curves
