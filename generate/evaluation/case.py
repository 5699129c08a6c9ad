"""What is evaluated, a run's folder or any video, beside its source; loaded when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .unavailable import Unavailable

if TYPE_CHECKING:
    from ...render.pass_set import PassSet
    from ...retarget.keypoints.record import Keypoints
    from ...retarget.motion import Motion
    from .alignment import Alignment
    from .pictures import PictureFigures
    from .sweep import Sweep

Progress = Callable[[int, int], None]
Recogniser = Callable[[Path], str | Sequence[str]]

SIGNER_VIDEO = "signer.mp4"


class Case:
    """One output and its source.

    Every property is computed once, at the first use, and raises `Unavailable` (or `UserError`)
    each time where what it needs is missing.

    path: the folder of a run, or a video. source: the video or keypoint file it was made from.
    appearance: the picture that was asked for. captions: the words for the source and for the
    output, of CLIP's directional similarity. recogniser: the user's own, a clip to its glosses.
    """

    def __init__(
        self,
        path: str | Path,
        source: str | Path | None = None,
        appearance: str | Path | None = None,
        captions: tuple[str, str] | None = None,
        recogniser: Recogniser | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.path = Path(path)
        self.source = None if source is None else Path(source)
        self.appearance = None if appearance is None else Path(appearance)
        self.captions = captions
        self.recogniser = recogniser
        self.progress = progress

    @property
    def folder(self) -> Path:
        """The run's folder."""
        if not self.path.is_dir():
            raise Unavailable("it is a video alone, without the run that made it")
        return self.path

    @property
    def output_video(self) -> Path:
        """The generated clip."""
        video = self.path / SIGNER_VIDEO if self.path.is_dir() else self.path
        if not video.is_file():
            raise Unavailable(f"there is no {video.name}")
        return video

    @property
    def source_video(self) -> Path:
        """The source's pictures."""
        from ...retarget.keypoints.source import FILE_SUFFIXES

        if self.source is None:
            raise Unavailable("there is no source clip: name it with --source")
        if self.source.is_dir() or self.source.suffix.lower() in (*FILE_SUFFIXES, ".pkl"):
            raise Unavailable(f"the source {self.source.name} has no pictures")
        return self.source

    @cached_property
    def source_keypoints(self) -> Keypoints:
        """The source's points: those of the run, else detected in the source."""
        from ...retarget.keypoints.source import load_keypoints

        stored = self.path / "keypoints.pose"
        chosen = stored if stored.is_file() else self.source
        if chosen is None:
            raise Unavailable(f"there is no {stored.name} and no source clip was given")
        return load_keypoints(chosen)

    @cached_property
    def output_keypoints(self) -> Keypoints:
        """The points that the detector finds in the generated clip, seen by the source's camera."""
        from ...retarget.keypoints.source import load_keypoints

        video = self.output_video
        self.require_source_view()
        return load_keypoints(video)

    def require_source_view(self) -> None:
        """Raise Unavailable where the signer is filmed by another camera than the source's."""
        index = self.path / "passes" / "passes.json"
        if index.is_file() and not self.passes.info.get("source_view", True):
            raise Unavailable("the signer is seen by another camera than the source")

    @cached_property
    def alignment(self) -> Alignment:
        """Which frame of the source belongs to which of the output."""
        from .alignment import align

        return align(self.source_keypoints, self.output_keypoints)

    @cached_property
    def motion(self) -> Motion:
        """The fitted motion."""
        from ...retarget.motion import Motion

        return Motion.load(self.folder / "motion.npz")

    @cached_property
    def passes(self) -> PassSet:
        """The rendered passes."""
        from ...render.pass_set import read_pass_set

        return read_pass_set(self.folder / "passes")

    @cached_property
    def pictures(self) -> PictureFigures:
        """The generated pictures, each measured once beside its passes."""
        from .pictures import measure_pictures

        return measure_pictures(self.folder, self.passes, self.progress)

    @cached_property
    def output_sweep(self) -> Sweep:
        """The output's frames, looked at once."""
        from .sweep import sweep

        return sweep(self.output_video, self._points(lambda: self.output_keypoints))

    @cached_property
    def source_sweep(self) -> Sweep:
        """The source's frames, looked at once."""
        from .sweep import sweep

        return sweep(self.source_video, self._points(lambda: self.source_keypoints))

    def _points(self, load: Callable[[], Keypoints]) -> Keypoints | None:
        from ...errors import UserError

        try:
            return load()
        except (Unavailable, UserError):
            return None
