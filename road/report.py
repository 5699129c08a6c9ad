"""report.html: one page that needs nothing else, with the clips, the times and the figures.

Videos and pictures are embedded as data URIs, so that the page can be mailed or archived alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import read_json, write_text
from .progress import format_seconds
from .stills import data_uri, even_frames, frames_at, jpeg_uri

if TYPE_CHECKING:
    from ..generate.evaluate import Evaluation
    from .case_page import CasePage

_HERE = Path(__file__).parent
_STILLS = 4
_STILL_WIDTH_PX = 960
_STAGE_TITLES = {
    "keypoints": "Find the signer's points",
    "fit": "Fit body and camera",
    "dress": "Choose the looks",
    "avatar": "Build the avatar",
    "passes": "Render the passes",
    "paint": "Paint the frames",
    "enhance": "Bring the face to life",
    "video": "Film the signer",
    "compare": "Film the comparison",
    "measure": "Measure",
}


@dataclass(frozen=True)
class Row:
    """One line of a table: `share` is the part of the whole (0..1) where that has a meaning."""

    name: str
    value: str
    share: float = 0.0


@dataclass(frozen=True)
class Clip:
    """An embedded video: `uri` holds it, `alt` says what it shows."""

    title: str
    alt: str
    uri: str
    poster: str


def write_report(folder: Path, record: Mapping[str, Any], source: Path | None = None) -> Path:
    """Write `folder`/report.html from what signer.json holds and the files beside it.

    source: the source video, for the worst frames.
    """
    path = folder / "report.html"
    write_text(path, render_report(folder, record, source))
    return path


def render_report(folder: Path, record: Mapping[str, Any], source: Path | None = None) -> str:
    """The page as text. Videos and an evaluation that are missing in `folder` are left out."""
    from .case_page import case_page

    stages = {stage["name"]: stage for stage in record["stages"]}
    compare, signer = folder / "compare.mp4", folder / "signer.mp4"
    evaluations = _evaluations(folder)
    shown = signer if signer.is_file() else None
    return render_page(
        evaluations,
        [case_page(found, shown, source, players=False) for found in evaluations],
        title=_title(record),
        mark="Synthetic signer",
        summary=_summary(record, stages),
        disclosure=record["disclosure"],
        made_with=record["made_with"],
        made_at=record["made_at"],
        record=record,
        caption=stages.get("avatar", {}).get("facts", {}).get("caption", ""),
        compare=_clip(
            compare,
            "Source, conditioning and signer",
            "Three pictures side by side, moving together: the source, the map that guides the "
            "painting, and the generated signer.",
        ),
        signer=_clip(signer, "The signer", "The generated signer alone."),
        stills=_stills(compare) if compare.is_file() else [],
        times=_times(record["stages"]),
        total=format_seconds(sum(stage["seconds"] for stage in record["stages"])),
        settings=_settings(record),
        packages=[
            Row(name, found or "not installed") for name, found in record["packages"].items()
        ],
        whole=json.dumps(record, indent=2, ensure_ascii=False),
    )


_NOTHING: dict[str, Any] = {
    "disclosure": "",
    "record": None,
    "caption": "",
    "compare": None,
    "signer": None,
    "stills": [],
    "times": [],
    "total": "",
    "settings": [],
    "packages": [],
    "whole": "",
}


def render_page(
    evaluations: Sequence["Evaluation"], cases: Sequence["CasePage"], **shown: Any
) -> str:
    """The page of a run, of a fit, or of an evaluation, as text.

    `shown` gives title, mark, summary, made_with, made_at, and whatever of a run is to be seen.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from ..generate.evaluation.registry import METRICS
    from .score_table import reasons, score_rows

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((_HERE / "report.html.j2").read_text(encoding="utf-8"))
    several = len(evaluations) > 1
    return template.render(
        **{**_NOTHING, **shown},
        style=Markup((_HERE / "report.css").read_text(encoding="utf-8")),  # our own files
        script=Markup((_HERE / "report.js").read_text(encoding="utf-8")),
        names=[evaluation.name if several else "Value" for evaluation in evaluations],
        scores=score_rows(evaluations),
        metrics=[m.record() for m in METRICS if any(m.name in e.figures for e in evaluations)],
        unmeasured=[
            f"{found.name + ': ' if several else ''}{name.replace('_', ' ')}: {reason}."
            for found in evaluations
            for name, reason in reasons(found).items()
        ],
        cases=cases,
    )


def _evaluations(folder: Path) -> list["Evaluation"]:
    """The evaluation of the run in `folder`, where it was made."""
    from ..generate.evaluate import read_evaluations

    path = folder / "evaluation.json"
    return read_evaluations(read_json(path)) if path.is_file() else []


def _title(record: Mapping[str, Any]) -> str:
    source = record["source"]
    return source["name"] if source else "A signer"


def _summary(record: Mapping[str, Any], stages: Mapping[str, Any]) -> str:
    film = stages.get("video", {}).get("facts", {})
    seconds = format_seconds(sum(stage["seconds"] for stage in record["stages"]))
    frames = f"{film['frames']} frames at {film['fps']:g} a second, " if film else ""
    return f"{frames}painted by {record['model']['name']}, all stages in {seconds}."


def _times(stages: Sequence[Mapping[str, Any]]) -> list[Row]:
    longest = max((stage["seconds"] for stage in stages), default=0.0) or 1.0
    return [
        Row(
            _STAGE_TITLES.get(stage["name"], stage["name"]),
            format_seconds(stage["seconds"]),
            stage["seconds"] / longest,
        )
        for stage in stages
    ]


def _settings(record: Mapping[str, Any]) -> list[Row]:
    rows = [
        Row("Appearance", ", ".join(map(_file, record["appearance"])) or "none"),
        *([Row("Garment", _file(record["garment"]))] if record["garment"] else []),
        Row("Prompt", record["prompt"] or "none"),
        Row("Seed", str(record["seed"])),
        Row("Source", _file(record["source"])),
    ]
    for stage in record["stages"]:
        for name, value in stage["settings"].items():
            if value is None or name in ("prompt", "seed", "weights"):
                continue
            rows.append(Row(f"{stage['name']}: {name}", _text(value)))
    for part, digest in record["model"]["weights"].items():
        rows.append(Row(f"weights: {part}", f"SHA-256 {digest[:16]}…"))
    return rows


def _file(file: Mapping[str, str] | None) -> str:
    return f"{file['name']} (SHA-256 {file['sha256'][:16]}…)" if file else "none"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _clip(path: Path, title: str, alt: str) -> Clip | None:
    if not path.is_file():
        return None
    poster = _stills(path, 1)
    uri = data_uri("video/mp4", path.read_bytes())
    return Clip(title, alt, uri, poster[0] if poster else "")


def _stills(video: Path, count: int = _STILLS) -> list[str]:
    """`count` frames of a video, evenly spread, as JPEG data URIs."""
    frames = frames_at(video, even_frames(video, count))
    return [jpeg_uri(frame, _STILL_WIDTH_PX) for frame in frames.values()]
