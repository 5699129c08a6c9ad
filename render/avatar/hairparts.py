"""What hairstyles are made of: a cap on the scalp, and locks that grow through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .charts import unrolled
from .noise import fractal_noise, smoothstep, value_noise
from .scalp import scalp_sheet
from .shape import Shape, Surface
from .sheet import Sheet, normals, smooth
from .strands import Locks, Roots, ribbons, scatter, trimmed

_STRIP = 0.125  # of a strand texture's width on one lock


class Head:
    """Measures of one shaped head that hairstyles are laid out by, and what hair lies on."""

    def __init__(self, shape: Shape, obstacle: Surface) -> None:
        eyes = [shape.joint(f"{side}_eye_smplhf") for side in ("left", "right")]
        self.shape = shape
        self.obstacle = obstacle
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

    def clear_of_face(self, locks: Locks, least: float = 0.0) -> Locks:
        """Locks cut short before they fall over the brows and eyes; those of which less than the
        share `least` would be left are taken out."""
        points = locks.points
        low = points[..., 1] < self.eye[1] + 0.036 * self.scale
        ahead = points[..., 2] > self.eye[2] - 0.035
        over = low & ahead & (np.abs(points[..., 0]) < 0.051 * self.scale)
        left = np.where(over.any(axis=1), over.argmax(axis=1) / over.shape[1], 1.0)
        keep = left >= least
        return trimmed(
            Locks(points[keep], locks.outward[keep], locks.roots.chosen(keep)), over[keep]
        )

    def crown(self) -> np.ndarray:
        """(3,) where hair parts to all sides, high at the back."""
        return np.array([0.0, self.top, self.middle[2] - 0.03 * self.scale])


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the hair: its surface, brightness per vertex (n,), how much skin shows (n,), and,
    of locks, texture coordinates (n,2): across the lock, and along it from the root."""

    sheet: Sheet
    shade: np.ndarray
    skin: np.ndarray | float = 0.0
    uv: np.ndarray | None = None


def shell(
    head: Head,
    thickness: Callable[[np.ndarray], np.ndarray] | float,
    taper: float,
    rough: float = 0.0,
    shade: float = 0.62,
    grain: tuple[float, float, float] = (0.15, 0.5, 1.0),
    **line: float,
) -> tuple[Part, Sheet, np.ndarray]:
    """A cap over the scalp, `thickness` metres high away from the hairline, where it dips into the
    skin. `grain`: how fast strands vary along x, y and z; least along the way they lie. Also
    returns the bare scalp sheet and how far inside the hairline it lies.
    """
    scalp, depth = scalp_sheet(head.shape, margin=0.004, **line)
    up = smooth(normals(scalp.vertices, scalp.faces), scalp.faces, 6)
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    high = thickness(scalp.vertices) if callable(thickness) else thickness
    rise = smoothstep(depth, -0.004, taper)
    lift = -0.0012 + (high + 0.0012) * rise
    if rough:
        bumps = fractal_noise(scalp.vertices, 0.022, 31, 3)
        lift = lift + rough * rise * bumps
    strands = value_noise(scalp.vertices * grain, 0.0045, 17)
    lift = lift + 0.0009 * rise * strands
    sheet = scalp.moved(scalp.vertices + np.reshape(lift, (-1, 1)) * up)
    tone = shade * (1 + 0.22 * strands)
    edge = depth + 0.0012 * value_noise(scalp.vertices, 0.004, 18)
    return Part(sheet, tone, 0.85 * smoothstep(edge, 0.006, -0.002)), scalp, depth


def lock_part(locks: Locks, width: float, taper: float, seed: int, dark_root: float = 0.55) -> Part:
    """The ribbons of locks with their brightness: each lock its own, dark at the root."""
    random = np.random.default_rng(seed)
    count = len(locks.points)
    sheet, share, lock = ribbons(locks, width * random.uniform(0.7, 1.3, count), taper)
    own = random.uniform(0.72, 1.28, count)[lock]
    middle = np.tile([0.86, 1.1, 0.86], len(share) // 3)
    shade = own * middle * np.interp(share, [0, 0.3, 1], [dark_root, 1.0, 1.08])
    # A strip of a strand texture for each lock; strips overlap, so that locks differ.
    strip = random.uniform(0, 1 - _STRIP, count)[lock]
    across = np.tile([0.0, 0.5, 1.0], len(share) // 3)
    return Part(sheet, shade, uv=np.stack([strip + _STRIP * across, share], axis=1))


def spread(scalp: Sheet, depth: np.ndarray, count: int, seed: int) -> Roots:
    """Roots all over the scalp, denser along the hairline, where no lock from before covers it."""
    even = scatter(scalp, depth, int(count * 0.78), seed)
    line = scatter(scalp, np.where(depth < 0.013, depth, -1.0), count - int(count * 0.78), seed + 7)
    return Roots(
        np.concatenate([even.points, line.points]),
        np.concatenate([even.normals, line.normals]),
        sparse.vstack([even.anchor, line.anchor]).tocsr(),
        np.concatenate([even.depth, line.depth]),
    )


def coloured(colour: np.ndarray, skin: np.ndarray, part: Part) -> np.ndarray:
    """(n,3) a part's linear RGB from the hair's and the skin's colour; bright hair is a little
    yellower."""
    bright = np.clip(part.shade - 1, 0, 1)[:, None]
    hair = colour * part.shade[:, None] * (1 + bright * (np.array([1.0, 0.96, 0.88]) - 1))
    share = np.reshape(part.skin, (-1, 1))
    return np.clip((1 - share) * hair + share * skin, 0, 1)


def hair_uv(parts: list[Part], joints: np.ndarray) -> np.ndarray:
    """(F, 3, 2) texture coordinates of the joined parts' corners; caps are unrolled."""
    return np.concatenate(
        [
            unrolled(part.sheet.vertices, part.sheet.faces, joints)
            if part.uv is None
            else part.uv[part.sheet.faces]
            for part in parts
        ]
    )


def joined(sheets: list[Sheet]) -> Sheet:
    """Several sheets as one."""
    starts = np.cumsum([0, *(len(sheet.vertices) for sheet in sheets)])
    return Sheet(
        np.concatenate([sheet.vertices for sheet in sheets]),
        np.concatenate([s.faces + start for s, start in zip(sheets, starts, strict=False)]),
        sparse.vstack([sheet.anchor for sheet in sheets]).tocsr(),
    )
