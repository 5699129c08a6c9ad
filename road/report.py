"""report.html: one page that needs nothing else, with the clips, the times and the figures.

Videos and pictures are embedded as data URIs, so that the page can be mailed or archived alone.
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write_text
from .figures import figure_lines
from .progress import format_seconds

_TEMPLATE = Path(__file__).with_name("report.html.j2")
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


def write_report(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write `folder`/report.html from what signer.json holds and the videos beside it."""
    path = folder / "report.html"
    write_text(path, render_report(folder, record))
    return path


def render_report(folder: Path, record: Mapping[str, Any]) -> str:
    """The page as text. Videos that are missing in `folder` are left out."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    stages = {stage["name"]: stage for stage in record["stages"]}
    compare = folder / "compare.mp4"
    stills = _stills(compare) if compare.is_file() else []
    return template.render(
        title=_title(record),
        summary=_summary(record, stages),
        record=record,
        caption=stages.get("avatar", {}).get("facts", {}).get("caption", ""),
        compare=_clip(
            compare,
            "Source, conditioning and signer",
            "Three pictures side by side, moving together: the source, the map that guides the "
            "painting, and the generated signer.",
        ),
        signer=_clip(folder / "signer.mp4", "The signer", "The generated signer alone."),
        stills=stills,
        times=_times(record["stages"]),
        total=format_seconds(sum(stage["seconds"] for stage in record["stages"])),
        figures=figure_lines(stages.get("measure", {}).get("facts", {})),
        settings=_settings(record),
        packages=[
            Row(name, found or "not installed") for name, found in record["packages"].items()
        ],
        whole=json.dumps(record, indent=2, ensure_ascii=False),
    )


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
    return Clip(title, alt, _uri("video/mp4", path.read_bytes()), poster[0] if poster else "")


def _stills(video: Path, count: int = _STILLS) -> list[str]:
    """`count` frames of a video, evenly spread, as JPEG data URIs."""
    from PIL import Image

    from ..video import probe, read_frames

    total = probe(video).frame_count
    chosen = {round((i + 0.5) * total / count - 0.5) for i in range(count)}
    uris = []
    for index, frame in enumerate(read_frames(video)):
        if index in chosen:
            picture = Image.fromarray(frame)
            picture.thumbnail((_STILL_WIDTH_PX, _STILL_WIDTH_PX))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=85)
            uris.append(_uri("image/jpeg", buffer.getvalue()))
    return uris


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
