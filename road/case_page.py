"""What the report shows of one evaluated clip: players in step, curves, its worst frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .charts import Chart, charts
from .stills import frames_at, jpeg_uri, small_clip_uri
from .worst import worst_frames

if TYPE_CHECKING:
    from ..generate.evaluate import Evaluation

_STILL_PX = 640

Pictures = Callable[[list[int]], dict[int, np.ndarray]]


@dataclass(frozen=True)
class Player:
    """A clip that plays in step with the others of its case: `uri` holds it."""

    title: str
    alt: str
    uri: str


@dataclass(frozen=True)
class Still:
    """One of the worst frames: `uri` is its picture, `reason` why it was chosen."""

    frame: int
    reason: str
    alt: str
    uri: str


@dataclass(frozen=True)
class CasePage:
    """One evaluated clip as the template shows it."""

    name: str
    frames: int
    fps: float
    alignment: str
    players: tuple[Player, ...]
    charts: tuple[Chart, ...]
    stills: tuple[Still, ...]
    skipped: Mapping[str, str]


def case_page(
    evaluation: "Evaluation", output: Path | None, source: Path | None, players: bool = True
) -> CasePage:
    """The page of one case; `output` and `source` are videos, where there are any.

    players: whether both clips are embedded; a page that has them already needs them not twice.
    """
    fps = evaluation.fps or 25.0
    clips = []
    pairs = _pairs(evaluation, source)
    if players and output is not None:
        if source is not None and pairs is not None:
            uri = small_clip_uri(source, fps, pairs.tolist())
            clips.append(Player("Source", "The source, in step with the output.", uri))
        uri = small_clip_uri(output, fps)
        clips.append(Player("Output", "The generated signer.", uri))
    return CasePage(
        evaluation.name,
        evaluation.frames or 0,
        fps,
        evaluation.alignment,
        tuple(clips),
        tuple(charts(evaluation.curves)),
        tuple(_stills(evaluation, output, source, pairs)),
        evaluation.skipped,
    )


def _pairs(evaluation: "Evaluation", source: Path | None) -> np.ndarray | None:
    """The source's frame for each of the output's; by time where no points could tell."""
    if evaluation.frames_of_source is not None:
        return evaluation.frames_of_source
    if source is None or not evaluation.frames:
        return None
    from ..video import probe

    last = probe(source).frame_count - 1
    return np.linspace(0, last, evaluation.frames).round().astype(int)


def _stills(
    evaluation: "Evaluation", output: Path | None, source: Path | None, pairs: np.ndarray | None
) -> list[Still]:
    worst = worst_frames(evaluation.curves)
    if not worst:
        return []
    numbers = [frame.frame for frame in worst]
    after = frames_at(output, numbers) if output is not None else {}
    of_source = {n: int(pairs[n]) if pairs is not None and n < len(pairs) else n for n in numbers}
    before = frames_at(source, of_source.values()) if source is not None else {}
    stills = []
    for frame in worst:
        both = [before.get(of_source[frame.frame]), after.get(frame.frame)]
        shown = [picture for picture in both if picture is not None]
        if shown:
            uri = jpeg_uri(beside(shown), _STILL_PX)
            what = "Source and output" if len(shown) == 2 else "The picture"
            alt = f"{what} at frame {frame.frame}."
            stills.append(Still(frame.frame, frame.reason, alt, uri))
    return stills


def beside(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) uint8 side by side, all as tall as the last."""
    from .compare import join, to_height

    return join([to_height(picture, pictures[-1].shape[0]) for picture in pictures])
