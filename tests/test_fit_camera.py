"""The camera of a clip: from the film's metadata, or estimated from the signer."""

import struct

import numpy as np
import pytest

from diffsign.render.sample_clip import sample_motion
from diffsign.retarget.body.landmarks import landmark_points, landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.model import pose_vertices, shape_body
from diffsign.retarget.body.phenotype import phenotype_betas
from diffsign.retarget.fit.camera import camera_of, zoomed
from diffsign.retarget.fit.lens_metadata import fov_of_video
from diffsign.retarget.fit.options import DEFAULT_FOV, FitOptions
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.keypoints.record import Keypoints

KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"


def box(kind, *parts):
    inside = b"".join(parts)
    return struct.pack(">I4s", 8 + len(inside), kind) + inside


def film(*values, key=KEY, version=b"", lead=b""):
    """A film whose index names a lens, each value being (type, bytes)."""
    keys = box(b"keys", struct.pack(">II", 0, 2), box(b"mdta", b"com.maker"), box(b"mdta", key))
    items = [
        box(struct.pack(">I", 2), box(b"data", struct.pack(">II", code, 0), payload))
        for code, payload in values
    ]
    meta = box(b"meta", version, box(b"hdlr", bytes(16)), keys, box(b"ilst", *items))
    return box(b"ftyp", b"qt  ") + lead + box(b"moov", box(b"mvhd", bytes(20)), box(b"trak", meta))


@pytest.mark.parametrize(
    "value",
    [(21, struct.pack(">i", 26)), (1, b"26"), (1, b"26.0mm"), (23, struct.pack(">f", 26))],
)
@pytest.mark.parametrize("version", [b"", bytes(4)])
def test_a_phone_names_its_lens(tmp_path, value, version):
    path = tmp_path / "clip.mov"
    path.write_bytes(film(value, version=version, lead=box(b"mdat", bytes(100))))
    # A 26 mm lens sees 69.5 degrees across the long side of 3:2 film, and 49.5 across the short.
    assert fov_of_video(path, 1500, 1000) == pytest.approx(49.55, abs=0.1)
    assert fov_of_video(path, 1000, 1500) == pytest.approx(69.39, abs=0.1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a film at all",
        film(),
        film((1, b"wide")),
        film((21, struct.pack(">i", 0))),
        film((21, struct.pack(">i", 26)), key=b"com.other.lens"),
        film((21, struct.pack(">i", 26)))[:-9],
        struct.pack(">I4sQ", 1, b"mdat", 2**62),
    ],
)
def test_a_film_without_a_lens_says_nothing(tmp_path, content):
    path = tmp_path / "clip.mov"
    path.write_bytes(content)
    assert fov_of_video(path, 640, 480) is None
    assert fov_of_video(tmp_path / "missing.mov", 640, 480) is None


def degrees(camera):
    return np.degrees(2 * np.arctan(camera.height / 2 / camera.fy))


@pytest.fixture(scope="module")
def body():
    return load_body("open")


def signing_before(body, fov):
    """Twenty frames of the sample motion before a camera of this field of view, as a perfect
    detector sees them: as large in the picture, so nearer where it is wide."""
    motion = sample_motion(body, phenotype_betas(body, {"gender": 0.8}))
    frames = np.linspace(10, motion.frame_count - 10, 20).round().astype(int)
    camera = camera_of(512, 512, fov)
    nearer = np.array([0, 0, motion.trans[0, 2] * (camera.fy / motion.camera.fy - 1)])
    vertices, rest = shape_body(body, motion.betas)
    trans = motion.trans[frames] + nearer
    poses, actions = motion.poses[frames], motion.facial_actions[frames]
    posed = pose_vertices(body, vertices, rest, poses, trans, actions)
    joints = motion.joints[frames] + nearer
    points = landmark_points(landmarks(body), posed, joints, poses)
    parts = {}
    for name, places in points.items():
        depth = (places[..., 2:] - places[:, :1, 2:]) * camera.fx / trans[:, 2].mean()
        parts[name] = np.concatenate([camera.project(places), depth, np.ones_like(depth)], -1)
    world = points["body"] - points["body"][:, 23:25].mean(1, keepdims=True)
    parts["body_world"] = np.concatenate([world, np.ones((*world.shape[:2], 1))], -1)
    return Keypoints(fps=25.0, width=512, height=512, **parts)


def test_the_field_of_view_is_estimated(body):
    found = [degrees(fit_clip(signing_before(body, fov)).camera) for fov in (20.0, 30.0, 60.0)]
    assert found == sorted(found)
    assert found[0] < 29 and found[1] == pytest.approx(30, abs=4) and found[2] > 40


def test_a_field_of_view_that_is_given_stays(body):
    keypoints = signing_before(body, 45.0)
    assert degrees(fit_clip(keypoints, FitOptions(fov=45.0)).camera) == pytest.approx(45)


def test_flat_points_take_the_usual_camera(body):
    from dataclasses import replace

    keypoints = signing_before(body, 60.0)
    flat = {name: part.copy() for name, part in keypoints.parts().items()}
    for part in flat.values():
        part[..., 2] = 0
    flat["body_world"][:] = 0
    keypoints = replace(keypoints, **flat)
    assert degrees(fit_clip(keypoints).camera) == pytest.approx(DEFAULT_FOV)


def test_zooming_is_a_factor():
    camera = camera_of(640, 480, 30.0)
    assert zoomed(camera, np.log(2)).fx == pytest.approx(2 * camera.fx)
