"""The signer's own resting face, told apart from what the signer expresses.

A clip shows rest + expression; no frame need be neutral. Along most directions the middle of the
clip is the signer's face. Along a few, the *units* below, people hold an expression for long (a
smile, half-closed lids), and there the rest is a one-sided quantile over the clip: eyes are open in
the upper part of their apertures, mouths closed in the lower part of their openings. How far a
signer's rest may lie from the mean body's is known from the spread among people, so what a quantile
would move beyond that spread stays an expression; short clips, whose quantiles say little, are held
nearer to the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .face_model import CANTHI, IRIS_OF, IRISES, LIDS, FaceModel, rigid_ids
from .face_solve import FaceView, pulls, solve_actions


@dataclass(frozen=True)
class Measure:
    """A distance on the face that tells rest from expression.

    Attributes:
        upper, lower: points whose mean places are compared.
        axis: 0 across the face, 1 up it.
        action: moves the rest where the measure is to be mended.
        quantile: of the measure over the clip that is rest.
        spread: metres, standard deviation of the measure among resting faces.
        swing: metres, how far expressions usually take it.
        seconds: how long an expression is held.
    """

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    axis: int
    action: str
    quantile: float
    spread: float
    swing: float
    seconds: float


_NOSE = (2, 98, 327, 1, 4)

MEASURES: tuple[Measure, ...] = (
    Measure((385, 386, 387), (380, 374, 373), 1, "eyeBlinkLeft", 0.8, 0.0012, 0.003, 0.4),
    Measure((158, 159, 160), (153, 145, 144), 1, "eyeBlinkRight", 0.8, 0.0012, 0.003, 0.4),
    Measure((336, 296, 285, 295), (362, 263), 1, "browInnerUp", 0.5, 0.006, 0.003, 0.8),
    Measure((107, 66, 55, 65), (133, 33), 1, "browInnerUp", 0.5, 0.006, 0.003, 0.8),
    Measure((334, 293, 300, 282, 283), (362, 263), 1, "browOuterUpLeft", 0.5, 0.006, 0.003, 0.8),
    Measure((105, 63, 70, 52, 53), (133, 33), 1, "browOuterUpRight", 0.5, 0.006, 0.003, 0.8),
    Measure((13, 82, 312), (14, 87, 317), 1, "jawOpen", 0.1, 0.001, 0.005, 0.4),
    Measure((291, 308), _NOSE, 1, "mouthSmileLeft", 0.1, 0.0015, 0.004, 1.0),
    Measure((61, 78), _NOSE, 1, "mouthSmileRight", 0.1, 0.0015, 0.004, 1.0),
    Measure((291, 308), (61, 78), 0, "mouthPucker", 0.15, 0.002, 0.005, 1.0),
)
"""What may be held through a clip. Quantiles: open eyes are the upper part of the apertures, closed
lips the lower part of the gaps, a mouth that does not smile has the lower part of the corners'
heights. Spreads among people: anthropometry gives the palpebral fissure 10 +- 1 mm, the brow above
the eye +- 3 to 4 mm (Farkas 1994); those of the mouth are set smaller, since a mouth taken for
wide and raised would hide a smile."""

_PRIOR_SECONDS = 1.5
"""A clip of this length says as much of a face as what is known of people."""

_LOW = 0.25
"""What an action does not fall below in most of a clip is no expression but the face."""

ROUNDS = 5
_MOST_FRAMES = 80
_BROAD, _LOCAL, _REACH = 0.003, 0.0006, 0.015
"""Metres by which signers' faces differ broadly and point by point, and how far broadly is."""

_GAZE = "eyeLook"


def signer_face(
    model: FaceModel, view: FaceView, price: float, fps: float, rounds: int = ROUNDS
) -> tuple[FaceModel, FaceView, np.ndarray]:
    """The model with this signer's rest, and the frames it was found on, with their shares (T, C).

    The offset is three-dimensional: what one view does not show (depth) another one may, and what
    none shows stays the body's.
    """
    stride = max(1, -(-len(view.pixels) // _MOST_FRAMES))
    sample = view.part(slice(None, None, stride))
    seconds = len(view.pixels) / fps
    trust = seconds / (seconds + _PRIOR_SECONDS)
    base, moves = model.rest, model.moves
    gaze = np.array([name.startswith(_GAZE) for name in model.names])
    shares = None
    for _ in range(rounds):
        actions, sample, shares = solve_actions(model, sample, price, shares, 2, True)
        force, metric = pulls(model, sample, actions)
        mean = metric.mean(0) + 1e-6 * np.eye(3)
        left = np.linalg.solve(mean, force.mean(0).T).T
        if sample.depth is None:
            left[:, 2] = 0  # one signer's head turns too little to tell depth from pixels alone
        seen = left + model.shown(actions)
        constant = np.where(gaze, 0, np.quantile(actions, _LOW, axis=0)) * trust
        offset = model.rest + left + model.moves @ constant - base
        noise = np.sqrt((force**2).mean((0, 1))).mean() / np.sqrt(len(force))
        offset = _plausible(base, offset, noise / np.sqrt(np.diag(mean)))
        offset = _without_rigid(model, base, offset)
        rest = _mended(base + offset, base, moves, model.names, seen, seconds)
        rest = _level_irises(base, rest, seen, sample, seconds, model.eye_spread)
        model = _scaled_lids(replace(model, moves=moves), base, rest)
    _, sample, shares = solve_actions(model, sample, price, shares, 2, True)
    return model, sample, shares


def _measured(points: np.ndarray, measure: Measure) -> np.ndarray:
    """Of points (..., N, 3)."""
    ends = [points[..., list(ids), measure.axis].mean(-1) for ids in (measure.upper, measure.lower)]
    return ends[0] - ends[1]


def _mended(
    rest: np.ndarray,
    base: np.ndarray,
    moves: np.ndarray,
    names: tuple[str, ...],
    seen: np.ndarray,
    seconds: float,
) -> np.ndarray:
    """The rest with every measure at what is rest for it in the clip (T, N, 3) that was seen."""
    wanted = [
        _resting(_measured(seen, measure), float(_measured(base, measure)), measure, seconds)
        for measure in MEASURES
    ]
    ways = np.stack([moves[:, :, names.index(measure.action)] for measure in MEASURES], -1)
    now = np.array([_measured(rest, measure) for measure in MEASURES])
    effect = np.stack([_measured(np.moveaxis(ways, -1, 0), measure) for measure in MEASURES])
    amounts = np.linalg.lstsq(effect, np.array(wanted) - now, rcond=0.05)[0]
    return rest + ways @ amounts


def _resting(values: np.ndarray, usual: float, measure: Measure, seconds: float) -> float:
    """Where values (T,) rest: the quantile in the sense of Koenker & Bassett (1978), whose loss is
    that of expressions, beside the prior of what is usual."""
    levels = np.linspace(min(values.min(), usual), max(values.max(), usual), 101)
    above = values[:, None] - levels
    expressed = np.maximum(measure.quantile * above, (measure.quantile - 1) * above).mean(0)
    loss = expressed / measure.swing * seconds / measure.seconds
    return float(levels[(loss + ((levels - usual) / measure.spread) ** 2 / 2).argmin()])


def _plausible(base: np.ndarray, offset: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The offset (N, 3) that a signer's face is likely to have, when it was measured with noise (3)
    in metres: a Gaussian process over the face, since neighbouring points are near each other in
    every face."""
    distance = np.linalg.norm(base[:, None] - base[None], axis=-1)
    kernel = _BROAD**2 * np.exp(-((distance / _REACH) ** 2) / 2)
    kernel[np.diag_indices(len(base))] += _LOCAL**2
    result = np.empty_like(offset)
    for axis in range(3):
        system = kernel + np.diag(np.full(len(base), noise[axis] ** 2))
        result[:, axis] = kernel @ np.linalg.solve(system, offset[:, axis])
    return result


def _without_rigid(model: FaceModel, base: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Take a turn, a shift and a change of size out of an offset: those are the head's."""
    design = model.with_rest(base).rigid()
    rows = rigid_ids()
    part = design[rows].reshape(-1, 7)
    amount = np.linalg.lstsq(part, offset[rows].ravel(), rcond=None)[0]
    return offset - design @ amount


_EYE_RADIUS = 0.0159


def _level_irises(
    base: np.ndarray,
    rest: np.ndarray,
    seen: np.ndarray,
    view: FaceView,
    seconds: float,
    spread: float,
) -> np.ndarray:
    """Irises at rest lie between the corners of the eye as in the body. Eyes differ by a millimetre
    from that, a third of their range upwards; that much is found from whom signers mostly look at:
    the camera."""
    eyes = rest[[row for side in CANTHI.values() for row in side]].mean(0)
    towards = -np.einsum("tij,ti->tj", view.turn, view.place) - eyes
    looking = _EYE_RADIUS * towards[:, :2] / np.linalg.norm(towards, axis=1, keepdims=True)
    rest = rest.copy()
    found = []
    for side, rows in IRIS_OF.items():
        corners = list(CANTHI[side])
        rest[rows] = base[rows] + (rest[corners] - base[corners]).mean(0)
        found.append((seen[:, rows] - rest[rows]).mean(1)[:, :2] - looking)
    usual = Measure((), (), 0, "", 0.5, spread, 0.002, 0.5)
    shift = [_resting(values, 0.0, usual, seconds) for values in np.mean(found, axis=0).T]
    rest[IRISES, :2] += shift
    return rest


def _aperture(rest: np.ndarray, side: str) -> float:
    upper, lower = (
        ((159, 158, 160), (145, 153, 144))
        if side == "Right"
        else ((386, 385, 387), (374, 380, 373))
    )
    return float((rest[list(upper)] - rest[list(lower)])[:, 1].mean())


def _scaled_lids(model: FaceModel, base: np.ndarray, rest: np.ndarray) -> FaceModel:
    """Let a blink close this signer's eyes, however wide they are."""
    moves = model.moves.copy()
    for side in ("Left", "Right"):
        before, after = _aperture(base, side), _aperture(rest, side)
        ratio = np.clip(after / max(before, 1e-3), 0.5, 1.5)
        rows = list(LIDS[side])
        moves[rows, :, model.column(f"eyeBlink{side}")] *= ratio
    return replace(model, rest=rest, moves=moves)
