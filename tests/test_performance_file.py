"""A motion on a character as a file: the skeleton turns and the face's keys move."""

from __future__ import annotations

import json
import struct
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.render.avatar.record import Signer
from diffsign.render.performance_file import export_performance
from diffsign.retarget.motion import Motion
from diffsign.road.perform_file import perform_file


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("motion") / "motion.npz"
    assets = Path(str(resources.files("diffsign.assets")))
    Motion.load(assets / "sample_motion.npz").part(20, 26).save(path)
    return path


def read_glb(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    assert data[:4] == b"glTF"
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length])


def test_a_glb_moves_bones_and_shape_keys(motion: Path, tmp_path: Path) -> None:
    out = export_performance(motion, "glb", tmp_path / "signer.glb")
    content = read_glb(out)
    paths = [
        (channel["target"]["path"], content["nodes"][channel["target"]["node"]]["name"])
        for animation in content["animations"]
        for channel in animation["channels"]
    ]
    assert ("rotation", "left_index2") in paths and ("translation", "pelvis") in paths
    assert any(path == "weights" for path, _ in paths)
    ends = {
        content["accessors"][sampler["input"]]["max"][0]
        for animation in content["animations"]
        for sampler in animation["samplers"]
    }
    assert max(ends) - 1 / 25 == pytest.approx(5 / 25, abs=0.02)  # six frames at 25 from frame 1
    targets = {
        name for mesh in content["meshes"] for name in mesh.get("extras", {}).get("targetNames", ())
    }
    assert {"jawOpen", "browInnerUp"} <= targets


def test_another_signer_performs_a_file(motion: Path, tmp_path: Path) -> None:
    Signer(phenotype={"age": 0.4, "height": 0.2}).save(tmp_path / "child.json")
    out = perform_file(motion, tmp_path / "child.json", tmp_path / "child.npz")
    before, after = Motion.load(motion), Motion.load(out)
    span = [m.joints[0, 20] - m.joints[0, 18] for m in (before, after)]  # left forearm
    assert np.linalg.norm(span[1]) < 0.9 * np.linalg.norm(span[0])
    assert after.frame_count == before.frame_count and after.source["keep_contacts"]


@pytest.mark.parametrize(
    ("to", "name", "avatar", "words"),
    [
        ("glb", "out.fbx", None, "end its name in .glb"),
        ("usd", "out.glb", None, "end its name in .usd or .usdc or .usda"),
        ("fbx", "out.fbx", "none.fbx", "There is no file"),
        ("fbx", "out.fbx", "clip.mp4", "is no character"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(
    motion: Path, tmp_path: Path, to: str, name: str, avatar: str | None, words: str
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    who = None if avatar is None else tmp_path / avatar
    with pytest.raises(UserError, match=words):
        export_performance(motion, to, tmp_path / name, who)
    assert not (tmp_path / name).exists()
