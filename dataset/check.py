"""`--check`: a finished dataset is what its index says, and its annotations fit each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import read_json, sha256
from ..retarget.body.load import load_body
from ..retarget.body.model import Body, joint_transforms, shape_body
from ..retarget.body.skeleton import INDEX
from ..retarget.motion import Camera
from .layout import INDEX as DATASET
from .layout import shard_coco, shard_file, shard_index
from .read import decode_sample, raw_samples

LOOSE_PIXELS = 0.5
_JOINTS = {5: "left_shoulder", 6: "right_shoulder", 7: "left_elbow", 8: "right_elbow",
           11: "left_hip", 12: "right_hip"}  # fmt: skip
"""COCO points that are joints of the skeleton."""


@dataclass
class Findings:
    """samples and frames that were looked at; problems in words; reprojection: median and largest
    error in pixels of the 3-D points, and of the SMPL-X parameters' joints, against the 2-D ones;
    inside: the share of seen points that lie on the mask."""

    samples: int = 0
    frames: int = 0
    problems: list[str] = field(default_factory=list)
    reprojection: dict[str, float] = field(default_factory=dict)
    inside: float = 1.0


def check_dataset(folder: str | Path) -> Findings:
    """Hash every shard and sample again, re-project every annotation, and look for leaks.

    Raises:
        UserError: there is no finished dataset.
    """
    folder = Path(folder)
    if not (folder / DATASET).is_file():
        raise UserError(f"No finished dataset in {folder}: run diffsign synthesize first.")
    index = read_json(folder / DATASET)
    findings = Findings()
    points: list[np.ndarray] = []
    joints: list[np.ndarray] = []
    seen: list[bool] = []
    body = load_body("open")
    for split, entry in index["splits"].items():
        for number, shard in enumerate(entry["shards"]):
            path = shard_file(folder, split, number)
            for record, arrays, mask in _samples(path, shard, findings):
                points.append(point_errors(record, arrays))
                joints.append(joint_errors(record, arrays, body))
                if mask is not None:
                    seen += _on_mask(arrays["keypoints_2d"], mask)
    findings.problems += leaks(index)
    for name, found in (("points", points), ("joints", joints)):
        errors = np.concatenate(found) if found else np.zeros(0)
        if len(errors):
            findings.reprojection[f"{name}_median"] = float(np.median(errors))
            findings.reprojection[f"{name}_max"] = float(errors.max())
            if np.median(errors) > LOOSE_PIXELS:
                findings.problems.append(f"{name} re-project {np.median(errors):.2f} px away")
    findings.inside = float(np.mean(seen)) if seen else 1.0
    return findings


def leaks(index: dict[str, Any]) -> list[str]:
    """What two splits share though they may not: signers, clips, seeds."""
    found = []
    splits = index["splits"]
    for kind in index["recipe"]["splits"]["by"]:
        for one in splits:
            for other in splits:
                shared = set(splits[one][f"{kind}s"]) & set(splits[other][f"{kind}s"])
                if one < other and shared:
                    found.append(f"{one} and {other} share the {kind} {min(shared)}")
    return found


def camera_of(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> Camera:
    """The camera of a sample, from its arrays alone."""
    k = arrays["intrinsics"]
    return Camera(k[0, 0], k[1, 1], k[0, 2], k[1, 2], record["width"], record["height"])


def point_errors(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Pixels between the 2-D points inside the picture and the projected 3-D points."""
    flat, places = arrays["keypoints_2d"], arrays["keypoints_3d"]
    there = flat[..., 2] > 0
    again = camera_of(record, arrays).project(places[there].astype(float))
    return np.linalg.norm(again - flat[there][:, :2], axis=-1)


def joint_errors(record: dict[str, Any], arrays: dict[str, np.ndarray], body: Body) -> np.ndarray:
    """Pixels between 2-D joints and those that the SMPL-X parameters give on the body."""
    rest = shape_body(body, arrays["betas"])[1]
    posed = joint_transforms(rest, arrays["poses"], arrays["trans"])[1]
    camera = camera_of(record, arrays)
    errors = []
    for coco, name in _JOINTS.items():
        flat = arrays["keypoints_2d"][:, coco]
        there = flat[:, 2] > 0
        again = camera.project(posed[there, INDEX[name]].astype(float))
        errors.append(np.linalg.norm(again - flat[there, :2], axis=-1))
    return np.concatenate(errors)


def _samples(
    path: Path, shard: dict[str, Any], findings: Findings
) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray], np.ndarray | None]]:
    """The decoded samples of a shard whose bytes are what they should be."""
    if not path.is_file():
        findings.problems.append(f"{path} is missing")
        return
    if sha256(path) != shard["sha256"]:
        findings.problems.append(f"{path} has another hash than the index")
        return
    if not shard_index(path).is_file():
        findings.problems.append(f"{shard_index(path)} is missing")
        return
    wanted = {entry["id"]: entry for entry in read_json(shard_index(path))["samples"]}
    ids = []
    for name, raw in raw_samples(path):
        ids.append(name)
        sample = decode_sample(name, raw, ("json", "annotations", "masks"))
        frames = sample["json"]["frames"]
        if name not in wanted or wanted[name]["seed"] != sample["json"]["seed"]:
            findings.problems.append(f"{path}: {name} is not what its index says")
        if not sample["json"].get("synthetic"):
            findings.problems.append(f"{name} does not say that it is synthetic")
        if len(sample["annotations"]["keypoints_2d"]) != frames:
            findings.problems.append(f"{name} has {frames} frames but other annotations")
        findings.samples += 1
        findings.frames += frames
        yield sample["json"], sample["annotations"], sample.get("masks")
    if sorted(ids) != sorted(wanted) or len(set(ids)) != len(ids):
        findings.problems.append(f"{path} does not hold the samples that its index names")
    coco = shard_coco(path)
    if coco.is_file():
        annotated = len(read_json(coco)["annotations"])
        if annotated != sum(entry["frames"] for entry in wanted.values()):
            findings.problems.append(f"{coco} has {annotated} annotations, not one per frame")


def _on_mask(points: np.ndarray, masks: np.ndarray) -> list[bool]:
    """Of every seen point, whether the mask is somebody there."""
    found = []
    for flat, mask in zip(points, masks, strict=True):
        pixels = flat[flat[:, 2] == 2, :2].astype(int)
        found += (mask[pixels[:, 1], pixels[:, 0]] > 0).tolist()
    return found


def content_hash(folder: str | Path) -> str:
    """One hash of every shard, shard index and COCO file: equal for equal datasets."""
    folder = Path(folder)
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*/*")):
        if path.suffix in (".tar", ".json") and not path.name.startswith("."):
            digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256(path)}\n".encode())
    return digest.hexdigest()
