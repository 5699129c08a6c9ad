"""Rigs that lack bones, and what is no rig: the rest moves, or one sentence says what to mend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rig_cases import (
    bone_directions,
    degrees,
    sample,
    skeleton,
    source_directions,
)

from diffsign.errors import UserError
from diffsign.retarget.rig.recognise import recognise
from diffsign.retarget.rig.rig_map import RigMap
from diffsign.retarget.rig.skeleton import (
    Skeleton,
    bone_rotations,
)
from diffsign.retarget.rig.transfer import (
    transfer,
)
from diffsign.retarget.rotations import aligning


def test_rig_maps_are_saved_and_read(tmp_path: Path) -> None:
    found = recognise(skeleton("makehuman"))
    found.save(tmp_path / "rig.json")
    assert RigMap.load(tmp_path / "rig.json") == found


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "no rig map"),
        ("[]", "format"),
        ('{"format": "diffsign-rig"}', "name"),
        ('{"format": "diffsign-rig", "name": "x", "bones": []}', "by joint"),
        ('{"format": "diffsign-rig", "name": "x", "bones": {"tail": ["a"]}}', "tail"),
        ('{"format": "diffsign-rig", "name": "x", "bones": {"head": "a"}}', "list"),
        ('{"format": "diffsign-rig", "name": "x", "twists": {"head": ["a"]}}', "head"),
    ],
)
def test_what_is_no_rig_map_is_refused(tmp_path: Path, content: str, word: str) -> None:
    path = tmp_path / "rig.json"
    path.write_text(content)
    with pytest.raises(UserError, match=word):
        RigMap.load(path)
    with pytest.raises(UserError, match="No rig map"):
        RigMap.load(tmp_path / "none.json")


def test_a_map_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    rig = skeleton("mixamo")
    found = recognise(rig)
    with pytest.raises(UserError, match="left_elbow"):
        transfer(
            sample(), rig, RigMap("m", {k: v for k, v in found.bones.items() if k != "left_elbow"})
        )
    with pytest.raises(UserError, match="'nothing'"):
        transfer(sample(), rig, RigMap("m", found.bones | {"jaw": ("nothing",)}))
    with pytest.raises(UserError, match="both"):
        transfer(sample(), rig, RigMap("m", found.bones | {"jaw": found.bones["head"]}))


def cut(rig: Skeleton, lost: set[str]) -> Skeleton:
    keep = [k for k, name in enumerate(rig.names) if name not in lost]
    parents = []
    for bone in keep:
        parent = rig.parents[bone]
        while parent >= 0 and rig.names[parent] in lost:
            parent = rig.parents[parent]
        parents.append(keep.index(parent) if parent >= 0 else -1)
    return Skeleton(
        tuple(rig.names[k] for k in keep),
        tuple(parents),
        rig.heads[keep],
        rig.tails[keep],
        rig.rotations[keep],
        rig.up,
    )


def test_a_rig_without_hands_moves_its_body_and_says_so() -> None:
    rig = skeleton("mixamo")
    bare = cut(rig, {n for n in rig.names if "HandThumb" in n or (n[-1] in "123" and "Hand" in n)})
    found = recognise(bare)
    assert "no finger bones in either hand" in found.summary()
    posed = transfer(sample(), bare, found)
    wanted = source_directions(sample(), rig.up)
    for joint, direction in bone_directions(bare, found, posed.heads).items():
        assert np.degrees(np.linalg.norm(direction - wanted[joint], axis=-1)).max() < 0.1, joint


def test_a_hand_with_fewer_fingers_keeps_its_palm() -> None:
    rig = skeleton("mixamo")
    fewer = cut(rig, {n for n in rig.names if "Pinky" in n})
    whole, part = (transfer(sample(), r, recognise(r)) for r in (rig, fewer))
    a = whole.rotations[:, rig.index("mixamorig:LeftHand")]
    b = part.rotations[:, fewer.index("mixamorig:LeftHand")]
    # Two palms through different knuckles; the hands are of two people.
    assert degrees(a, b).max() < 4


def test_missing_bones_are_named() -> None:
    rig = cut(skeleton("mixamo"), {"mixamorig:LeftForeArm"})
    with pytest.raises(UserError, match=r"mixamo.*left_elbow"):
        recognise(rig)
    with pytest.raises(UserError, match="no known family"):
        recognise(Skeleton(("a",), (-1,), np.zeros((1, 3)), np.ones((1, 3)), np.eye(3)[None]))


def test_two_characters_in_one_armature_are_refused() -> None:
    rig = skeleton("mixamo")
    names = rig.names + tuple(n.replace("mixamorig", "mixamorig1") for n in rig.names)
    parents = rig.parents + tuple(p + 52 if p >= 0 else -1 for p in rig.parents)
    double = Skeleton(
        names,
        parents,
        np.tile(rig.heads, (2, 1)),
        np.tile(rig.tails, (2, 1)),
        np.tile(rig.rotations, (2, 1, 1)),
    )
    with pytest.raises(UserError, match=r"'mixamorig:.*'mixamorig1:.*both fit"):
        recognise(double)


@pytest.mark.parametrize(
    ("world", "word"),
    [
        (np.diag([-1.0, 1, 1, 1]), "negative"),
        (np.diag([-1.0, -1, -1, 1]), "negative"),
        (np.diag([1.0, 2, 1, 1]), "differently"),
        (np.diag([0.0, 0, 0, 1]), "nothing"),
        (np.full((4, 4), np.nan), "nothing"),
    ],
)
def test_mirrored_and_stretched_armatures_are_refused(world: np.ndarray, word: str) -> None:
    matrices = np.eye(4)[None]
    with pytest.raises(UserError, match=word):
        Skeleton.from_matrices(("a",), (-1,), matrices, None, world)


def test_broken_skeletons_are_refused() -> None:
    places, turns = np.zeros((2, 3)), np.tile(np.eye(3), (2, 1, 1))
    with pytest.raises(UserError, match="Two bones"):
        Skeleton(("a", "a"), (-1, 0), places, places, turns)
    with pytest.raises(UserError, match="its own ancestor"):
        Skeleton(("a", "b"), (1, 0), places, places, turns)
    with pytest.raises(UserError, match="no bones"):
        Skeleton((), (), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3, 3)))
    matrices = np.tile(np.eye(4), (1, 1, 1))
    matrices[0, 0, 0] = 2
    with pytest.raises(UserError, match="'a' is scaled"):
        Skeleton.from_matrices(("a",), (-1,), matrices)


def test_the_smallest_rotation_is_blender_s_convention() -> None:
    """A bone along -Z with roll 0, as MPFB2 writes it and Blender builds it."""
    found = bone_rotations(np.array([[0.0, 0, 1.0]]), np.array([0.0]))[0]
    assert np.allclose(found, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert np.allclose(aligning(np.array([0, 1.0, 0]), np.array([0, 0, 1.0])), found)
