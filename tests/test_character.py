"""The user's own character: recognised, performing, rendered; and what is no character refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from diffsign.errors import UserError
from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar.record import Signer
from diffsign.render.character import check_backdrop, check_character, render_character
from diffsign.render.character_parts import named_part
from diffsign.render.character_points import head_box
from diffsign.render.pass_options import PassOptions
from diffsign.render.pass_set import read_pass_set
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.makehuman import METRES
from diffsign.retarget.motion import Motion
from diffsign.retarget.rig.mpfb import mpfb_skeleton, mpfb_weights, to_blender

# A Mixamo character: MakeHuman's base mesh in its A-pose with MPFB2's rig, in centimetres, as
# Mixamo's files are; and others that lack something.
BUILD = """
import os, sys
from pathlib import Path
import bpy
import numpy as np
from mathutils import Matrix

out = Path(sys.argv[1])
with np.load(out / "parts.npz") as stored:
    data = {name: stored[name] for name in stored.files}
names = [str(name) for name in data["names"]]

def person(drop=(), keys=True, scale=(0.01,) * 3, mesh=True):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = bpy.data.armatures.new("Armature")
    rig = bpy.data.objects.new("Armature", armature)
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, matrix, tail in zip(names, data["matrices"], data["tails"]):
        bone = armature.edit_bones.new(name)
        bone.head, bone.tail = matrix[:3, 3] * 100, tail * 100
        bone.align_roll(matrix[:3, 2].tolist())
    for name, parent in zip(names, data["parents"]):
        if parent >= 0:
            armature.edit_bones[name].parent = armature.edit_bones[names[parent]]
    for name in names:
        if any(word in name for word in drop):
            armature.edit_bones.remove(armature.edit_bones[name])
    bpy.ops.object.mode_set(mode="OBJECT")
    if mesh:
        made = bpy.data.meshes.new("Body")
        made.from_pydata((data["vertices"] * 100).tolist(), [], data["faces"].tolist())
        made.materials.append(bpy.data.materials.new("Body_Skin"))
        layer = made.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", data["uv"].astype(np.float32).ravel())
        body = bpy.data.objects.new("Body", made)
        bpy.context.collection.objects.link(body)
        for k, name in enumerate(names):
            group = body.vertex_groups.new(name=name)
            for vertex in np.flatnonzero(data["weights"][:, k] > 0.01).tolist():
                group.add((vertex,), float(data["weights"][vertex, k]), "REPLACE")
        if keys:
            body.shape_key_add(name="Basis")
            for name, moves in zip(data["action_names"], data["actions"]):
                key = body.shape_key_add(name=str(name), from_mix=False)
                key.data.foreach_set("co", (100 * (data["vertices"] + moves)).astype("f").ravel())
        body.parent = rig
        body.modifiers.new("Armature", "ARMATURE").object = rig
    rig.scale = scale
    return rig

def save(name):
    path = str(out / name)
    if name.endswith(".fbx"):
        bpy.ops.export_scene.fbx(filepath=path, add_leaf_bones=True, bake_anim=False)
    elif name.endswith(".glb"):
        bpy.ops.export_scene.gltf(filepath=path, export_animations=False)
    else:
        bpy.ops.wm.save_as_mainfile(filepath=path)

person(); save("mixamo.glb"); save("mixamo.fbx")
rig = person()
parent = bpy.data.objects.new("stage", None)
bpy.context.collection.objects.link(parent)
rig.parent, parent.scale = parent, (1.3, 1.3, 1.3)
parent.rotation_euler, parent.location = (0.2, 0.1, 2.0), (1, 2, 3)
cube = bpy.data.meshes.new("floor")
cube.from_pydata([(-9, -9, 0), (9, -9, 0), (0, 9, 0)], [], [(0, 1, 2)])
bpy.context.collection.objects.link(bpy.data.objects.new("floor", cube))
save("turned.blend")
person(drop=("Thumb", "Index", "Middle", "Ring", "Pinky"), keys=False); save("no_hands.glb")
person(drop=("LeftArm", "LeftForeArm", "LeftHand"), keys=False); save("one_arm.glb")
person(keys=False); save("no_keys.glb")
person(scale=(-0.01, 0.01, 0.01), keys=False); save("mirrored.blend")
person(mesh=False, keys=False); save("no_mesh.blend")
bpy.ops.wm.read_factory_settings()
save("cube.glb"); save("cube.blend")
os._exit(0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("characters")
    from diffsign.retarget.rig.mpfb import _base_mesh

    body, rest = load_body("open"), mpfb_skeleton("mixamo")
    faces = body.group_faces("body")
    matrices = np.tile(np.eye(4), (len(rest.names), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = rest.rotations, rest.heads
    actions = np.moveaxis(body.actiondirs[:13380], 2, 0)
    np.savez(
        made / "parts.npz",
        names=np.array(rest.names), parents=rest.parents, matrices=matrices, tails=rest.tails,
        vertices=to_blender(_base_mesh()[0][:13380]), faces=body.faces[faces],
        uv=body.uv[body.face_uv[faces]], weights=mpfb_weights("mixamo", rest)[:13380],
        action_names=np.array(body.action_names), actions=to_blender(actions),
    )  # fmt: skip
    assert METRES > 0
    child = subprocess.run(
        [sys.executable, "-c", BUILD, str(made)],
        capture_output=True, text=True, timeout=600, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (made / "cube.blend").is_file(), child.stdout[-2000:] + child.stderr[-3000:]
    return made


@pytest.fixture(scope="module")
def performed(folder):
    """The sample's motion at a small size, and the avatar that performs it."""
    with resources.as_file(resources.files("diffsign.assets") / "sample_motion.npz") as path:
        motion = Motion.load(path).part(23, 27)
    motion = replace(motion, camera=motion.camera.scaled(160, 160))
    motion.save(folder / "performance.npz")
    body = load_body("open")
    betas = np.pad(motion.betas, (0, body.beta_count - len(motion.betas)))
    build_avatar(Signer(), body, betas).save(folder / "avatar.npz")
    return motion


def render(folder, name, out, **options):
    chosen = PassOptions(**({"samples": 1, "denoise": False, "count": 2} | options))
    performance, avatar = folder / "performance.npz", folder / "avatar.npz"
    render_character(folder / name, performance, avatar, out, chosen)
    return read_pass_set(out)


@pytest.mark.parametrize("name", ["mixamo.glb", "mixamo.fbx", "turned.blend"])
def test_a_character_is_recognised(folder, name):
    info = check_character(folder / name)
    assert info.family == "mixamo"
    assert info.meshes == ("Body",)  # the floor is no part of it
    assert len(info.face_keys) == 52


@pytest.mark.parametrize("name", ["mixamo.glb", "mixamo.fbx", "turned.blend"])
def test_its_passes_are_those_of_an_avatar(folder, performed, tmp_path, name):
    found = render(folder, name, tmp_path / "passes")
    assert found.info["frame_count"] == 2 and (found.info["width"], found.info["height"]) == (
        160,
        160,
    )
    assert found.fps == pytest.approx(performed.fps, rel=1e-3)
    layers = found.frame(1)
    seen = np.isfinite(layers["depth"])
    assert 0.1 < seen.mean() < 0.8
    parts = {found.info["parts"][int(k)] for k in np.unique(layers["part"][seen])}
    assert {"face", "right_hand", "skin"} <= parts
    assert (layers["uv"][seen].max(axis=-1) > 0).mean() > 0.99
    assert np.abs(layers["motion"][seen]).max() > 0.3
    # Its shoulders stand where the motion's do.
    shoulders = found.points["body18_xyz"][:, [5, 2]].mean(axis=1)
    meant = performed.joints[:2, [16, 17]].mean(axis=1)
    assert np.abs(shoulders - meant).max() < 0.05  # girdles help to reach what is touched
    # Points of the right hand lie on the right hand.
    rows, columns = np.nonzero(layers["part"] == found.info["parts"].index("right_hand"))
    hand = found.points["right_hand"][1]
    inside = hand[hand[:, 2] > 0][:, :2]
    gap = np.hypot(inside[:, None, 0] - columns - 0.5, inside[:, None, 1] - rows - 0.5).min(axis=1)
    assert len(inside) == 21 and np.median(gap) < 1.5 and gap.max() < 6
    # The nose's point lies on the face's front, the chin's under the mouth's.
    face = found.points["face478"][1]
    part = layers["part"][face[[1, 4], 1].astype(int), face[[1, 4], 0].astype(int)]
    assert set(part) == {found.info["parts"].index("face")}
    assert face[152, 1] > face[13, 1] > face[1, 1] > face[10, 1]
    assert found.conditioning("openpose", 1).any()


def test_handshapes_are_the_sources(folder, performed, tmp_path):
    """The angles between a finger's pieces, seen on the points, are those of the motion."""
    found = render(folder, "mixamo.glb", tmp_path / "passes")
    hand = found.points["right_hand_xyz"]
    for finger, start in (("index", 5), ("middle", 9), ("ring", 13), ("pinky", 17)):
        bends = []
        for points, ids in ((hand, [start, start + 1, start + 2]), (performed.joints[:2], None)):
            if ids is None:
                from diffsign.retarget.body.skeleton import INDEX

                ids = [INDEX[f"right_{finger}{k}"] for k in (1, 2, 3)]
            wrist = points[:, 0] if points is hand else points[:, 21]
            first, second = points[:, ids[0]] - wrist, points[:, ids[2]] - points[:, ids[0]]
            cosine = (first * second).sum(-1)
            cosine /= np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
            bends.append(np.degrees(np.arccos(cosine)))
        assert np.abs(bends[0] - bends[1]).max() < 12, finger


def test_another_view_and_a_green_backdrop(folder, performed, tmp_path):
    found = render(folder, "mixamo.glb", tmp_path / "side", camera="side", backdrop="green")
    depth = found.frame(0)["depth"]
    assert np.isfinite(depth).mean() > 0.03
    picture = found.beauty_srgb(0).astype(int)
    corner = picture[0, 0]
    assert corner[1] > corner[0] + 60 and corner[1] > corner[2] + 60


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_hands.glb", ("finger", "either hand")),
        ("one_arm.glb", ("left_shoulder",)),
        ("no_keys.glb", ("shape keys", "--still-face")),
        ("mirrored.blend", ("negative",)),
        ("no_mesh.blend", ("without a mesh",)),
        ("cube.glb", ("no armature",)),
        ("cube.blend", ("no armature",)),
        ("text.glb", ("cannot be read",)),
        ("text.fbx", ("cannot be read",)),
        ("text.vrm", ("cannot be read",)),
        ("text.blend", ("cannot be read",)),
        ("missing.glb", ("no file",)),
        ("parts.npz", ("no character", ".glb")),
    ],
)
def test_what_is_no_character_is_refused_in_one_sentence(folder, name, words):
    if name.startswith("text"):
        (folder / name).write_text("this is not a character")
    with pytest.raises(UserError) as caught:
        check_character(folder / name)
    said = str(caught.value)
    assert all(word in said for word in words), said
    assert "\n" not in said and ". " not in said and said.endswith(".")


def test_a_still_face_is_allowed_on_request(folder):
    assert check_character(folder / "no_keys.glb", still_face=True).face_keys == ()


def test_a_rig_map_names_the_bones_itself(folder, tmp_path):
    from diffsign.retarget.rig.recognise import recognise

    recognise(mpfb_skeleton("mixamo")).save(tmp_path / "rig.json")
    assert check_character(folder / "mixamo.glb", tmp_path / "rig.json").family == "mixamo"
    record = json.loads((tmp_path / "rig.json").read_text())
    record["bones"]["pelvis"] = ["nobody"]
    (tmp_path / "rig.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="nobody"):
        check_character(folder / "mixamo.glb", tmp_path / "rig.json")


@pytest.mark.parametrize(
    ("material", "mesh", "part"),
    [
        ("skin_face", "Body", "skin"),
        ("N00_000_00_HairBack_00_HAIR", "Hair", "hair"),
        ("M_Eyelashes", "Head", "lashes"),
        ("Std_Cornea_L", "CC_Base_Eye", "eyes"),
        ("Material.001", "Tops_Hoodie", "top"),
        ("Ch08_body", "Ch08_Pants", "skin"),
        ("mat0", "Ch08_Pants", "bottom"),
        ("mat0", "Cube", None),
        ("teeth", "Wolf3D_Teeth", "mouth"),
    ],
)
def test_names_tell_parts(material, mesh, part):
    assert named_part(material, mesh) == part


def test_the_heads_box_ends_at_the_chin():
    """The neck's skin further back does not count downwards."""
    chin, nape = [0.0, -0.1, 0.1], [0.0, -0.2, -0.1]
    crown, sides = [0.0, 0.12, 0.0], [[0.08, 0, 0], [-0.08, 0, 0]]
    low, high = head_box(np.array([chin, nape, crown, *sides]))
    assert low.tolist() == [-0.08, -0.1, -0.1] and high.tolist() == [0.08, 0.12, 0.1]


def test_nothing_is_written_by_a_refused_run(folder, tmp_path, capsys):
    from diffsign.cli import main

    clip = Path(str(resources.files("diffsign.assets"))) / "sample.mp4"
    with pytest.raises(SystemExit) as left:
        main(["retarget", str(clip), "-o", str(tmp_path / "out"),
              "--avatar", str(folder / "no_hands.glb")])  # fmt: skip
    said = capsys.readouterr().err.strip()
    assert left.value.code == 2 and "finger" in said and "\n" not in said
    assert list(tmp_path.iterdir()) == []


def test_the_road_remembers_the_character_and_sees_it_change(tmp_path):
    from diffsign.road.options import Viewing
    from diffsign.road.remembered import remember_viewing, viewing_before
    from diffsign.road.retarget_stages import character_stage
    from diffsign.road.stages import Ledger

    who = tmp_path / "who.glb"
    for name in ("who.glb", "performance.npz", "avatar.npz"):
        (tmp_path / name).write_bytes(b"one")
    viewing = Viewing(avatar=who, still_face=True, camera="side")
    (tmp_path / ".diffsign").mkdir()
    remember_viewing(tmp_path, viewing)
    assert viewing_before(tmp_path) == viewing
    ledger = Ledger(tmp_path)
    before = ledger.key(character_stage(tmp_path, viewing))
    assert ledger.key(character_stage(tmp_path, viewing)) == before
    who.write_bytes(b"two")
    assert ledger.key(character_stage(tmp_path, viewing)) != before
    with pytest.raises(UserError, match="--avatar"):
        Viewing(rig=tmp_path / "rig.json")


@pytest.mark.parametrize("backdrop", ["alpha", "hdri", "wall.png"])
def test_what_cannot_lie_behind_a_character_is_said(backdrop):
    with pytest.raises(UserError, match="--backdrop green"):
        check_backdrop(PassOptions(backdrop=backdrop))


def as_vrm(glb, version):
    """The bytes of a .glb that says which of Mixamo's bones are VRM's, in either version's way."""
    data = glb.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    content, rest = json.loads(data[20 : 20 + length]), data[20 + length :]
    node = {entry["name"].split(":")[-1]: k for k, entry in enumerate(content["nodes"])}
    human = {"hips": "Hips", "spine": "Spine", "chest": "Spine1", "neck": "Neck", "head": "Head"}
    for side in ("left", "right"):
        big = side.capitalize()
        human |= {f"{side}UpperArm": f"{big}Arm", f"{side}LowerArm": f"{big}ForeArm",
                  f"{side}Hand": f"{big}Hand"}  # fmt: skip
        for finger, mixamo in (("Index", "Index"), ("Middle", "Middle"), ("Ring", "Ring")):
            for k, part in enumerate(("Proximal", "Intermediate", "Distal"), start=1):
                human[f"{side}{finger}{part}"] = f"{big}Hand{mixamo}{k}"
    if version == 1:
        bones = {name: {"node": node[own]} for name, own in human.items()}
        content["extensions"] = {"VRMC_vrm": {"specVersion": "1.0",
                                              "humanoid": {"humanBones": bones}}}  # fmt: skip
    else:
        listed = [{"bone": name, "node": node[own]} for name, own in human.items()]
        content["extensions"] = {"VRM": {"humanoid": {"humanBones": listed}}}
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    head = b"glTF" + (2).to_bytes(4, "little") + (20 + len(text) + len(rest)).to_bytes(4, "little")
    return head + len(text).to_bytes(4, "little") + b"JSON" + text + rest


@pytest.mark.parametrize("version", [0, 1])
def test_a_vrm_says_itself_which_bones_are_which(folder, tmp_path, version):
    (tmp_path / "who.vrm").write_bytes(as_vrm(folder / "mixamo.glb", version))
    info = check_character(tmp_path / "who.vrm")
    assert info.family == "vrm" and len(info.face_keys) == 52
