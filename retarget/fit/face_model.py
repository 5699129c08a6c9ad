"""The face as its detector sees it: points that move linearly with the facial actions.

Everything is in the head's frame (the rest frame of the body, origin at the head joint, metres).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..body.landmarks import landmarks
from ..body.model import Body
from ..body.skeleton import INDEX
from .points import RIGID_FACE

IRISES = slice(468, 478)
IRIS_OF = {"Right": slice(468, 473), "Left": slice(473, 478)}
CANTHI = {"Right": (33, 133), "Left": (362, 263)}
LIDS = {
    "Right": (246, 161, 160, 159, 158, 157, 173, 7, 163, 144, 145, 153, 154, 155, 33, 133),
    "Left": (466, 388, 387, 386, 385, 384, 398, 249, 390, 373, 374, 380, 381, 382, 263, 362),
}
BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Regions of MediaPipe's face mesh (its own lists of connections)."""

_BOOST = ((tuple(LIDS["Left"] + LIDS["Right"]), 4.0), (BROWS, 3.0), (LIPS, 2.0))
_IRIS_BOOST = 3.0
_OUTLINE_SHARE = 0.1
"""Weights beside an even weight per area: what carries grammar counts more; the outline of the
face, which slides over the skin as the head turns, counts little."""


@dataclass(frozen=True)
class Words:
    """What faces do: a dictionary of C entries, each a few actions together.

    Both sides of a face mostly act alike and both eyes look alike, so a pair costs little more
    than one of its sides; a side alone is there for those who raise one brow.

    Attributes:
        actions: (A, C) the shares of the actions in each entry. price: (C,) how rare each is.
        against: (C, C) 1 where two entries hold opposite actions.
    """

    actions: np.ndarray
    price: np.ndarray
    against: np.ndarray

    def spell(self, shares: np.ndarray) -> np.ndarray:
        """Actions (T, A) of shares (T, C) of the entries."""
        return np.minimum(shares @ self.actions.T, 1.0)


_COMMON = ("eyeBlink", "mouthSmile", "jawOpen", "brow")
_RARE = {
    "eyeSquint": 0.6,
    "mouthFrown": 0.6,
    "mouthStretch": 0.6,
    "mouthRoll": 0.7,
    "eyeWide": 1.5,
    "cheek": 4.0,
    "noseSneer": 2.0,
    "jawLeft": 2.0,
    "jawRight": 2.0,
    "mouthDimple": 2.0,
    "mouthClose": 3.0,
    "mouthLowerDown": 1.5,
    "mouthUpperUp": 1.5,
    "jawForward": 4.0,
    "tongueOut": 20.0,
}
"""Prices beside 1: 0.5 for what is common, more for what is rare or hardly shows in the points."""

_ONE_SIDE, _ONE_EYE, _PAIR = 1.0, 6.0, 1.2
_TOGETHER = ("mouthLowerDown", "mouthUpperUp", "eyeWide", "eyeSquint", "noseSneer", "mouthStretch")
"""What one side hardly ever does alone, and then costs twice as much."""

_NO_PAIR = ("eyeLook", "jaw", "mouthLeft")
_RAISED_BROWS = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")
_GAZES = (
    ("eyeLookOutLeft", "eyeLookInRight"),
    ("eyeLookInLeft", "eyeLookOutRight"),
    ("eyeLookUpLeft", "eyeLookUpRight"),
    ("eyeLookDownLeft", "eyeLookDownRight"),
)


_OPPOSITES = (
    ("jawLeft", "jawRight"),
    ("browInnerUp", "browDownLeft"),
    ("browInnerUp", "browDownRight"),
    ("mouthLeft", "mouthRight"),
    ("mouthPucker", "mouthStretchLeft"),
    ("mouthPucker", "mouthStretchRight"),
    *(
        (first + side, second + side)
        for side in ("Left", "Right")
        for first, second in (
            ("eyeBlink", "eyeWide"),
            ("eyeSquint", "eyeWide"),
            ("eyeBlink", "eyeSquint"),
            ("mouthSmile", "mouthFrown"),
            ("browDown", "browOuterUp"),
            ("eyeLookUp", "eyeLookDown"),
            ("eyeLookIn", "eyeLookOut"),
        )
    ),
)
"""Muscles that pull against each other; where two words fit, one is said."""


def _price(name: str) -> float:
    if name.startswith(_COMMON):
        return 0.5
    return next((cost for start, cost in _RARE.items() if name.startswith(start)), 1.0)


def words(names: tuple[str, ...]) -> Words:
    """The dictionary over the actions of the given names."""
    entries: list[tuple[tuple[str, ...], float]] = []
    for name in names:
        alone = 2.0 if name.startswith(_TOGETHER) else _ONE_EYE if "eyeLook" in name else _ONE_SIDE
        entries.append(((name,), _price(name) * alone))
        other = name.replace("Left", "Right")
        paired = name.endswith("Left") and not name.startswith(_NO_PAIR)
        if paired:
            entries.append(((name, other), _price(name) * _PAIR))
    entries += [(pair, 0.5) for pair in _GAZES]
    entries.append((_RAISED_BROWS, _price("brow") * _PAIR))
    actions = np.zeros((len(names), len(entries)))
    for column, (members, _) in enumerate(entries):
        actions[[names.index(member) for member in members], column] = 1
    opposite = np.zeros((len(names), len(names)))
    for first, second in _OPPOSITES:
        pair = names.index(first), names.index(second)
        opposite[pair] = opposite[pair[::-1]] = 1
    against = actions.T @ opposite @ actions
    return Words(actions, np.array([price for _, price in entries]), np.minimum(against, 1))


@dataclass(frozen=True)
class FaceModel:
    """A signer's face of N detector points and A actions, in the head's frame in metres.

    Attributes:
        rest: (N, 3) the resting face. moves: (N, 3, A) what each action adds at 1.
        weights: (N,) how much each point counts; their mean is 1.
        names: of the actions. words: what faces do with them.
        eye_spread: metres by which irises at rest may lie elsewhere in the eye than here.
    """

    rest: np.ndarray
    moves: np.ndarray
    weights: np.ndarray
    names: tuple[str, ...]
    words: Words
    eye_spread: float

    def column(self, name: str) -> int:
        return self.names.index(name)

    def shown(self, actions: np.ndarray) -> np.ndarray:
        """Points (T, N, 3) with actions (T, A)."""
        moved = actions @ self.moves.reshape(-1, len(self.names)).T
        return self.rest + moved.reshape(len(actions), -1, 3)

    def with_rest(self, rest: np.ndarray) -> FaceModel:
        return replace(self, rest=rest)

    def rigid(self) -> np.ndarray:
        """(N, 3, 7): what a small turn (3), shift (3) and growth (1) of the head does to a point.

        Growth stands for depth, which shows in the picture as size alone.
        """
        x, y, z = self.rest.T
        zero = np.zeros_like(x)
        turn = np.stack([zero, z, -y, -z, zero, x, y, -x, zero], -1).reshape(-1, 3, 3)
        shift = np.broadcast_to(np.eye(3), (len(x), 3, 3))
        return np.concatenate([turn, shift, self.rest[:, :, None]], -1)


_OWN_EYES, _SIGNERS_EYES = 0.0003, 0.001


def face_model(
    body: Body, betas: np.ndarray, response: tuple[np.ndarray, np.ndarray] | None = None
) -> FaceModel:
    """The face of a body of the given betas (B,).

    Args:
        response: the detector's bias (N, 3) and answers (N, 3, A) of :mod:`.face_response`; the
            mesh's own points and movements where None.
    """
    points = landmarks(body).face
    ids, shares = points.vertex_ids, points.vertex_weights
    betas = np.asarray(betas, float)
    vertices = body.v_template + body.shapedirs[:, :, : len(betas)] @ betas
    head = body.J_regressor[INDEX["head"]] @ vertices
    rest = np.einsum("nk,nkd->nd", shares, vertices[ids]) - head
    moves = np.einsum("nk,nkda->nda", shares, body.actiondirs[ids])
    spread = _OWN_EYES if response is None else _SIGNERS_EYES
    if response is not None:
        rest, moves = rest + response[0], response[1]
    names = body.action_names
    return FaceModel(rest, moves.astype(float), _weights(rest), names, words(names), spread)


def _weights(rest: np.ndarray) -> np.ndarray:
    """An even weight per area of the face, times the regions' own."""
    distance = np.linalg.norm(rest[:, None] - rest[None], axis=-1)
    crowd = np.exp(-((distance / 0.006) ** 2)).sum(1)
    weights = 1 / crowd
    weights[list(OUTLINE)] *= _OUTLINE_SHARE
    for ids, boost in _BOOST:
        weights[list(ids)] = boost / 3
    weights[IRISES] = _IRIS_BOOST / 3
    return weights / weights.mean()


def rigid_ids() -> list[int]:
    """Points that expressions hardly move."""
    return list(RIGID_FACE)
