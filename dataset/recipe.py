"""The recipe of a dataset: a validated record, written as YAML. docs/dataset.md explains it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..errors import UserError
from .yaml_lines import Lines, line_of, read_yaml

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Names of splits and of the dataset: they become file names."""

Range = tuple[float, float]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Clips(_Record):
    """Where signing comes from: exactly one of `files`, `manifest` and `handshapes`.

    files: a path or glob of videos, `.pose`, or motion files. manifest: a CSV with the column
    `path`, and as many more as there are; `id`, `gloss`, `text`, `language` and `signer` are known,
    all are carried along. handshapes: names of `render.handshapes`, or "all": made-up poses,
    `count` of each. labels: carried along by every clip of this entry.
    """

    files: str | None = None
    manifest: str | None = None
    handshapes: list[str] | Literal["all"] | None = None
    count: Count = 1
    labels: dict[str, str | int | float] = {}
    language: str | None = None
    signer: str | None = None
    licence: str | None = None
    consent: str | None = None
    fps: Positive | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Clips:
        _exactly_one(self, ("files", "manifest", "handshapes"))
        return self


class Signers(_Record):
    """Who signs: exactly one of `random`, `text`, `image` and `record`.

    random: how many, by seeds from `seed`. text: a description, completed by `seed`. image: a
    picture of a person. record: a signer's record, written here or the path of its JSON.
    """

    random: Count | None = None
    text: str | None = None
    image: str | None = None
    record: dict[str, Any] | str | None = None
    seed: Seed = 0
    id: str | None = None
    consent: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Signers:
        _exactly_one(self, ("random", "text", "image", "record"))
        if self.id is not None and not NAME.fullmatch(self.id):
            raise ValueError("id: use letters, digits, _ and -")
        return self


class CameraChoice(_Record):
    """A way of looking: see `render.view.Viewpoint`. Ranges are drawn from evenly.

    weight: how often it is chosen beside the others.
    """

    camera: str = "source"
    azimuth: Range = (0.0, 0.0)
    elevation: Range = (0.0, 0.0)
    focal: Range | None = None
    weight: Positive = 1.0


class LightChoice(_Record):
    """A rig of `render.lighting.RIGS`, or a panorama."""

    light: str = "plain"
    hdri: str | None = None
    weight: Positive = 1.0


class BackgroundChoice(_Record):
    """ "signer" (the record's own colour), "#rrggbb", "green", "hdri", or a picture or video."""

    background: str = "signer"
    weight: Positive = 1.0


class MotionChanges(_Record):
    """Augmentations of the motion.

    speed: a factor, drawn from the range. mirror: the share of samples that are mirrored, left and
    right hand swapped. noise: degrees by which joints wander, within their limits. proportions:
    whose bones. contacts: hands stay where they were on the body and on each other.
    """

    speed: tuple[Positive, Positive] = (1.0, 1.0)
    mirror: Share = 0.0
    noise: Annotated[float, Field(ge=0, le=20)] = 0.0
    proportions: Literal["source", "avatar"] = "source"
    contacts: bool = True


class Frames(_Record):
    """Which frames of a clip: every `stride`-th, at most `max`, from the clip's start, its middle,
    or a place drawn at random."""

    stride: Count = 1
    max: Count | None = None
    place: Literal["start", "middle", "random"] = "start"


class Render(_Record):
    """engine and samples per pixel of the beauty picture; device of Cycles."""

    engine: Literal["cycles", "eevee", "workbench"] = "cycles"
    samples: Count = 4
    device: Literal["auto", "cpu", "gpu"] = "cpu"


class Generator(_Record):
    """What makes the picture: "none" is Blender's own; else a diffusion model paints over it."""

    model: Literal["none", "mini", "sd15"] = "none"
    prompt: str = ""
    strength: Share | None = None
    steps: Count | None = None
    steady: bool = True
    enhance: Literal["warp", "off"] = "warp"


class Outputs(_Record):
    """What a sample holds beside its JSON and its arrays. mark: a visible word on every frame."""

    frames: Literal["mp4", "png", "jpg"] = "mp4"
    masks: bool = True
    depth: bool = False
    flow: bool = False
    pose: bool = True
    coco: bool = True
    mark: bool = False
    crf: Annotated[int, Field(ge=0, le=40)] = 18
    shard_mb: Positive = 256.0


class Splits(_Record):
    """shares by the split's name; what no two splits may share: signers, clips, or both.

    together: the label whose clips stay in one split, such as the source's signer. null: none.
    """

    shares: dict[str, Positive] = {"train": 1.0}
    by: list[Literal["signer", "clip"]] = ["signer", "clip"]
    together: str | None = "signer"

    @field_validator("shares")
    @classmethod
    def _named(cls, shares: dict[str, float]) -> dict[str, float]:
        if not shares:
            raise ValueError("name at least one split")
        for name in shares:
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r}: use letters, digits, _ and -")
        return shares

    @model_validator(mode="after")
    def _kept_apart(self) -> Splits:
        if len(self.shares) > 1 and not self.by:
            raise ValueError("by: name signer, clip, or both")
        return self


class Consent(_Record):
    """What the people in the sources agreed to; the card repeats it."""

    source_signers: str | None = None
    reference_persons: str | None = None


class Recipe(_Record):
    """A dataset. samples: how many in all; every pair of clip and signer `variants` times where
    None. resolution: pixels, a side or width and height."""

    version: Literal[1] = 1
    name: str
    description: str = ""
    licence: str = ""
    seed: Seed = 0
    clips: Annotated[list[Clips], Field(min_length=1)]
    signers: Annotated[list[Signers], Field(min_length=1)]
    cameras: Annotated[list[CameraChoice], Field(min_length=1)] = [CameraChoice()]
    lights: Annotated[list[LightChoice], Field(min_length=1)] = [LightChoice()]
    backgrounds: Annotated[list[BackgroundChoice], Field(min_length=1)] = [BackgroundChoice()]
    motion: MotionChanges = MotionChanges()
    frames: Frames = Frames()
    samples: Count | None = None
    variants: Count = 1
    resolution: Annotated[int, Field(ge=16, le=4096)] | tuple[int, int] = 512
    render: Render = Render()
    generator: Generator = Generator()
    outputs: Outputs = Outputs()
    splits: Splits = Splits()
    consent: Consent = Consent()
    skip_unreadable: bool = False

    @field_validator("name")
    @classmethod
    def _file_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("use letters, digits, _ and -")
        return name

    @field_validator("resolution")
    @classmethod
    def _sides(cls, value: int | tuple[int, int]) -> int | tuple[int, int]:
        if isinstance(value, tuple) and not all(16 <= side <= 4096 for side in value):
            raise ValueError("use 16 to 4096 pixels")
        return value

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        side = self.resolution
        return side if isinstance(side, tuple) else (side, side)


def read_recipe(path: str | Path) -> tuple[Recipe, Lines]:
    """Read a recipe, and the lines of its entries.

    Raises:
        UserError: it cannot be used; the sentence names the line.
    """
    content, lines = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}, line 1: a recipe is a mapping that starts with name: and clips:.")
    try:
        return Recipe.model_validate(content), lines
    except ValidationError as error:
        raise UserError(_sentence(Path(path), error, lines)) from None


def refuse(path: Path, lines: Lines, way: tuple[str | int, ...], why: str) -> UserError:
    """An error about the recipe's entry at `way`."""
    return UserError(f"{path}, line {line_of(lines, way)}: {why}")


def _sentence(path: Path, error: ValidationError, lines: Lines) -> str:
    """The error that stands first in the file, in one sentence."""
    found = []
    for entry in error.errors():
        way = _way(entry["loc"], lines)
        if entry["type"] == "missing":
            way = (*way, entry["loc"][-1])
        found.append((line_of(lines, way), entry, way))
    line, entry, way = min(found, key=lambda item: item[0])
    name = ".".join(str(part) for part in way)
    if entry["type"] == "extra_forbidden":
        return f"{path}, line {line}: there is no key {way[-1]!r} here; {_known(way)}."
    if entry["type"] == "missing":
        return f"{path}, line {line}: {name} is missing; write it."
    message = entry["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = "" if isinstance(entry["input"], (dict, list)) else f", not {entry['input']!r}"
    return f"{path}, line {line}: {name or 'the recipe'}: {message}{given}."


def _way(location: tuple[str | int, ...], lines: Lines) -> tuple[str | int, ...]:
    """Pydantic's location without the branches of unions: what of it the file holds."""
    way: tuple[str | int, ...] = ()
    for part in location:
        if (*way, part) in lines:
            way = (*way, part)
    return way


def _known(way: tuple[str | int, ...]) -> str:
    """The keys that may stand where `way` ends."""
    model: Any = Recipe
    for part in way[:-1]:
        if isinstance(part, int):
            continue
        model = _inner(model.model_fields[part].annotation)
        if model is None:
            return "take it out"
    return "known are " + ", ".join(model.model_fields)


def _inner(annotation: Any) -> Any:
    """The record inside an annotation such as list[Clips]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (found := _inner(part)) is not None:
            return found
    return None


def _exactly_one(record: BaseModel, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(record, name) is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(names)}")
