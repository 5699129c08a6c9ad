"""The options of the road: frozen records from which the command line follows.

A field's type, default and help are written here once; `cli_options` turns a record into click
options and `from_cli` turns what click parsed back into the record. `None` means: not given.
"""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click

from ..errors import UserError

Record = TypeVar("Record")


def _says(help: str, *flags: str, metavar: str | None = None) -> dict[str, Any]:
    return {"help": help, "flags": flags, "metavar": metavar}


@dataclass(frozen=True)
class Fitting:
    """How the clip becomes motion and passes."""

    fov: float | None = field(
        default=None,
        metadata=_says(
            "Vertical field of view of the source camera in degrees, where it is known."
        ),
    )

    person: int | None = field(
        default=None,
        metadata=_says(
            "Which of several people, counted from the left, from 1; else the largest.",
            metavar="N",
        ),
    )
    fps: float | None = field(
        default=None,
        metadata=_says("Frames per second of keypoint and motion files that do not name them."),
    )
    image_size: str | None = field(
        default=None,
        metadata=_says(
            "Size of the source's image for keypoint files that do not name it.",
            metavar="WIDTHxHEIGHT",
        ),
    )
    detector: Literal["mediapipe", "rtmlib"] = field(
        default="mediapipe",
        metadata=_says("What finds the points in a video; rtmlib is an extra of its own."),
    )
    body_path: Path | None = field(
        default=None,
        metadata=_says(
            "Your SMPL-X model (.npz or its folder), for motion files whose hands need it.",
            metavar="PATH",
        ),
    )
    no_sign_priors: bool = field(
        default=False,
        metadata=_says("Fit without what is known of signs: equal handshapes, and held ones."),
    )
    sign_priors: Path | None = field(
        default=None,
        metadata=_says(
            "A JSON file of spans in which handshapes are equal, held or free; it overrides what "
            "is found in the keypoints.",
            metavar="FILE",
        ),
    )
    vposer: Path | None = field(
        default=None,
        metadata=_says(
            "Your VPoser (its folder, .ckpt or .pt), as a further prior of body poses.",
            metavar="PATH",
        ),
    )
    overlay: bool = field(
        default=False,
        metadata=_says("Also write overlay.mp4, the fitted body over the source."),
    )

    def __post_init__(self) -> None:
        if self.fov is not None and not 5 <= self.fov <= 120:
            raise UserError(f"--fov is {self.fov:g}: give the vertical angle, 5 to 120 degrees.")
        if self.person is not None and self.person < 1:
            raise UserError(f"--person is {self.person}: count people from 1, from the left.")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise UserError(f"--fps is {self.fps:g}: give frames per second, up to 1000.")
        if self.no_sign_priors and self.sign_priors is not None:
            raise UserError("--no-sign-priors and --sign-priors contradict each other: give one.")
        self.size()

    def size(self) -> tuple[int, int] | None:
        """(width, height) of the source's image in pixels, where it is given."""
        if self.image_size is None:
            return None
        match = re.fullmatch(r"([1-9]\d{0,4})[xX×]([1-9]\d{0,4})", self.image_size.strip())
        if not match:
            raise UserError(f"--image-size is {self.image_size!r}: write it as 1280x720.")
        return int(match[1]), int(match[2])


@dataclass(frozen=True)
class Look:
    """Who shall sign."""

    appearance: tuple[Path, ...] = field(
        default=(),
        metadata=_says(
            "A picture of what the signer shall look like; again for more of the same person.",
            metavar="IMAGE",
        ),
    )
    prompt: str | None = field(
        default=None, metadata=_says("What the signer shall look like, in words.", metavar="TEXT")
    )
    dress: Path | None = field(
        default=None,
        metadata=_says(
            "A record of looks (signer_record.json) that holds; the rest is read as without it.",
            metavar="FILE",
        ),
    )
    background: str | None = field(
        default=None, metadata=_says("Colour behind the signer, as #rrggbb.", metavar="COLOUR")
    )
    seed: int = field(
        default=0,
        metadata=_says("Another seed is another signer where picture and words are silent."),
    )
    proportions: Literal["source", "avatar"] = field(
        default="source",
        metadata=_says(
            "Whose bones: the source's, so that renders lie on its picture, or the avatar's own."
        ),
    )
    angles_only: bool = field(
        default=False,
        metadata=_says("Copy joint angles, and let places and touches of the hands change."),
    )
    garment: Path | None = field(
        default=None,
        metadata=_says("A picture that the clothes alone are painted from.", metavar="IMAGE"),
    )

    def __post_init__(self) -> None:
        if not isinstance(self.appearance, tuple):
            raise TypeError("appearance is a tuple of paths")
        if self.prompt is not None and not self.prompt.strip():
            raise UserError("The prompt is empty: describe the signer, or leave --prompt out.")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed is {self.seed}: give a whole number from 0 to 4294967295.")

    @property
    def portrait(self) -> Path | None:
        """The first picture, which the avatar is dressed after."""
        return self.appearance[0] if self.appearance else None

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Every picture that is given."""
        return (*self.appearance, *((self.garment,) if self.garment else ()))


@dataclass(frozen=True)
class Viewing:
    """Whose body is seen, from where, before what and in which light."""

    camera: str | None = field(
        default=None,
        metadata=_says(
            "source (the fitted camera), front, three-quarter, side, close, or a camera file.",
            metavar="CAMERA",
        ),
    )
    orbit: str | None = field(
        default=None,
        metadata=_says(
            "Degrees that the camera goes round the signer: to the right, and up.", metavar="AZ,EL"
        ),
    )
    focal: float | None = field(
        default=None,
        metadata=_says("Focal length in mm, on a sensor whose longer side is 36 mm."),
    )
    resolution: str | None = field(
        default=None, metadata=_says("Size of the pictures in pixels.", metavar="WxH")
    )
    light: str | None = field(
        default=None, metadata=_says("plain, soft, flat, window or contrast.", metavar="LIGHT")
    )
    backdrop: str | None = field(
        default=None,
        metadata=_says(
            "Behind the signer: green, alpha (nothing), hdri, or a picture or video.",
            metavar="BACKDROP",
        ),
    )
    hdri: Path | None = field(
        default=None,
        metadata=_says("A panorama (.hdr, .exr) that lights the signer.", metavar="FILE"),
    )
    engine: Literal["cycles", "eevee", "workbench"] = field(
        default="cycles", metadata=_says("What renders the picture; the passes are always exact.")
    )
    samples: int | None = field(default=None, metadata=_says("Samples per pixel of the picture."))
    device: Literal["auto", "cpu", "gpu"] = field(
        default="auto", metadata=_says("Where Cycles renders; auto uses a graphics card.")
    )
    workers: int | None = field(
        default=None,
        metadata=_says("How many Blenders share the frames; by cores and memory if not given."),
    )
    avatar: Path | None = field(
        default=None,
        metadata=_says(
            "Your own character signs: a .blend, .glb, .fbx or .vrm with an armature.",
            metavar="FILE",
        ),
    )
    rig: Path | None = field(
        default=None,
        metadata=_says(
            "Which of the character's bones are which, where its rig is of no known family.",
            metavar="FILE",
        ),
    )
    still_face: bool = field(
        default=False, metadata=_says("Allow a character whose face cannot move.")
    )

    def __post_init__(self) -> None:
        if self.avatar is None and (self.rig is not None or self.still_face):
            raise UserError("--rig and --still-face belong to a character: give --avatar too.")
        self.angles()
        self.size()

    def angles(self) -> tuple[float, float]:
        """The orbit's azimuth and elevation in degrees."""
        if self.orbit is None:
            return 0.0, 0.0
        try:
            numbers = [float(part) for part in self.orbit.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 2:
            raise UserError(f"--orbit is {self.orbit!r}: give degrees, such as 30 or 30,10.")
        return numbers[0], numbers[1] if len(numbers) == 2 else 0.0

    def size(self) -> tuple[int | None, int | None]:
        """Width and height in pixels, None where not given."""
        if self.resolution is None:
            return None, None
        sides = self.resolution.lower().split("x")
        if len(sides) > 2 or not all(side.strip().isdecimal() for side in sides):
            raise UserError(f"--resolution is {self.resolution!r}: give it as 768x512 or 512.")
        return int(sides[0]), int(sides[-1])


@dataclass(frozen=True)
class Painting:
    """How the frames are generated."""

    model: str = field(
        default="auto",
        metadata=_says("auto, mini, sd15, a folder, or a hub id (owner/name).", metavar="MODEL"),
    )
    strength: float | None = field(
        default=None,
        metadata=_says(
            "Near 0 stays at the render, 1 starts from noise; each model has its default."
        ),
    )
    steps: int | None = field(
        default=None, metadata=_says("Evaluations of the model per frame; each has its default.")
    )
    guidance: float | None = field(
        default=None, metadata=_says("How strictly the words are followed; 1 is off.")
    )
    appearance_scale: float | None = field(
        default=None, metadata=_says("Weight of the appearance image in painting; 0 is off.")
    )
    negative_prompt: str | None = field(
        default=None, metadata=_says("What the frames shall not look like.", metavar="TEXT")
    )
    size: int | None = field(
        default=None,
        metadata=_says("The model works at the area of a square of this side, in pixels."),
    )
    lora: tuple[str, ...] = field(
        default=(),
        metadata=_says(
            "A LoRA: a file, folder or hub id, and :WEIGHT if not 1; again for more.",
            metavar="LORA",
        ),
    )
    few_step: Literal["lcm", "hyper-sd", "hyper-sd-cfg"] | None = field(
        default=None, metadata=_says("Paint sd15 in few steps, with this published LoRA.")
    )
    ip_adapter: Literal["plain", "light", "plus", "plus-face"] | None = field(
        default=None,
        metadata=_says("How sd15 sees the appearance: light heeds the words more, plus the image."),
    )
    vae: str | None = field(
        default=None,
        metadata=_says(
            "Another autoencoder: mse, ema, tiny, a folder, or a hub id.", metavar="VAE"
        ),
    )
    noise: Literal["none", "fixed", "fresh", "surface"] | None = field(
        default=None,
        metadata=_says(
            "What frames start from: no noise, one for all, new in each, on the surface."
        ),
    )
    motion_module: str | None = field(
        default=None,
        metadata=_says(
            "AnimateDiff in sd15: animatediff-v1-5-3, a folder, or a hub id.", metavar="MODULE"
        ),
    )
    offline: bool = field(
        default=False, metadata=_says("Never ask the network for a model's files.")
    )
    allow_pickle: bool = field(
        default=False, metadata=_says("Read weights that are stored as pickles, too.")
    )
    steady: Literal["motion", "off"] = field(
        default="motion",
        metadata=_says(
            "How painted detail is kept from flickering: along the exact motion, or not."
        ),
    )
    enhance: Literal["warp", "learned", "off"] = field(
        default="warp", metadata=_says("How the face is brought to the source's expression.")
    )
    expression_model: Path | None = field(
        default=None,
        metadata=_says(
            "The network for --enhance learned, as diffsign expression train made it.",
            metavar="FILE",
        ),
    )


@dataclass(frozen=True)
class Running:
    """How the run itself goes."""

    quiet: bool = field(default=False, metadata=_says("No progress.", "-q"))
    progress: Literal["auto", "json"] = field(
        default="auto", metadata=_says("json: one object a line on standard error, for programs.")
    )
    force: bool = field(
        default=False, metadata=_says("Run every stage again, also the unchanged ones.")
    )
    debug: bool = field(
        default=False, metadata=_says("Show the libraries' own messages and whole tracebacks.")
    )


def cli_options(*records: type) -> Callable[[Callable], Callable]:
    """A decorator that gives a click command the options of `records`, in their order."""

    def decorate(command: Callable) -> Callable:
        for record in reversed(records):
            for option in reversed(_click_options(record)):
                command = option(command)
        return command

    return decorate


def from_cli(record: type[Record], values: Mapping[str, Any]) -> Record:
    """Build `record` from the values that click parsed; the values of other records stay out.

    Raises:
        UserError: a value that the record refuses.
    """
    return record(**{f.name: values[f.name] for f in fields(record)})  # type: ignore[arg-type]


def _click_options(record: type) -> list[Callable]:
    hints = get_type_hints(record)
    return [_click_option(f.name, hints[f.name], f) for f in fields(record)]


def _click_option(name: str, hint: Any, field_: Any) -> Callable:
    assert field_.default is not MISSING
    names = ["--" + name.replace("_", "-"), *field_.metadata["flags"]]
    if hint is bool:
        return click.option(*names, name, is_flag=True, help=field_.metadata["help"])
    many = get_origin(hint) is tuple
    return click.option(
        *names,
        name,
        multiple=many,
        type=_click_type(get_args(hint)[0] if many else hint),
        default=field_.default,
        show_default=field_.default not in (None, ()),
        help=field_.metadata["help"],
        metavar=field_.metadata["metavar"],
    )


def _click_type(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is Literal:
        return click.Choice(get_args(hint))
    if hint is Path:
        return click.Path(path_type=Path)
    return hint
