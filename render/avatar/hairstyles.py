"""The hairstyles: how the cap is shaped, where locks grow and which way they fall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from .hairparts import Head, Part, lock_part, shell, spread
from .noise import smoothstep
from .strands import Flow, Locks, Roots, curled, grow, scatter, settled, trimmed


def _down(points: np.ndarray) -> np.ndarray:
    return np.broadcast_to([0.0, -1.0, 0.0], points.shape)


def _crop(head: Head) -> list[Part]:
    cap, _, _ = shell(head, 0.0045, 0.014, rough=0.0008, shade=0.9, grain=(1.0, 1.0, 1.0))
    return [cap]


def _short(head: Head) -> list[Part]:
    sides = head.eye[1] + 0.045 * head.scale

    def thickness(points: np.ndarray) -> np.ndarray:
        return 0.004 + 0.012 * smoothstep(points[:, 1], sides, sides + 0.045)

    cap, scalp, depth = shell(head, thickness, 0.016)
    roots = spread(scalp, depth, 640, 41)
    crown = head.crown()
    part = 0.04 * head.scale

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        away = points - crown
        away[:, 1] *= 0.4
        away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        on_top = smoothstep(points[:, 1], sides, sides + 0.035)[:, None]
        across = np.tanh((points[:, :1] - part) / 0.01)
        swept = np.concatenate([0.75 * across, 0.2 + 0 * across, 0.1 + 0 * across], 1) + 0.35 * away
        side = _down(points) + np.array([0, 0, -0.35]) + 0.2 * away
        return on_top * swept + (1 - on_top) * side

    top = smoothstep(roots.points[:, 1], sides, sides + 0.05)
    front = smoothstep(roots.points[:, 2], head.middle[2], head.eye[2])
    length = head.scale * (0.026 + top * (0.014 + 0.022 * front))
    height = 0.003 + top * (0.011 + 0.007 * front)
    locks = grow(roots, head.obstacle, flow, length, height, 5, lift=0.3)
    return [cap, lock_part(locks, 0.0085, 0.25, 42)]


def _parted(head: Head, roots: Roots, part: float, back: float) -> Flow:
    """Hair that falls to both sides of a part `part` metres to the signer's left."""
    front = roots.points[:, 2] > head.middle[2] + 0.035 * head.scale

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        side = np.tanh((points[:, 0] - part) / 0.012)
        high = smoothstep(points[:, 1], head.eye[1] + 0.05, head.top)
        rearward = smoothstep(points[:, 2], head.middle[2] + 0.05, head.middle[2] - 0.06)
        direction = np.zeros_like(points)
        direction[:, 0] = side * high * (1 - 0.5 * rearward) * 1.1
        direction[:, 1] = -0.25 - 0.9 * (1 - high) - 0.4 * rearward
        direction[:, 2] = -back * (1 - 0.4 * high)
        # Away from the face: what hangs beside it is led outwards and back.
        beside = smoothstep(points[:, 1], head.eye[1] + 0.09, head.eye[1] + 0.05)
        inside = np.abs(points[:, 0]) < head.half_width * 0.96
        push = beside * (inside & (points[:, 2] > head.middle[2] + 0.035))
        direction[:, 0] += np.where(beside < 0.6, side, np.sign(points[:, 0])) * 1.3 * push
        direction[:, 2] -= 1.3 * push
        outside = np.abs(points[:, 0]) > head.half_width + 0.012
        direction[:, 0] -= 1.5 * outside * np.sign(points[:, 0])
        # On the shoulders it slides off to the chest or to the back.
        low = smoothstep(points[:, 1], head.shoulder + 0.05, head.shoulder)
        direction[:, 2] += low * np.where(front, 0.9, -1.1)
        direction[:, 0] -= 0.5 * low * np.sign(points[:, 0]) * (np.abs(points[:, 0]) > 0.05)
        return direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)

    return flow


def _hanging(
    head: Head, reach: float, count: int, steps: int, part: float, seed: int, back: float = 0.3,
    body: float = 0.010,
) -> tuple[Part, Locks]:  # fmt: skip
    """Cap and locks that hang down to the height `reach`."""
    cap, scalp, depth = shell(head, 0.0045, 0.018, shade=0.72)
    roots = spread(scalp, depth, count, seed)
    random = np.random.default_rng(seed)
    drop = roots.points[:, 1] - reach
    across = np.abs(roots.points[:, 0] - part)
    over = smoothstep(roots.points[:, 1], head.eye[1] + 0.02, head.top)
    length = drop * random.uniform(0.94, 1.02, count) * (1.0 + 0.1 * over)
    length += 0.35 * np.maximum(head.half_width - across, 0) * over
    height = body * (0.35 + 0.8 * random.uniform(0, 1, count)) + 0.004 * over
    height *= 0.35 + 0.65 * smoothstep(roots.depth, 0.0, 0.02)
    height *= 0.55 + 0.45 * smoothstep(across, 0.0, 0.04)
    # Over the cap they must show, or the crown looks bald.
    height = np.maximum(height, 0.0062 * smoothstep(roots.depth, 0.0, 0.012))
    flow = _parted(head, roots, part, back)
    locks = grow(roots, head.obstacle, flow, length, height, steps, stiffness=0.5, lift=0.2)
    locks = head.clear_of_face(locks, least=0.5)
    if reach > head.shoulder:
        return cap, locks
    locks = settled(locks, head.obstacle, 0.006)
    # What has slipped under the clothes stays there, and does not come out again further down.
    depth, _ = head.obstacle.clearance(locks.points.reshape(-1, 3))
    under = depth.reshape(locks.points.shape[:2]) < 0.0005
    under[:, :4] = False
    return cap, trimmed(locks, under)


def _bob(head: Head) -> list[Part]:
    cap, locks = _hanging(head, head.chin - 0.012, 560, 9, 0.024, 51, back=0.22, body=0.010)
    return [cap, lock_part(locks, 0.0115, 0.35, 52)]


def _long(head: Head) -> list[Part]:
    reach = head.shoulder - 0.17
    cap, locks = _hanging(head, reach, 330, 16, -0.02, 61, back=0.4, body=0.012)
    return [cap, lock_part(locks, 0.022, 0.2, 62)]


def _curly(head: Head) -> list[Part]:
    cap, scalp, depth = shell(head, 0.014, 0.022, rough=0.003)
    count = 340
    roots = spread(scalp, depth, count, 71)
    crown = head.crown()
    parted = _parted(head, roots, 0.0, 0.1)

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        high = smoothstep(points[:, 1], head.eye[1] + 0.05, head.top - 0.01)[:, None]
        away = points - crown
        away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        return high * away + (1 - high) * parted(points, share)

    random = np.random.default_rng(72)
    drop = roots.points[:, 1] - (head.chin - 0.01)
    length = drop * random.uniform(0.85, 1.0, count)
    ahead = smoothstep(roots.points[:, 2], head.middle[2] + 0.05, head.middle[2] + 0.075)
    middle = smoothstep(np.abs(roots.points[:, 0]), 0.055, 0.035)
    fringe = (ahead * middle)[:]
    length = length * (1 - fringe) + fringe * np.minimum(length, 0.034 * head.scale)
    height = 0.024 * (0.4 + 0.75 * random.uniform(0, 1, count))
    height *= 0.4 + 0.6 * smoothstep(roots.depth, 0.0, 0.02)
    locks = grow(roots, head.obstacle, flow, length, height, 12, stiffness=0.5, lift=0.5)
    locks = head.clear_of_face(locks)
    return [cap, lock_part(curled(locks, 0.0065, 0.055, 73), 0.018, 0.55, 74)]


def _afro(head: Head) -> list[Part]:
    size = 0.055 * head.scale

    def thickness(points: np.ndarray) -> np.ndarray:
        low = smoothstep(points[:, 1], head.eye[1] - 0.08, head.eye[1] + 0.05)
        return size * (0.55 + 0.45 * low)

    cap, _, depth = shell(head, thickness, 0.035, rough=0.007, shade=0.6)
    # Round the outside and give it tufts.
    roots = scatter(cap.sheet, depth, 760, 81, least=0.004)
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
    return [cap, lock_part(tufts, 0.008, 0.5, 84, dark_root=0.8)]


def _combed_to(head: Head, knot: np.ndarray, count: int, seed: int) -> list[Part]:
    """Cap and locks that run close along the head to a knot."""
    cap, scalp, depth = shell(head, 0.006, 0.02, shade=0.75, grain=(1.0, 0.5, 0.15))
    roots = spread(scalp, depth, count, seed)

    def flow(points: np.ndarray, share: np.ndarray) -> np.ndarray:
        towards = knot - points
        return towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-9)

    distance = np.linalg.norm(roots.points - knot, axis=1)
    random = np.random.default_rng(seed)
    length = distance * 1.12
    height = 0.0045 + 0.004 * random.uniform(0, 1, count)
    locks = grow(roots, head.obstacle, flow, length, height, 7, stiffness=0.35, lift=0.12)
    return [cap, lock_part(locks, 0.0105, 0.6, seed + 1, dark_root=0.8)]


def _knot_anchor(parts: list[Part], count: int) -> sparse.csr_matrix:
    return parts[0].sheet.anchor[np.zeros(count, int)]


def _bun(head: Head) -> list[Part]:
    knot = np.array([0.0, head.top - 0.012 * head.scale, head.back + 0.028 * head.scale])
    parts = _combed_to(head, knot, 330, 91)
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
    lift = random.uniform(-1.15, 1.15, count)[:, None] + 0.12 * np.sin(turn * 1.5)
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
    parts = _combed_to(head, knot, 330, 95)
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


STYLES: dict[str, Callable[[Head], list[Part]]] = {
    "crop": _crop,
    "short": _short,
    "bob": _bob,
    "long": _long,
    "bun": _bun,
    "ponytail": _ponytail,
    "afro": _afro,
    "curly": _curly,
}
