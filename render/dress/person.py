"""The person in a picture: landmarks and mask by MediaPipe's models, which its wheel carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORKING_SIZE = 640
"""Longer side in pixels of the picture that is measured: masks and landmarks gain no more."""


@dataclass(frozen=True)
class Person:
    """A picture made smaller, and what was found in it; pixels of that smaller picture.

    Attributes:
        image: (H, W, 3) uint8 sRGB.
        mask: (H, W) bool, the person (all false where nobody was found).
        face: (478, 2) face mesh with irises (468..477), or None.
        body: (33, 3) x, y and visibility of MediaPipe's pose, or None.
        hands: (21, 2) each, in no order.
        depth: (478,) pixels that each point of the face lies behind its middle, or None.
    """

    image: np.ndarray
    mask: np.ndarray
    face: np.ndarray | None
    body: np.ndarray | None
    hands: tuple[np.ndarray, ...]
    depth: np.ndarray | None = None


def find_person(image: np.ndarray) -> Person:
    """Find the person in an (H, W, 3) uint8 sRGB picture.

    MediaPipe Holistic first; where it misses the face, the face mesh alone is asked, once on the
    whole picture and once on its upper middle, because its detector likes faces that fill some
    of the picture. The mask is the selfie segmentation made exact by GrabCut on the colours.
    """
    image = _smaller(np.ascontiguousarray(image))
    size = np.array([image.shape[1], image.shape[0]], float)
    mesh, body, hands, soft = _holistic(image, size)
    if mesh is None:
        mesh = _face_alone(image)
    face = None if mesh is None else mesh[:, :2]
    mask = _exact_mask(image, soft)
    if face is None and body is None:
        mask = np.zeros_like(mask)
    return Person(image, mask, face, body, hands, None if mesh is None else mesh[:, 2])


def polygon_mask(shape: tuple[int, ...], points: np.ndarray) -> np.ndarray:
    """(H, W) bool: the inside of an (N, 2) polygon."""
    import cv2

    mask = np.zeros(shape[:2], np.uint8)
    if len(points) >= 3:
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], (1.0,))
    return mask.astype(bool)


def hull_mask(shape: tuple[int, ...], points: np.ndarray, grow: float = 0.0) -> np.ndarray:
    """(H, W) bool: the convex hull of (N, 2) points, grown by `grow` pixels."""
    import cv2

    hull = cv2.convexHull(np.round(points).astype(np.int32))[:, 0]
    return grown(polygon_mask(shape, hull), grow)


def line_mask(shape: tuple[int, ...], points: np.ndarray, width: float) -> np.ndarray:
    """(H, W) bool: a thick open line through (N, 2) points."""
    import cv2

    mask = np.zeros(shape[:2], np.uint8)
    path = [np.round(points).astype(np.int32)]
    cv2.polylines(mask, path, False, (1.0,), max(1, round(width)))
    return mask.astype(bool)


def grown(mask: np.ndarray, pixels: float) -> np.ndarray:
    """A mask dilated by `pixels` (eroded where negative)."""
    import cv2

    reach = round(abs(pixels))
    if reach == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    change = cv2.dilate if pixels > 0 else cv2.erode
    return change(mask.astype(np.uint8), kernel).astype(bool)


def _smaller(image: np.ndarray) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    scale = WORKING_SIZE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _holistic(
    image: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None, tuple[np.ndarray, ...], np.ndarray]:
    from mediapipe.python.solutions.holistic import Holistic
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with Holistic(
        static_image_mode=True, model_complexity=1, refine_face_landmarks=True
    ) as holistic:
        found = holistic.process(image)
    with SelfieSegmentation(model_selection=0) as segmentation:
        soft = np.asarray(segmentation.process(image).segmentation_mask, float)
    face = _mesh(found.face_landmarks, size)
    hands = tuple(
        points
        for points in (
            _points(found.left_hand_landmarks, size),
            _points(found.right_hand_landmarks, size),
        )
        if points is not None
    )
    body = None
    if found.pose_landmarks:
        visibility = [mark.visibility for mark in found.pose_landmarks.landmark]
        places = _points(found.pose_landmarks, size)
        body = np.column_stack([places, visibility]) if places is not None else None
    return face, body, hands, soft


def _points(marks: object, size: np.ndarray) -> np.ndarray | None:
    """(N, 2) pixels of MediaPipe's normalised landmarks, or None where there are none."""
    if marks is None:
        return None
    return np.array([[mark.x, mark.y] for mark in marks.landmark]) * size  # type: ignore[attr-defined]


def _mesh(marks: object, size: np.ndarray) -> np.ndarray | None:
    """(478, 3) pixels of a face mesh; MediaPipe's z is measured in image widths, as x is."""
    points = _points(marks, size)
    if points is None:
        return None
    depth = [mark.z * size[0] for mark in marks.landmark]  # type: ignore[attr-defined]
    return np.column_stack([points, depth])


def _face_alone(image: np.ndarray) -> np.ndarray | None:
    from mediapipe.python.solutions.face_mesh import FaceMesh

    height, width = image.shape[:2]
    crops = ((0, 0, width, height), (width // 5, 0, width - width // 5, height * 3 // 5))
    with FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        for left, top, right, bottom in crops:
            crop = np.ascontiguousarray(image[top:bottom, left:right])
            found = mesh.process(crop).multi_face_landmarks
            if found:
                size = np.array([right - left, bottom - top], float)
                points = _mesh(found[0], size)
                return None if points is None else points + np.array([left, top, 0])
    return None


def _exact_mask(image: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """(H, W) bool person mask: GrabCut decides where the 256-pixel soft mask is unsure.

    Rother, Kolmogorov, Blake: GrabCut, SIGGRAPH 2004. Where the soft mask is all or nothing it
    is taken as it is.
    """
    import cv2

    reach = max(image.shape[:2]) / 60
    inside = grown(soft > 0.9, -reach)
    outside = ~grown(soft > 0.1, reach)
    if not inside.any() or not outside.any():
        return soft > 0.5
    trimap = np.where(soft > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[inside], trimap[outside] = cv2.GC_FGD, cv2.GC_BGD
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    whole = (0, 0, image.shape[1], image.shape[0])  # not used: the mask says it all
    cv2.grabCut(image, trimap, whole, behind, before, 2, cv2.GC_INIT_WITH_MASK)
    return (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
