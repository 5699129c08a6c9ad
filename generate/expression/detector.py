"""Face points in a picture of a face: the instrument that measures painted and rendered alike."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Queue

import numpy as np

# Takes an (S,S,3) uint8 RGB face crop; gives (478,2) pixels of that crop, or None.
Detector = Callable[[np.ndarray], np.ndarray | None]

CROP_SIDE = 256  # what the crop is brought to before detection: small faces are found better


@contextmanager
def detectors(count: int) -> Iterator[Detector]:
    """One detector that as many threads may call at once: MediaPipe runs beside Python's lock."""
    free: Queue[Detector] = Queue()
    with ExitStack() as stack:
        for _ in range(count):
            free.put(stack.enter_context(mediapipe_detector()))

        def detect(crop: np.ndarray) -> np.ndarray | None:
            one = free.get()
            try:
                return one(crop)
            finally:
                free.put(one)

        yield detect


@contextmanager
def mediapipe_detector() -> Iterator[Detector]:
    """MediaPipe Face Mesh with iris points, every picture on its own (no tracking, no lag)."""
    from ...retarget.keypoints.quiet import quiet_native_stderr

    with quiet_native_stderr():
        from mediapipe.python.solutions.face_mesh import FaceMesh

        mesh = FaceMesh(
            static_image_mode=True,
            max_num_faces=1,
            refine_landmarks=True,
            min_detection_confidence=0.3,
        )
        mesh.process(np.zeros((CROP_SIDE, CROP_SIDE, 3), np.uint8))

    def detect(crop: np.ndarray) -> np.ndarray | None:
        found = mesh.process(np.ascontiguousarray(crop)).multi_face_landmarks
        if not found:
            return None
        height, width = crop.shape[:2]
        return np.array([(p.x * width, p.y * height) for p in found[0].landmark])

    try:
        yield detect
    finally:
        mesh.close()
