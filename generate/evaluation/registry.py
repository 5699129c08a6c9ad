"""Every metric, in the order of the report."""

from . import (
    back_translation,
    clip_direction,
    colours,
    face_signals,
    frechet,
    hand_pck,
    hands,
    handshape,
    identity,
    pictures,
    pose_distance,
    reidentification,
    reprojection,
    ssim,
)
from .metric import Metric

METRICS: tuple[Metric, ...] = (
    reprojection.METRIC,
    pose_distance.METRIC,
    hand_pck.METRIC,
    handshape.METRIC,
    hands.METRIC,
    face_signals.METRIC,
    back_translation.METRIC,
    pictures.SILHOUETTE,
    colours.METRIC,
    identity.METRIC,
    reidentification.METRIC,
    pictures.WARP_ERROR,
    ssim.METRIC,
    pictures.TO_RENDER,
    frechet.METRIC,
    clip_direction.METRIC,
)
