"""Any character with a skin: the body's points are found on it, and contacts are kept."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rig_cases import degrees, sample, skeleton

from diffsign.errors import UserError
from diffsign.render.touch_clip import TOUCHES, touch_motion
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.body.skeleton import INDEX, RIGHT_HAND
from diffsign.retarget.rig.calibrate import identity_map
from diffsign.retarget.rig.figure import Figure, figure_shape, perform_on_figure
from diffsign.retarget.rig.figure_file import load_figure, save_figure
from diffsign.retarget.rig.mpfb import mpfb_skeleton, mpfb_weights, to_blender
from diffsign.retarget.rig.perform import performer_of
from diffsign.retarget.rig.recognise import recognise
from diffsign.retarget.rig.rules import read_rules
from diffsign.retarget.rig.skeleton import global_rotations, rest_skeleton
from diffsign.retarget.rig.spine import along_spine, bent_poses
from diffsign.retarget.rig.surface import sample_surface, shaped
from diffsign.retarget.rig.transfer import TransferOptions, to_world, transfer

HEAVY = {"weight": 1.0, "muscle": 0.3}


@cache
def figure(name: str = "mixamo") -> Figure:
    """A heavy person on one of MPFB2's rigs."""
    body = load_body("open")
    vertices, _ = shape_body(body, phenotype_betas(body, HEAVY))
    rig = mpfb_skeleton(name, vertices)
    weights = mpfb_weights(name, rig)
    bones = np.argsort(-weights, axis=1)[:, :6]
    return Figure(
        rig,
        recognise(rig),
        to_blender(vertices),
        body.faces[body.group_faces("body")],
        bones,
        np.take_along_axis(weights, bones, 1),
    )


@cache
def on_chest():
    """The hand comes to the chest and rests there."""
    body = load_body("open")
    chest = next(touch for touch in TOUCHES if touch.place == "chest")
    motion = touch_motion(body, np.zeros(body.beta_count), (chest,))
    middle = motion.frame_count // 2
    return motion.part(middle - 6, middle + 2)


@pytest.mark.parametrize("name", ["mixamo", "makehuman"])
def test_points_of_the_body_are_found_on_the_same_place_of_a_character(name: str) -> None:
    body = load_body("open")
    surface, motion = sample_surface(body), on_chest()
    shape = figure_shape(figure(name), body, surface, rest_skeleton(motion))
    truth = shaped(body, surface, phenotype_betas(body, HEAVY))
    for bones, most in (([INDEX["head"]], 0.010), ([*RIGHT_HAND], 0.006)):
        own = np.isin(surface.bone, bones)
        off = (shape.points - truth.points)[own]
        off = np.linalg.norm(off - np.median(off, axis=0), axis=1)
        assert np.percentile(off, 90) < most
    facing = (shape.normals * truth.normals).sum(1)
    assert np.percentile(facing, 10) > 0.8


def test_a_hand_on_the_chest_lies_on_a_characters_chest_and_not_in_it() -> None:
    body, motion, who = load_body("open"), on_chest(), figure()
    surface = sample_surface(body)
    shape = figure_shape(who, body, surface, rest_skeleton(motion))
    gaps = []
    for performed in (
        performer_of(motion, shape, motion.trans),
        performer_of(perform_on_figure(motion, body, who), shape, motion.trans),
    ):
        rules = read_rules(surface, performed)["hand", "right"]
        gaps.append((rules[-2].depth, rules[-2].gap.min()))
    assert gaps[0][0] > 0.015, "angles alone drown the hand"
    assert gaps[1][0] < 0.005 and gaps[1][1] < 0.010


def test_the_rig_puts_its_hands_where_they_were_solved() -> None:
    """Transferred, the bones' heads are the joints of the performance."""
    body, who = load_body("open"), figure()
    performed = perform_on_figure(on_chest(), body, who)
    posed = transfer(performed, who.skeleton, who.rig_map, TransferOptions(root="scene"))
    joints = performed.joints @ to_world(who.skeleton.up).T
    names = ["left_shoulder", "left_wrist", "right_wrist", "right_index3", "head"]
    heads = np.stack(
        [posed.heads[:, who.skeleton.index(who.rig_map.bones[name][0])] for name in names], 1
    )
    joints = joints[:, [INDEX[name] for name in names]]
    np.testing.assert_allclose(heads - heads[:, :1], joints - joints[:, :1], atol=1e-3)


def test_a_figure_is_saved_and_read(tmp_path: Path) -> None:
    save_figure(figure(), tmp_path / "figure.npz")
    again = load_figure(tmp_path / "figure.npz")
    assert again.rig_map == figure().rig_map
    assert again.skeleton.names == figure().skeleton.names
    np.testing.assert_array_equal(again.vertices, figure().vertices)
    np.testing.assert_array_equal(again.shares, figure().shares)


def test_what_is_no_figure_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("none")
    np.savez(tmp_path / "other.npz", a=1)
    for name, words in (("text", "no character"), ("other", "no character"), ("none", "no file")):
        with pytest.raises(UserError, match=words):
            load_figure(tmp_path / f"{name}.npz")


def test_a_mesh_that_hangs_on_no_bone_is_refused() -> None:
    body, loose = load_body("open"), replace(figure(), bones=np.full_like(figure().bones, -1))
    with pytest.raises(UserError, match="bind the mesh"):
        perform_on_figure(on_chest(), body, loose)


def bent():
    """The sample, bent sideways and forwards in the spine."""
    motion = sample()
    poses = np.array(motion.poses).reshape(-1, 55, 3)
    poses[:, [INDEX["spine1"], INDEX["spine2"], INDEX["spine3"]]] = [0.15, 0.05, 0.1]
    return replace(motion, poses=poses.reshape(len(poses), -1))


def test_a_bent_spine_on_its_own_skeleton_stays() -> None:
    motion, source = bent(), rest_skeleton(sample())
    turns = global_rotations(motion.poses)
    found = along_spine(turns, source, identity_map(), source)
    assert degrees(found, turns).max() < 1e-3
    np.testing.assert_allclose(
        bent_poses(motion.poses, source, identity_map(), source), motion.poses, atol=1e-6
    )


def test_legs_arms_and_head_keep_their_turns_where_vertebrae_stand_elsewhere() -> None:
    motion, source, rig = bent(), rest_skeleton(sample()), skeleton("mixamo")
    turns = global_rotations(motion.poses)
    found = along_spine(turns, rig, recognise(rig), source)
    changed = {
        joint for joint in range(55) if degrees(found[:, joint], turns[:, joint]).max() > 0.1
    }
    assert changed and changed <= {INDEX["spine1"], INDEX["spine2"]}
    poses = bent_poses(motion.poses, rig, recognise(rig), source)
    assert degrees(global_rotations(poses), found).max() < 1e-3
