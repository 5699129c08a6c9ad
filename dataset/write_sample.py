"""From a sample's passes and pictures to its tar."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..render.avatar.avatar import Avatar
from ..render.dress.caption import describe
from ..render.pass_set import PassSet, read_pass_set
from ..retarget.body.load import load_body
from ..retarget.keypoints.pose_file import write_pose
from ..retarget.motion import Motion
from ..road.record import DISCLOSURE
from .annotate import annotate, detected_keypoints
from .pack import Member, json_bytes, npz_bytes, write_tar
from .plan import Sample
from .provenance import Certificate, marked, sign
from .recipe import Outputs
from .setup import read_setup

Picture = Callable[[int], np.ndarray]
_JPEG_QUALITY = 92


def finish_sample(
    staged: Path,
    folder: Path,
    task: dict[str, Any],
    times: list[float],
    painted: dict[str, Any] | None,
    picture: Picture | None = None,
) -> None:
    """Write the sample's tar.

    Args:
        folder: holds avatar.npz, performance.npz and passes/. times: places in the clip.
        painted: what the generator says it used. picture: frames (H, W, 3) uint8 by number, the
            passes' own where None.
    """
    setup = read_setup(Path(task["out"]))
    outputs = setup.recipe.outputs
    sample = Sample(**task["sample"])
    passes = read_pass_set(folder / "passes")
    avatar = Avatar.load(folder / "avatar.npz")
    performance = Motion.load(folder / "performance.npz")
    layers = {name for name in ("masks", "depth", "flow") if getattr(outputs, name)}
    found = annotate(passes, avatar, performance, load_body("open"), layers)
    certificate = Certificate(**_paths(task["certificate"])) if task.get("certificate") else None
    members = list(_frames(sample.id, passes, outputs, picture, certificate, painted is not None))
    record = _record(task, sample, passes, avatar, times, painted)
    members.append((f"{sample.id}.json", json_bytes(record)))
    members.append((f"{sample.id}.annotations.npz", npz_bytes(found.arrays)))
    for name, values in found.layers.items():
        members.append((f"{sample.id}.{name}.npz", npz_bytes({name: values})))
    if outputs.pose:
        members.append((f"{sample.id}.pose", _pose(passes)))
    write_tar(staged, members)


def _frames(
    name: str,
    passes: PassSet,
    outputs: Outputs,
    picture: Picture | None,
    certificate: Certificate | None,
    painted: bool,
) -> Iterator[Member]:
    get = picture or passes.beauty_srgb
    pictures = (marked(get(k)) if outputs.mark else get(k) for k in range(len(passes)))
    if outputs.frames == "mp4":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            from ..video import write_video

            write_video(path, pictures, passes.fps, outputs.crf, DISCLOSURE, threads=1)
            if certificate is not None:
                sign(path, name, painted, certificate)
            yield f"{name}.mp4", path.read_bytes()
        return
    for number, image in enumerate(pictures):
        yield f"{name}.{number:05d}.{outputs.frames}", _picture_bytes(image, outputs.frames)


def _picture_bytes(image: np.ndarray, kind: str) -> bytes:
    """A PNG or JPEG that says in its metadata that it is synthetic."""
    from PIL import Image, PngImagePlugin

    buffer = io.BytesIO()
    if kind == "png":
        said = PngImagePlugin.PngInfo()
        said.add_text("Comment", DISCLOSURE)
        Image.fromarray(image).save(buffer, "PNG", pnginfo=said)
    else:
        comment = DISCLOSURE.encode()
        Image.fromarray(image).save(buffer, "JPEG", quality=_JPEG_QUALITY, comment=comment)
    return buffer.getvalue()


def _pose(passes: PassSet) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.pose"
        write_pose(path, detected_keypoints(passes))
        return path.read_bytes()


def _record(
    task: dict[str, Any],
    sample: Sample,
    passes: PassSet,
    avatar: Avatar,
    times: list[float],
    painted: dict[str, Any] | None,
) -> dict[str, Any]:
    """The sample's JSON: JSON values, no path of this machine and no time of day."""
    clip, signer, camera = task["clip"], task["signer"], passes.camera
    return {
        "id": sample.id,
        "split": sample.split,
        "synthetic": True,
        "disclosure": DISCLOSURE,
        "made_with": f"DiffSign {__version__}",
        "labels": clip["labels"],
        "caption": describe(avatar.signer),
        "fps": passes.fps,
        "frames": len(passes),
        "width": camera.width,
        "height": camera.height,
        "clip": {
            "id": clip["id"],
            "sha256": clip["sha256"],
            "licence": clip["licence"],
            "consent": clip["consent"],
            "shown": [round(time, 4) for time in times],
            "speed": sample.speed,
            "mirrored": sample.mirrored,
        },
        "signer": {
            "id": signer["id"],
            "kind": signer["kind"],
            "seed": signer["seed"],
            "consent": signer["consent"],
            "record": passes.info["signer"],
        },
        "camera": {
            "view": Path(sample.camera).name,
            "azimuth": sample.azimuth,
            "elevation": sample.elevation,
            "fx": camera.fx,
            "fy": camera.fy,
            "cx": camera.cx,
            "cy": camera.cy,
        },
        "light": Path(sample.hdri).name if sample.hdri else sample.light,
        "background": Path(sample.background).name,
        "seed": sample.seed,
        "generator": painted or {"model": "none"},
    }


def _paths(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "chain": Path(given["chain"]), "key": Path(given["key"])}
