"""One frame's layers in one compressed multi-channel EXR, written whole or not at all.

Channels are named `layer.channel`. Picture, directions and motion are half floats. Lengths and
coordinates are floats, of which the file keeps 24 bits (compression PXR24): 1 in 65,000, 0.03 mm
at two metres, for half the size and two thirds of the time. The file carries the hash of the job
that made it, so that a later run knows its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import atomic_path

JOB_ATTRIBUTE = "diffsign:job"


@dataclass(frozen=True)
class Layer:
    """channels of the EXR, their storage, and what the numbers mean. optional: a frame may lack
    it."""

    channels: tuple[str, ...]
    storage: str
    meaning: str
    optional: bool = False


LAYERS: dict[str, Layer] = {
    "beauty": Layer(
        ("R", "G", "B"), "half", "linear RGB (Rec. 709 primaries), antialiased, over the background"
    ),
    "alpha": Layer(
        ("A",), "half", "coverage of the beauty picture by the signer, 0..1", optional=True
    ),
    "depth": Layer(("Z",), "float", "metres along the camera's z; infinite on the background"),
    "normal": Layer(
        ("X", "Y", "Z"), "half", "unit, camera space: x right, y up, z to the viewer; 0 background"
    ),
    "normal_world": Layer(
        ("X", "Y", "Z"),
        "half",
        "unit, the scene's space, the same for every camera: x right and y away from the source "
        "camera, z up; 0 background",
    ),
    "position": Layer(("X", "Y", "Z"), "float", "metres in the camera's frame; 0 background"),
    "uv": Layer(("U", "V"), "float", "surface coordinates of the piece; 0 background or no uv"),
    "rest": Layer(
        ("X", "Y", "Z"),
        "float",
        "metres in the rest pose: names the point seen; 0 background",
        optional=True,
    ),
    "motion": Layer(
        ("prevX", "prevY", "nextX", "nextY"),
        "half",
        "pixels, x right, y down: the point's place in the frame before minus here, then its "
        "place in the frame after minus here, to 1 in 2000; 0 background and beyond the clip's "
        "ends",
    ),
    "object": Layer(("V",), "half", "object index of the piece (see objects); 0 background"),
    "part": Layer(("V",), "half", "index into parts; 0 background"),
}


def write_frame(path: Path, layers: Mapping[str, np.ndarray], job: str) -> None:
    """Write every layer of LAYERS, each (H, W) or (H, W, channels), atomically."""
    seen = np.isfinite(layers["depth"]).any(axis=1).nonzero()[0]
    rows = slice(seen[0], seen[-1] + 1) if len(seen) else slice(0)
    channels: dict[str, np.ndarray] = {}
    for name, layer in LAYERS.items():
        if layer.optional and name not in layers:
            continue
        values = np.asarray(layers[name])
        height, width = values.shape[:2]
        planes = np.moveaxis(values.reshape(height, width, len(layer.channels)), 2, 0)
        number = _NUMBERS[layer.storage]
        if name in _BEYOND_THE_SIGNER:
            stored = np.array(planes, number, order="C")
        else:  # zero beside the signer
            stored = np.zeros((len(layer.channels), height, width), number)
            stored[:, rows] = planes[:, rows]
        channels |= {f"{name}.{key}": p for key, p in zip(layer.channels, stored, strict=True)}
    with atomic_path(path) as partial:
        if find_spec("OpenEXR") is not None:
            _write_fast(partial, channels, job)
        else:
            _write_in_blender(partial, channels, job)


def _write_fast(path: Path, channels: Mapping[str, np.ndarray], job: str) -> None:
    import OpenEXR

    header = {
        "compression": OpenEXR.PXR24_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        JOB_ATTRIBUTE: job,
    }
    with OpenEXR.File(header, dict(channels)) as file:
        file.write(str(path))


def _write_in_blender(path: Path, channels: Mapping[str, np.ndarray], job: str) -> None:
    """The same by OpenImageIO, which Blender brings with it."""
    import OpenImageIO as oiio

    planes = list(channels.values())
    height, width = planes[0].shape
    spec = oiio.ImageSpec(width, height, len(planes), "float")
    spec.channelnames = tuple(channels)
    spec.channelformats = tuple(
        oiio.TypeDesc("half" if plane.dtype == np.float16 else "float") for plane in planes
    )
    spec.attribute("compression", "pxr24")
    spec.attribute(JOB_ATTRIBUTE, job)
    output = oiio.ImageOutput.create(str(path))
    pixels = np.stack([plane.astype(np.float32) for plane in planes], axis=-1)
    done = output.open(str(path), spec) and output.write_image(pixels) and output.close()
    if not done:
        raise OSError(f"{path} cannot be written: {output.geterror()}")


_BEYOND_THE_SIGNER = ("beauty", "alpha", "depth")
_NUMBERS = {"half": np.float16, "float": np.float32}


def read_frame(path: Path, wanted: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The wanted layers of a frame file (all where None), float32 but object and part: int32.

    Raises:
        UserError: the file is missing or broken.
    """
    import OpenImageIO as oiio

    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise UserError(f"There is no readable frame at {path}; run the passes stage again.")
    channels = {name: index for index, name in enumerate(source.spec().channelnames)}
    stored = {name.split(".")[0] for name in channels}
    chosen = [name for name in LAYERS if name in stored] if wanted is None else list(wanted)
    try:
        indices = [channels[f"{name}.{c}"] for name in chosen for c in LAYERS[name].channels]
    except KeyError as error:
        raise UserError(f"{path} has no layer {error}; run the passes stage again.") from None
    first, last = min(indices), max(indices) + 1
    pixels = source.read_image(0, 0, first, last, "float")
    source.close()
    if pixels is None:
        raise UserError(f"{path} is damaged; remove it and run the passes stage again.")
    found = {}
    for name in chosen:
        layer = LAYERS[name]
        own = [channels[f"{name}.{c}"] - first for c in layer.channels]
        values = pixels[..., own[0]] if len(own) == 1 else pixels[..., own]
        found[name] = values.astype(np.int32) if name in ("object", "part") else values
    return found


def frame_job(path: Path) -> str | None:
    """The hash of the job that wrote the file; None where there is no such file."""
    import OpenImageIO as oiio

    if not path.is_file():
        return None
    source = oiio.ImageInput.open(str(path))
    if source is None:
        oiio.geterror()
        return None
    job = source.spec().getattribute(JOB_ATTRIBUTE)
    source.close()
    return job if isinstance(job, str) else None
