"""Whether the signer stays one person from frame to frame."""

import numpy as np

from .case import Case
from .encoders import face_encoder, unit
from .metric import Measured, Metric, Value
from .sweep import Sweep


def steadiness(features: np.ndarray) -> np.ndarray:
    """Cosine (N,) of every frame's face with the mean of all others: 1 is best. Features (N, D)."""
    faces = unit(features)
    others = faces.sum(0) - faces
    return (faces * unit(others)).sum(-1)


def _of(sweep: Sweep) -> tuple[np.ndarray, np.ndarray]:
    faces = sweep.require_faces()
    return np.array(list(faces)), steadiness(face_encoder()(np.stack(list(faces.values()))))


def _measure(case: Case) -> Measured:
    from ...errors import UserError
    from .unavailable import Unavailable

    frames, steady = _of(case.output_sweep)
    if len(frames) < 2:
        raise Unavailable("a face is found in fewer than two frames")
    worst = int(np.argmin(steady))
    figures: dict[str, float | None] = {
        "mean": float(steady.mean()),
        "worst": float(steady[worst]),
        "worst_frame": int(frames[worst]),
    }
    try:
        figures["source"] = float(_of(case.source_sweep)[1].mean())
    except (Unavailable, UserError):
        figures["source"] = None
    curve = np.full(len(case.output_sweep.successive), np.nan)
    curve[frames] = steady
    return Measured(figures, {"Same face as in the other frames": curve})


METRIC = Metric(
    name="identity",
    title="One signer in all frames",
    unit="cosine of face features",
    low=-1,
    high=1,
    better="higher",
    source="as identity consistency in face generation, with this project's image encoder",
    needs="a face in the generated video",
    values=(
        Value("mean", "Same face in all frames", "{:.3f}"),
        Value("worst", "The same, worst frame", "{:.3f}"),
        Value("source", "The same in the source", "{:.3f}", better="neither"),
    ),
    measure=_measure,
    caveat=(
        "The encoder was trained to see a signer's looks, not to know faces; expression, light and "
        "hands before the face lower it too, and a frozen clip scores 1."
    ),
)
