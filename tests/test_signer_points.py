"""A signer's points on the avatar are those of the body that it was built on."""

import numpy as np
import pytest

from diffsign.render.avatar.build import build_avatar
from diffsign.render.avatar.random_signer import random_signer
from diffsign.render.random_motion import random_pose
from diffsign.render.signer_points import signer_points
from diffsign.retarget.body.landmarks import landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import joint_transforms, pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.motion import CONFIDENCE_PARTS, Camera, Motion


@pytest.mark.parametrize("seed", [0, 7])
def test_points_of_the_avatar_are_those_of_its_body(seed):
    body, signer = load_body("open"), random_signer(seed)
    betas = phenotype_betas(body, signer.phenotype)
    avatar = build_avatar(signer, body, betas)
    rest, rest_joints = shape_body(body, betas)
    made = [random_pose(np.random.default_rng(k), rest_joints, body.action_names) for k in range(3)]
    poses = np.stack([pose.poses for pose in made]).astype(np.float32)
    actions = np.stack([pose.facial_actions for pose in made]).astype(np.float32)
    trans = np.tile(np.array([[0, 0, 2.5]], np.float32), (3, 1))
    joints = joint_transforms(rest_joints, poses, trans)[1]
    motion = Motion(
        trans, poses, betas, actions, actions, body.action_names, joints, avatar.joint_names,
        Camera(500, 500, 128, 128, 256, 256),
        {part: np.ones(3) for part in CONFIDENCE_PARTS}, 25.0,
    )  # fmt: skip
    found = signer_points(avatar, motion)
    vertices = pose_vertices(body, rest, rest_joints, poses, trans, actions)
    for part, points in landmarks(body).items():
        name = {"body": "body33", "face": "face478"}.get(part, part)
        expected = points.base(vertices, joints)
        away = np.linalg.norm(found[name] - expected, axis=-1)
        if part == "body":
            away = np.delete(away, [29, 30], axis=1)  # heels are inside the shoes
        assert np.isfinite(away).all(), f"{name} lacks points"
        # fingertips are carried by the skin about them, shaped a little unlike the helpers
        assert away.max() < (0.002 if "hand" in part else 0.0005), f"{name} {away.max()}"
