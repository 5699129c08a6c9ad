"""`diffsign avatar`: who is chosen, and that the written file opens elsewhere and signs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest

from diffsign.cli import main
from diffsign.errors import UserError
from diffsign.render.avatar.avatar import Avatar
from diffsign.render.avatar.record import Signer
from diffsign.render.avatar_file import choose_signer, write_avatar
from diffsign.render.posed import pose_avatar, pose_joints
from diffsign.retarget.motion import Motion

WORDS = "a young woman with short black hair and a yellow jumper"
LOOKS = Signer(top="jumper", glasses=True, hair_style="bob", phenotype={"gender": 1})
MOTION = "sample_motion.npz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("avatar")
    for suffix in ("npz", "blend", "glb", "fbx"):
        write_avatar(LOOKS, made / f"avatar.{suffix}")
    return made


OPEN = """
import json, os, sys
from pathlib import Path
import numpy as np
import bpy
from diffsign.render.character_import import load_character
from diffsign.render.character_job import face_keys, perform
from diffsign.retarget.motion import Motion

said = {}
path, motion = Path(sys.argv[1]), Motion.load(sys.argv[2])
if path.suffix == ".blend":
    with bpy.data.libraries.load(str(path)) as (there, here):
        said["camera"] = list(there.cameras)
else:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    load = bpy.ops.import_scene.gltf if path.suffix == ".glb" else bpy.ops.import_scene.fbx
    load(filepath=str(path))
    said["camera"] = [thing.name for thing in bpy.data.objects if thing.type == "CAMERA"]
who = load_character(path, None, Path(sys.argv[3]))
said |= {"family": who.rig_map.name, "missing": who.rig_map.missing,
         "meshes": {m.name: len(m.data.vertices) for m in who.meshes},
         "keys": len(face_keys(who.keys)),
         "materials": sorted({s.material.name for m in who.meshes for s in m.material_slots}),
         "uv": [m.name for m in who.meshes if not m.data.uv_layers],
         "colours": [m.name for m in who.meshes if not m.data.color_attributes],
         "record": json.loads(who.armature.get("diffsign_signer", "null"))}
result = perform(who, motion)
said["joints"] = [result.heads[:, who.skeleton.index(who.rig_map.bones[n][0])].tolist()
                  for n in ("pelvis", "head", "left_wrist", "right_index3", "right_thumb2")]
points = {}
for frame in range(motion.frame_count):
    bpy.context.scene.frame_set(frame)
    seen = bpy.context.evaluated_depsgraph_get()
    for mesh in who.meshes:
        made = mesh.evaluated_get(seen)
        co = np.zeros(3 * len(made.data.vertices), np.float32)
        made.data.vertices.foreach_get("co", co)
        world = np.array(made.matrix_world)
        points.setdefault(mesh.name, []).append(co.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3])
np.savez(sys.argv[3] + "/points.npz", **points)
print("\\n@" + json.dumps(said), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("suffix", ["blend", "glb", "fbx"])
def test_the_file_opens_elsewhere_and_signs_as_the_avatar_does(folder, tmp_path, suffix):
    avatar = Avatar.load(folder / "avatar.npz")
    with resources.as_file(resources.files("diffsign.assets") / MOTION) as path:
        motion = Motion.load(path).part(30, 33)
    # The avatar's own joints, so that the file's skeleton can show exactly what is meant.
    joints = pose_joints(avatar, motion.poses, motion.trans).astype(np.float32)
    Motion(**{**vars(motion), "joints": joints}).save(tmp_path / "motion.npz")
    child = subprocess.run(
        [sys.executable, "-c", OPEN, folder / f"avatar.{suffix}", tmp_path / "motion.npz",
         tmp_path],
        capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    lines = [line for line in child.stdout.splitlines() if line.startswith("@")]
    assert lines, child.stdout[-2000:] + child.stderr[-2000:]
    said = json.loads(lines[-1][1:])
    assert said["family"] == "smplx" and said["missing"] == []
    assert len(said["camera"]) == 1 and said["keys"] == 52
    assert set(said["meshes"]) == {piece.name for piece in avatar.pieces}
    assert said["uv"] == said["colours"] == []
    assert set(said["materials"]) == {material.name for material in avatar.materials}
    assert Signer.from_dict(said["record"]) == LOOKS

    to_world = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    names = ("pelvis", "head", "left_wrist", "right_index3", "right_thumb2")
    wanted = joints[:, [avatar.joint_names.index(n) for n in names]] @ to_world.T
    assert np.abs(np.swapaxes(said["joints"], 0, 1) - wanted).max() < 1e-4
    frames = motion.poses, motion.trans, motion.facial_actions
    posed = pose_avatar(avatar, *frames, twisting=False) @ to_world.T
    from scipy.spatial import cKDTree

    # glTF viewers take four bones for a vertex; a few vertices here have more.
    most = 5e-3 if suffix == "glb" else 1e-4
    with np.load(tmp_path / "points.npz") as points:
        for piece in avatar.pieces:
            own = points[piece.name]
            assert np.isfinite(own).all(), piece.name
            for frame in range(3):  # formats split vertices, so places are compared, not numbers
                meant = posed[frame, np.unique(piece.faces)]
                gap, _ = cKDTree(own[frame]).query(meant)
                assert gap.max() < most and np.median(gap) < most / 50, (piece.name, frame)


def test_who_is_chosen(tmp_path):
    signer = choose_signer(WORDS)
    assert (signer.hair_style, signer.top) == ("short", "jumper")
    assert signer.phenotype["gender"] > 0.6
    assert choose_signer(random=4) == choose_signer(random=4) != choose_signer(random=5)
    LOOKS.save(tmp_path / "looks.json")
    assert choose_signer(record=tmp_path / "looks.json") == LOOKS
    changed = choose_signer("no glasses", record=tmp_path / "looks.json")
    assert changed == LOOKS.with_changes(glasses=False)


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return left.value.code


def test_the_command_writes_the_record_it_was_asked_for(tmp_path, capsys):
    out = tmp_path / "her.json"
    assert run("avatar", "--describe", WORDS, "--random", 3, "-o", out) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert Signer.load(out) == choose_signer(WORDS, random=3)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--describe", "a man", "-o", "him.obj"], ".glb"),
        (["-o", "him.json"], "--describe"),
        (["--describe", " ", "-o", "him.json"], "empty"),
        (["--random", "-1", "-o", "him.json"], "--random"),
        (["--record", "none.json", "-o", "him.glb"], "none.json"),
        (["--appearance", "none.png", "-o", "him.glb"], "none.png"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    tmp_path, monkeypatch, capsys, arguments, word
):
    monkeypatch.chdir(tmp_path)
    assert run("avatar", *arguments) == 2
    said = capsys.readouterr().err.strip()
    assert word in said and "\n" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_broken_record_is_refused(tmp_path):
    (tmp_path / "broken.json").write_text('{"top": "toga"}')
    with pytest.raises(UserError, match="toga"):
        choose_signer(record=tmp_path / "broken.json")
