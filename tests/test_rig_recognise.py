"""Rigs are recognised by their names, by their own tables, and by their shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rig_cases import (
    bone_directions,
    sample,
    skeleton,
    source_directions,
)

from diffsign.retarget.body.skeleton import INDEX
from diffsign.retarget.rig.families import vrm_map
from diffsign.retarget.rig.recognise import recognise
from diffsign.retarget.rig.skeleton import (
    Skeleton,
    pose_skeleton,
)
from diffsign.retarget.rig.transfer import (
    TransferOptions,
    to_world,
    transfer,
)


def renamed(rig: Skeleton, change) -> Skeleton:
    return replace(rig, names=tuple(change(k, name) for k, name in enumerate(rig.names)))


@pytest.mark.parametrize("prefix", ["", "mixamorig7:", "mixamorig_", "Armature|mixamorig:"])
def test_mixamo_in_any_namespace(prefix: str) -> None:
    rig = renamed(skeleton("mixamo"), lambda _, name: prefix + name.removeprefix("mixamorig:"))
    found = recognise(rig)
    assert (found.name, len(found.bones)) == ("mixamo", 52)


_VRM_WORDS = {
    "pelvis": "hips", "spine1": "spine", "spine2": "chest", "spine3": "upperChest",
    "neck": "neck", "head": "head", "hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot",
    "foot": "Toes", "collar": "Shoulder", "shoulder": "UpperArm", "elbow": "LowerArm",
    "wrist": "Hand",
}  # fmt: skip


def vrm_names(version: int) -> dict[str, str]:
    """SMPL-X joint -> VRM humanoid name, from the two specifications."""
    parts = ("Proximal", "Intermediate", "Distal")
    thumb = parts if version == 0 else ("Metacarpal", "Proximal", "Distal")
    names = {joint: word for joint, word in _VRM_WORDS.items() if word[0].islower()}
    for side in ("left", "right"):
        names |= {f"{side}_{j}": side + w for j, w in _VRM_WORDS.items() if w[0].isupper()}
        for finger in ("index", "middle", "ring", "pinky", "thumb"):
            word = "Little" if finger == "pinky" else finger.capitalize()
            for k, part in enumerate(thumb if finger == "thumb" else parts):
                names[f"{side}_{finger}{k + 1}"] = f"{side}{word}{part}"
    return names


@pytest.mark.parametrize("version", [0, 1])
def test_vrm_by_its_names_and_by_its_own_table(version: int) -> None:
    names = vrm_names(version)
    mixamo = recognise(skeleton("mixamo"))
    new = {mixamo.bones[joint][0]: word for joint, word in names.items()}
    rig = renamed(skeleton("mixamo"), lambda _, name: new[name])
    found = recognise(rig)
    assert found.name == "vrm"
    assert {joint: bones[0] for joint, bones in found.bones.items()} == names
    assert vrm_map({word: word for word in names.values()}).bones == found.bones


def test_a_vrm_chest_alone_is_the_upper_one() -> None:
    found = vrm_map({"hips": "a", "spine": "b", "chest": "c", "neck": "d"})
    assert found.bones["spine3"] == ("c",) and "spine2" not in found.bones


@pytest.mark.parametrize("name", ["mixamo", "game engine", "makehuman"])
def test_a_rig_without_known_names_is_read_from_its_shape(name: str) -> None:
    rig = renamed(skeleton(name), lambda k, _: f"bone{k}")
    by_names, by_shape = recognise(skeleton(name)), recognise(rig)
    assert by_shape.name == "read from its shape"
    for joint, bones in by_shape.bones.items():
        if joint.startswith("spine"):
            continue
        names = tuple(skeleton(name).names[rig.index(bone)] for bone in bones)
        assert names[0] in by_names.bones[joint], joint
    assert len(by_shape.bones) >= 49


def test_ue5_has_metacarpals_five_vertebrae_and_twist_bones() -> None:
    base = skeleton("game engine")
    names, parents = list(base.names), list(base.parents)
    heads, tails = list(base.heads), list(base.tails)

    def insert(name: str, parent: str, at: np.ndarray, carry: tuple[str, ...] = ()) -> None:
        names.append(name)
        parents.append(names.index(parent))
        heads.append(at)
        tails.append(at + np.array([0, 0, 0.02]))
        for other in carry:
            parents[names.index(other)] = len(names) - 1

    for side in "lr":
        hand, elbow = heads[names.index(f"hand_{side}")], heads[names.index(f"lowerarm_{side}")]
        for finger in ("index", "middle", "ring", "pinky"):
            knuckle = heads[names.index(f"{finger}_01_{side}")]
            insert(
                f"{finger}_metacarpal_{side}",
                f"hand_{side}",
                0.7 * hand + 0.3 * knuckle,
                (f"{finger}_01_{side}",),
            )
        for k, share in ((1, 2 / 3), (2, 1 / 3)):
            at = (1 - share) * elbow + share * hand
            insert(f"lowerarm_twist_0{k}_{side}", f"lowerarm_{side}", at)
    rolls = np.zeros(len(names))
    rig = Skeleton.from_edit_bones(
        tuple(names), tuple(parents), np.array(heads), np.array(tails), rolls
    )
    found = recognise(rig)
    assert found.twists["left_elbow"] == ("lowerarm_twist_01_l", "lowerarm_twist_02_l")
    posed = transfer(sample(), rig, found)
    wanted = source_directions(sample(), rig.up)
    for joint, direction in bone_directions(rig, found, posed.heads).items():
        assert np.degrees(np.linalg.norm(direction - wanted[joint], axis=-1)).max() < 0.1, joint
    follows = rig.index("index_metacarpal_l")
    assert np.allclose(posed.quaternions[:, follows], [1, 0, 0, 0])


def test_parts_that_hang_elsewhere_go_with_their_body_part() -> None:
    """As the deforming bones of a generated Rigify rig do: an arm whose parent is not the chest."""
    rig = skeleton("mixamo")
    arm, hips = rig.index("mixamorig:LeftArm"), rig.index("mixamorig:Hips")
    parents = tuple(hips if bone == arm else parent for bone, parent in enumerate(rig.parents))
    loose = replace(rig, parents=parents)
    found = recognise(rig)
    first, second = (transfer(sample(), r, found) for r in (rig, loose))
    assert np.abs(first.heads - second.heads).max() < 1e-9
    assert set(second.translations) == {"mixamorig:Hips", "mixamorig:LeftArm"}
    moved = {loose.index(bone): values for bone, values in second.translations.items()}
    assert np.abs(pose_skeleton(loose, second.quaternions, moved)[1] - second.heads).max() < 1e-9


def test_in_place_and_in_the_scene() -> None:
    rig, motion = skeleton("mixamo"), sample()
    found = recognise(rig)
    still = transfer(motion, rig, found, TransferOptions(root="still"))
    hips = rig.index("mixamorig:Hips")
    assert np.allclose(still.heads[:, hips], rig.heads[hips])
    placed = transfer(motion, rig, found, TransferOptions(root="scene"))
    sides = [rig.index(found.bones[f"{side}_shoulder"][0]) for side in ("left", "right")]
    wanted = motion.joints[:, [INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=1)
    off = placed.heads[:, sides].mean(axis=1) - wanted @ to_world(rig.up).T
    assert np.abs(off).max() < 0.02
