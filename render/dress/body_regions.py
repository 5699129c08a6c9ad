"""Pixels of hair, garments and bare arms, by landmarks, mask and colour together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .face_regions import FaceRegions
from .lab import delta_e, srgb_to_lab
from .person import Person, grown, hull_mask, line_mask, polygon_mask
from .samples import cloud

# MediaPipe pose: (shoulder, elbow, wrist, hip, knee) of the signer's left and right.
ARMS = ((11, 13, 15), (12, 14, 16))
HIPS, KNEES = (23, 24), (25, 26)
SEEN = 0.5


@dataclass(frozen=True)
class BodyRegions:
    """Masks (H, W) bool; `torso` is all of the body below the neck that may be cloth.

    `hair_seed` is the band right above the face, hair or not; `torso_width` is in pixels.
    """

    hair: np.ndarray
    hair_seed: np.ndarray
    torso: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    torso_width: float


def body_regions(person: Person, face: FaceRegions | None) -> BodyRegions:
    """Find hair and garments of a person of whom a face, a body or both were found."""
    lab = srgb_to_lab(person.image)
    skin = _skin_like(lab, face)
    torso, width = _torso(person, face)
    cloth = torso & ~skin
    if cloth.sum() < 0.45 * torso.sum():
        cloth = torso  # so much skin is cloth of the skin's colour
    nothing = np.zeros(person.mask.shape, bool)
    hair = seed = nothing
    if face is not None:
        seed = _seed(person, face)
        hair = _hair(person, face, lab, seed, cloth)
    return BodyRegions(
        hair=hair,
        hair_seed=seed,
        torso=torso,
        top=cloth & ~grown(hair, 3),
        bottom=_bottom(person, skin, width),
        torso_width=width,
    )


def like_skin(lab: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(...,) how far Lab colours are from a skin's colour, light and shadow counting little.

    Shadow takes lightness and chroma together, so a shaded skin is searched along the line from
    the skin's colour to black; light on it may also wash it out a little.
    """
    light = np.clip(lab[..., :1] / max(float(skin[0]), 1.0), 0.25, 1.25)
    shade = np.concatenate([lab[..., :1], np.minimum(light, 1.1) * skin[1:]], axis=-1)
    off = np.abs(lab[..., 0] / max(float(skin[0]), 1.0) - 1.0)
    return delta_e(lab, shade) + 12.0 * np.maximum(off - 0.35, 0.0)


def _skin_like(lab: np.ndarray, face: FaceRegions | None) -> np.ndarray:
    if face is None or not face.skin.any():
        return np.zeros(lab.shape[:2], bool)
    skin = np.median(lab[face.skin], axis=0)
    # Dark cloth lies on the way from skin to black: only what is light enough can be skin.
    return (
        (like_skin(lab, skin) < 11)
        & (lab[..., 0] > 0.4 * skin[0])
        & (np.hypot(lab[..., 1], lab[..., 2]) > 0.4 * np.hypot(skin[1], skin[2]))
    )


def _torso(person: Person, face: FaceRegions | None) -> tuple[np.ndarray, float]:
    """The trunk between shoulders and hips without hands and lower arms, and its width."""
    shape = person.mask.shape
    body = person.body
    if body is not None and (body[11:13, 2] > SEEN).all():
        left, right = body[11, :2], body[12, :2]
        width = float(np.linalg.norm(left - right))
        hips = body[list(HIPS), :2]
        if (body[list(HIPS), 2] < SEEN).any():
            hips = np.array([left, right]) + np.array([0.0, 1.6 * width])
        torso = polygon_mask(shape, np.array([left, right, hips[1], hips[0]]))
        # Shoulder points lie inside the shoulder: what is below their line belongs too.
        torso = grown(torso, 0.08 * width)
        for _, elbow, wrist in ARMS:
            if (body[[elbow, wrist], 2] > SEEN).all():
                torso &= ~line_mask(shape, body[[elbow, wrist], :2], 0.3 * width)
    elif face is not None:
        width = 2.2 * face.width
        y, x = np.mgrid[: shape[0], : shape[1]]
        below = y > face.centre[1] + 0.95 * face.height
        torso = below & (np.abs(x - face.centre[0]) < width / 2)
        torso &= y < face.centre[1] + 3 * face.height
    else:
        return np.zeros(shape, bool), 0.0
    for hand in person.hands:
        torso &= ~hull_mask(shape, hand, 0.06 * width)
    if face is not None:
        torso &= ~grown(face.oval, 0.12 * face.width)
    return torso & person.mask, width


def _bottom(person: Person, skin: np.ndarray, width: float) -> np.ndarray:
    """What hangs from the hips, as far as it is in the picture."""
    shape = person.mask.shape
    body = person.body
    if body is None or (body[list(HIPS), 2] < SEEN).any() or width == 0:
        return np.zeros(shape, bool)
    hips = body[list(HIPS), :2]
    y, x = np.mgrid[: shape[0], : shape[1]]
    start = hips[:, 1].max() + 0.12 * width
    end = start + 0.6 * width
    inside = np.abs(x - hips[:, 0].mean()) < 0.45 * width
    region = (y > start) & (y < end) & inside & person.mask & ~skin
    for hand in person.hands:
        region &= ~hull_mask(shape, hand, 0.06 * width)
    return region


def _seed(person: Person, face: FaceRegions) -> np.ndarray:
    """The band above the face mesh, where hair is if there is any on top."""
    y, x = np.mgrid[: person.mask.shape[0], : person.mask.shape[1]] + 0.5
    across, along = face_frame(face, x, y)
    band = (along > 0.54) & (np.abs(across) < 0.42)
    return band & person.mask & ~grown(face.oval, 0.02 * face.height)


def face_frame(face: FaceRegions, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in the face's own frame: across in face widths, along (up) in heights."""
    dx, dy = x - face.centre[0], y - face.centre[1]
    along = (dx * face.up[0] + dy * face.up[1]) / face.height
    across = (dx * -face.up[1] + dy * face.up[0]) / face.width
    return across, along


def _hair(
    person: Person,
    face: FaceRegions,
    lab: np.ndarray,
    seed: np.ndarray,
    cloth: np.ndarray,
) -> np.ndarray:
    """Pixels nearer to the seed's colours than to skin and cloth, joined to the head."""
    y, x = np.mgrid[: person.mask.shape[0], : person.mask.shape[1]] + 0.5
    across, along = face_frame(face, x, y)
    # The skin model is of the face and the middle of the neck, so that shadow is in it.
    neck = (np.abs(across) < 0.22) & (along < -0.56) & (along > -0.78) & person.mask & ~cloth
    skin = cloud(lab[(face.skin & person.mask) | neck])
    model = cloud(_not_skin(lab[grown(seed, -1)], np.median(lab[face.skin], axis=0)))
    if model is None or skin is None:
        return np.zeros_like(seed)
    others = [skin]
    below = cloud(lab[cloth & (along < -1.0)])
    if below is not None:
        others.append(below)
    zone = person.mask & (np.abs(across) < 1.25) & (along > -2.2)
    zone &= ~grown(face.oval, 0.02 * face.width) | ((along > 0.3) & face.oval)
    zone &= ~((np.abs(across) < 0.3) & (along < -0.45))  # neck: nothing but shadow is dark there
    cost = model.distance(lab)
    rival = np.min([each.distance(lab) for each in others], axis=0)
    # Below the shoulders cloth is likelier than hair, so hair must be clearly hair there.
    margin = np.where(along < -0.9, 1.5, 0.0)
    found = zone & (cost + margin < rival) & (cost < 14)
    forehead = ~_hairy(lab, np.median(lab[face.skin], axis=0))
    if (found & forehead).sum() < 0.5 * found.sum():
        found &= ~forehead
    return _joined(found, seed, face)


def _hairy(lab: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(...,) bool: Lab colours that well-lit skin does not have."""
    return (like_skin(lab, skin) > 8) | (lab[..., 0] < 0.75 * skin[0])


def _not_skin(seed: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The (N, 3) seed colours without those of a high forehead, if enough are left."""
    kept = seed[_hairy(seed, skin)]
    return kept if len(kept) > 0.2 * len(seed) else seed


def _joined(found: np.ndarray, seed: np.ndarray, face: FaceRegions) -> np.ndarray:
    """The larger pieces of a mask that touch the seed or lie beside the head or neck."""
    import cv2

    reach = max(1.0, 0.015 * face.width)
    smooth = grown(grown(found, -reach), reach)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(smooth.astype(np.uint8))
    least = 0.004 * face.width * face.height
    largest = stats[1:, cv2.CC_STAT_AREA].max(initial=0)
    near_head = grown(seed | face.oval, 0.35 * face.width)
    kept = np.zeros_like(found)
    for piece in range(1, count):
        mask = labels == piece
        # Small pieces are shine on a forehead, shadow beside the neck, or a collar.
        on_top = (mask & grown(seed, 0.2 * face.width)).any()
        enough = max(least, 0.08 * largest) if on_top else 8 * least
        if stats[piece, cv2.CC_STAT_AREA] >= enough and (mask & near_head).any():
            kept |= mask
    return kept
