"""Hair: a shell on the scalp and locks over it, by style."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from .avatar import Material
from .colours import hex_to_linear
from .draft import Draft
from .noise import fractal_noise, smoothstep, value_noise
from .record import Signer
from .scalp import scalp_sheet
from .shape import Shape
from .sheet import Sheet, normals, smooth
from .strands import Flow, Locks, Roots, curled, grow, ribbons, scatter


class Head:
    """Measures of one shaped head that hairstyles are laid out by."""

    def __init__(self, shape: Shape) -> None:
        eyes = [shape.joint(f"{side}_eye_smplhf") for side in ("left", "right")]
        self.shape = shape
        self.eye = (eyes[0] + eyes[1]) / 2
        skin = shape.vertices[:13380][shape.head_weight()[:13380] > 0.9]
        self.top = skin[:, 1].max()
        self.back = skin[:, 2].min()
        self.front = skin[:, 2].max()
        self.half_width = np.abs(skin[skin[:, 1] > self.eye[1] + 0.03, 0]).max()
        self.scale = (self.top - self.eye[1]) / 0.115
        self.middle = np.array(
            [0.0, self.eye[1] + 0.02 * self.scale, (self.back + self.eye[2]) / 2]
        )
        self.chin = self.eye[1] - 0.117 * self.scale
        self.shoulder = shape.joint("left_shoulder")[1] + 0.04

    def crown(self) -> np.ndarray:
        """(3,) where hair parts to all sides, high at the back."""
        return np.array([0.0, self.top, self.middle[2] - 0.03 * self.scale])


def hair_drafts(signer: Signer, shape: Shape) -> tuple[Draft, ...]:
    """The pieces of the signer's hairstyle."""
    if signer.hair_style == "bald":
        return ()
    head = Head(shape)
    parts = _STYLES[signer.hair_style](head)
    colour = hex_to_linear(signer.hair_colour)
    sheets, colours = [], []
    for sheet, shade in parts:
        sheets.append(sheet)
        colours.append(_coloured(colour, shade))
    sheet = _joined(sheets)
    base = smoothstep(sheet.vertices[:, 1], head.chin - 0.01, head.shoulder - 0.07)
    material = Material("hair", "hair", "hair", tuple(colour), 0.5, 0.35, bump=0.0)
    draft = Draft(
        "hair", sheet, np.concatenate(colours), (material,), np.zeros(len(sheet.faces), int),
        weights=_weights(shape, 0.85 * base), two_sided=True,
    )  # fmt: skip
    return (draft,)


def _weights(shape: Shape, low: np.ndarray) -> np.ndarray:
    """(n,55): hair turns with the head; what hangs low lies on the chest and back."""
    names = shape.body.joint_names
    weights = np.zeros((len(low), len(names)))
    weights[:, names.index("head")] = 1 - low
    weights[:, names.index("neck")] = 0.25 * low
    weights[:, names.index("spine3")] = 0.75 * low
    return weights


def _coloured(colour: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """(n,3) the hair colour at brightness `shade` (n,); bright hair is a little yellower."""
    warm = np.array([1.0, 0.96, 0.88])
    bright = np.clip(shade - 1, 0, 1)[:, None]
    return np.clip(colour * shade[:, None] * (1 + bright * (warm - 1)), 0, 1)


def _joined(sheets: list[Sheet]) -> Sheet:
    starts = np.cumsum([0, *(len(sheet.vertices) for sheet in sheets)])
    return Sheet(
        np.concatenate([sheet.vertices for sheet in sheets]),
        np.concatenate([s.faces + start for s, start in zip(sheets, starts, strict=False)]),
        sparse.vstack([sheet.anchor for sheet in sheets]).tocsr(),
    )


Part = tuple[Sheet, np.ndarray]


def shell(
    head: Head,
    thickness: Callable[[np.ndarray], np.ndarray] | float,
    taper: float,
    rough: float = 0.0,
    shade: float = 0.62,
    **line: float,
) -> tuple[Part, Sheet, np.ndarray]:
    """A cap over the scalp, `thickness` metres high away from the hairline, where it dips into the
    skin. Also returns the bare scalp sheet and how far inside the hairline it lies."""
    scalp, depth = scalp_sheet(head.shape, margin=0.004, **line)
    up = smooth(normals(scalp.vertices, scalp.faces), scalp.faces, 6)
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    high = thickness(scalp.vertices) if callable(thickness) else thickness
    rise = smoothstep(depth, -0.004, taper)
    lift = -0.0012 + (high + 0.0012) * rise
    if rough:
        bumps = fractal_noise(scalp.vertices, 0.022, 31, 3)
        lift = lift + rough * rise * bumps
    sheet = scalp.moved(scalp.vertices + np.reshape(lift, (-1, 1)) * up)
    tone = shade * (1 + 0.12 * value_noise(scalp.vertices, 0.006, 17))
    return (sheet, tone), scalp, depth


def lock_part(locks: Locks, width: float, taper: float, seed: int, dark_root: float = 0.55) -> Part:
    """The ribbons of locks with their brightness: each lock its own, dark at the root."""
    random = np.random.default_rng(seed)
    count = len(locks.points)
    sheet, share, lock = ribbons(locks, width * random.uniform(0.7, 1.3, count), taper)
    own = random.uniform(0.72, 1.28, count)[lock]
    middle = np.tile([0.86, 1.1, 0.86], len(share) // 3)
    return sheet, own * middle * np.interp(share, [0, 0.3, 1], [dark_root, 1.0, 1.08])


def _down(points: np.ndarray) -> np.ndarray:
    return np.broadcast_to([0.0, -1.0, 0.0], points.shape)


def _crop(head: Head) -> list[Part]:
    cap, _, _ = shell(head, 0.0045, 0.014, rough=0.0006, shade=0.95)
    return [cap]


def _short(head: Head) -> list[Part]:
    sides = head.eye[1] + 0.045 * head.scale

    def thickness(points: np.ndarray) -> np.ndarray:
        return 0.004 + 0.012 * smoothstep(points[:, 1], sides, sides + 0.045)

    cap, scalp, depth = shell(head, thickness, 0.016)
    roots = scatter(scalp, depth, 620, 41, least=0.002)
    crown = head.crown()

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        away = points - crown
        away[:, 1] *= 0.4
        away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        on_top = smoothstep(points[:, 1], sides, sides + 0.035)[:, None]
        swept = np.array([-0.75, 0.25, 0.1]) + 0.35 * away
        side = _down(points) + np.array([0, 0, -0.35]) + 0.2 * away
        return on_top * swept + (1 - on_top) * side

    top = smoothstep(roots.points[:, 1], sides, sides + 0.05)
    front = smoothstep(roots.points[:, 2], head.middle[2], head.eye[2])
    length = head.scale * (0.016 + top * (0.022 + 0.022 * front))
    height = 0.004 + top * (0.011 + 0.007 * front)
    locks = grow(roots, head.shape, flow, length, height, 6, lift=0.3)
    return [cap, lock_part(locks, 0.0085, 0.25, 42)]


def _parted(head: Head, part: float, back: float) -> Flow:
    """Hair that falls to both sides of a part `part` metres to the signer's left."""

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        side = np.where(points[:, 0] > part, 1.0, -1.0)
        high = smoothstep(points[:, 1], head.eye[1] + 0.05, head.top)
        rearward = smoothstep(points[:, 2], head.middle[2] + 0.05, head.middle[2] - 0.06)
        direction = np.zeros_like(points)
        direction[:, 0] = side * high * (1 - 0.5 * rearward) * 1.1
        direction[:, 1] = -0.25 - 0.9 * (1 - high) - 0.4 * rearward
        direction[:, 2] = -back * (1 - 0.4 * high)
        # Away from the face: what hangs beside it is led outwards and back.
        beside = (points[:, 1] < head.eye[1] + 0.045) & (points[:, 2] > head.middle[2] + 0.035)
        inside = np.abs(points[:, 0]) < head.half_width * 0.96
        push = (beside & inside).astype(float)
        direction[:, 0] += np.sign(points[:, 0]) * 1.2 * push
        direction[:, 2] -= 1.3 * push
        return direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)

    return flow


def _hanging(
    head: Head, reach: float, count: int, steps: int, part: float, seed: int, back: float = 0.3,
    body: float = 0.010, width: float = 0.012,
) -> tuple[Part, Locks]:  # fmt: skip
    """Cap and locks that hang down to the height `reach`."""
    cap, scalp, depth = shell(head, 0.008, 0.018, lower=0.0)
    roots = scatter(scalp, depth, count, seed, least=0.001)
    random = np.random.default_rng(seed)
    drop = roots.points[:, 1] - reach
    across = np.abs(roots.points[:, 0] - part)
    length = drop * random.uniform(0.93, 1.03, count) + 0.35 * np.maximum(
        head.half_width - across, 0
    )
    high = smoothstep(roots.points[:, 1], head.eye[1], head.top)
    height = body * (0.55 + 0.8 * random.uniform(0, 1, count)) + 0.006 * high
    return cap, grow(
        roots, head.shape, _parted(head, part, back), length, height, steps, stiffness=0.5, lift=0.2
    )


def _bob(head: Head) -> list[Part]:
    cap, locks = _hanging(head, head.chin - 0.012, 520, 10, 0.024, 51, back=0.22, body=0.012)
    return [cap, lock_part(locks, 0.013, 0.35, 52)]


def _long(head: Head) -> list[Part]:
    reach = head.shoulder - 0.16
    cap, locks = _hanging(head, reach, 560, 13, -0.02, 61, back=0.5, body=0.013)
    return [cap, lock_part(locks, 0.015, 0.3, 62)]


def _curly(head: Head) -> list[Part]:
    cap, locks = _hanging(head, head.chin - 0.005, 420, 16, 0.01, 71, back=0.2, body=0.026)
    return [cap, lock_part(curled(locks, 0.0075, 0.034, 72), 0.011, 0.5, 73)]


def _afro(head: Head) -> list[Part]:
    size = 0.055 * head.scale

    def thickness(points: np.ndarray) -> np.ndarray:
        low = smoothstep(points[:, 1], head.eye[1] - 0.08, head.eye[1] + 0.05)
        return size * (0.55 + 0.45 * low)

    cap, _, depth = shell(head, thickness, 0.035, rough=0.007, shade=0.6)
    # Round the outside and give it tufts.
    sheet, tone = cap
    roots = scatter(sheet, depth, 900, 81, least=0.004)
    outwards = roots.points - head.middle
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        spread = points - head.middle
        return spread / np.linalg.norm(spread, axis=1, keepdims=True)

    roots = Roots(roots.points, outwards, roots.anchor, roots.depth)
    steps = np.linspace(0, 1, 5)[None, :, None]
    straight = roots.points[:, None] + steps * 0.017 * flow(roots.points, depth)[:, None]
    facing = np.cross(outwards, np.random.default_rng(82).normal(size=outwards.shape))
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    locks = Locks(straight, np.repeat(facing[:, None], 5, 1), roots)
    tufts = curled(locks, 0.004, 0.011, 83)
    return [(sheet, tone), lock_part(tufts, 0.008, 0.5, 84, dark_root=0.8)]


def _combed_to(head: Head, knot: np.ndarray, count: int, seed: int) -> list[Part]:
    """Cap and locks that run close along the head to a knot."""
    cap, scalp, depth = shell(head, 0.006, 0.02, shade=0.75)
    roots = scatter(scalp, depth, count, seed, least=0.0)

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        towards = knot - points
        return towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-9)

    distance = np.linalg.norm(roots.points - knot, axis=1)
    random = np.random.default_rng(seed)
    length = distance * 1.12
    height = 0.0045 + 0.004 * random.uniform(0, 1, count)
    locks = grow(roots, head.shape, flow, length, height, 9, stiffness=0.35, lift=0.12)
    return [cap, lock_part(locks, 0.0105, 0.6, seed + 1, dark_root=0.8)]


def _knot_anchor(parts: list[Part], count: int) -> sparse.csr_matrix:
    return parts[0][0].anchor[np.zeros(count, int)]


def _bun(head: Head) -> list[Part]:
    knot = np.array([0.0, head.top - 0.012 * head.scale, head.back + 0.028 * head.scale])
    parts = _combed_to(head, knot, 460, 91)
    centre = knot + np.array([0.0, 0.018, -0.02]) * head.scale
    turns = _wound(centre, 0.034 * head.scale, 70, 93)
    roots = Roots(turns.points[:, 0], turns.outward[:, 0], _knot_anchor(parts, 70), np.zeros(70))
    parts.append(lock_part(Locks(turns.points, turns.outward, roots), 0.016, 0.6, 94, 0.9))
    return parts


def _wound(centre: np.ndarray, radius: float, count: int, seed: int) -> Locks:
    """Locks wound round a ball, as in a bun."""
    random = np.random.default_rng(seed)
    axis = np.array([0.0, 0.55, -0.83])
    first = np.cross(axis, [1.0, 0, 0])
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    start = random.uniform(0, 2 * np.pi, count)[:, None]
    turn = start + np.linspace(0, 2.6, 12)[None]
    lift = random.uniform(-0.95, 0.95, count)[:, None] + 0.12 * np.sin(turn * 1.5)
    ring = np.sqrt(np.clip(1 - np.clip(lift, -0.98, 0.98) ** 2, 0.02, 1))
    out = (
        (ring * np.cos(turn))[..., None] * first
        + (ring * np.sin(turn))[..., None] * second
        + (0.8 * lift)[..., None] * axis
    )
    wobble = random.uniform(0.9, 1.04, (count, 1, 1))
    unit = out / np.linalg.norm(out, axis=2, keepdims=True)
    points = centre + radius * wobble * out
    empty = Roots(points[:, 0], unit[:, 0], None, np.zeros(count))  # type: ignore[arg-type]
    return Locks(points, unit, empty)


def _ponytail(head: Head) -> list[Part]:
    knot = np.array([0.0, head.eye[1] + 0.055 * head.scale, head.back + 0.004])
    parts = _combed_to(head, knot, 460, 95)
    count, steps = 90, 12
    random = np.random.default_rng(96)
    share = np.linspace(0, 1, steps)[None]
    turn = random.uniform(0, 2 * np.pi, count)[:, None]
    thick = np.sqrt(random.uniform(0.05, 1, count))[:, None] * np.interp(
        share, [0, 0.12, 0.5, 1], [0.011, 0.02, 0.026, 0.012]
    )
    long = 0.24 * head.scale * random.uniform(0.85, 1.0, count)[:, None]
    spine_y = knot[1] - long * share**1.25
    spine_z = knot[2] - 0.012 - 0.055 * np.sin(np.minimum(share * 2.2, 1.9)) * head.scale
    x = thick * np.cos(turn)
    z = spine_z + thick * np.sin(turn)
    points = np.stack([x, spine_y, z], -1)
    outward = np.stack([np.cos(turn) + 0 * share, 0.1 + 0 * x, np.sin(turn) + 0 * share], -1)
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    roots = Roots(points[:, 0], outward[:, 0], _knot_anchor(parts, count), np.zeros(count))
    parts.append(lock_part(Locks(points, outward, roots), 0.014, 0.3, 97, 0.7))
    return parts


_STYLES: dict[str, Callable[[Head], list[Part]]] = {
    "crop": _crop,
    "short": _short,
    "bob": _bob,
    "long": _long,
    "bun": _bun,
    "ponytail": _ponytail,
    "afro": _afro,
    "curly": _curly,
}
