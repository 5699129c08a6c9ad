"""Conditioning pictures keep the conventions that the ControlNets were taught."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffsign.render import conditioning, openpose
from diffsign.render.conditioning import DepthRange, FrameSource, draw, draw_depth, draw_normal
from diffsign.render.face_mesh import CONTOURS, draw_face_mesh
from diffsign.render.openpose import draw_openpose


def hand_by_convention() -> list[tuple[int, int]]:
    """The slow witness of HAND_EDGES: five chains from the wrist."""
    chains = [(0, *range(start, start + 4)) for start in (1, 5, 9, 13, 17)]
    return [pair for chain in chains for pair in pairwise(chain)]


def spread_body(width: int, height: int) -> np.ndarray:
    """18 joints far from each other, so that no disc covers another."""
    joints = np.ones((18, 3))
    joints[:, 0] = np.linspace(0.1, 0.9, 18) * width
    joints[:, 1] = (0.5 + 0.4 * np.sin(np.arange(18) * 2.0)) * height
    return joints


class TestNormal:
    def test_a_plane_that_faces_the_camera(self) -> None:
        normal = np.zeros((4, 5, 3))
        normal[..., 2] = 1
        picture = draw_normal(normal, np.ones((4, 5), bool))
        assert (picture == (128, 128, 255)).all()

    @pytest.mark.parametrize(
        ("normal", "colour"),
        [
            ((1, 0, 0), (0, 128, 128)),
            ((-1, 0, 0), (255, 128, 128)),
            ((0, 1, 0), (128, 255, 128)),
            ((0, -1, 0), (128, 0, 128)),
        ],
    )
    def test_the_signs_of_the_axes(self, normal: tuple, colour: tuple) -> None:
        picture = draw_normal(np.full((1, 1, 3), normal, float), np.ones((1, 1), bool))
        assert tuple(picture[0, 0]) == colour

    def test_the_background_is_a_facing_wall(self) -> None:
        picture = draw_normal(np.zeros((2, 2, 3)), np.zeros((2, 2), bool))
        assert (picture == conditioning.FACING).all()

    @given(st.floats(0.1, 10))
    def test_length_does_not_matter(self, length: float) -> None:
        normal = np.array([[[0.6, 0.0, 0.8]]])
        seen = np.ones((1, 1), bool)
        scaled = draw_normal(normal * length, seen).astype(int)
        assert np.abs(scaled - draw_normal(normal, seen)).max() <= 1


class TestDepth:
    def test_near_is_white_and_background_black(self) -> None:
        depth = np.array([[1.0, 1.5, 2.0, np.inf]])
        grey = draw_depth(depth, DepthRange(1.0, 2.0))[0, :, 0]
        assert grey[0] == 255
        assert grey[0] > grey[1] > grey[2] > grey[3] == 0

    def test_it_is_affine_in_inverse_depth(self) -> None:
        inverse = np.linspace(0.5, 1.0, 9)
        grey = draw_depth(1 / inverse[None], DepthRange(1.0, 2.0))[0, :, 0].astype(float)
        assert np.abs(np.diff(grey, 2)).max() <= 1

    def test_a_depth_has_the_same_grey_in_every_frame_of_a_clip(self) -> None:
        clip_range = DepthRange(0.8, 2.4)
        first = draw_depth(np.array([[1.0, 2.0]]), clip_range)
        second = draw_depth(np.array([[1.0, 1.1]]), clip_range)
        assert (first[0, 0] == second[0, 0]).all()

    def test_three_equal_channels(self) -> None:
        picture = draw_depth(np.random.default_rng(0).uniform(1, 2, (6, 7)), DepthRange(1, 2))
        assert picture.shape == (6, 7, 3)
        assert (picture == picture[..., :1]).all()

    def test_a_flat_clip_is_drawn(self) -> None:
        assert np.isfinite(draw_depth(np.ones((2, 2)), DepthRange(1.0, 1.0))).all()

    @pytest.mark.parametrize(("near", "far"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)])
    def test_an_impossible_range_is_refused(self, near: float, far: float) -> None:
        with pytest.raises(ValueError, match="depth range"):
            DepthRange(near, far)


class TestOpenPose:
    def test_every_joint_has_its_colour(self) -> None:
        joints = spread_body(512, 512)
        picture = draw_openpose({"body18": joints}, 512, 512)
        for (x, y, _), colour in zip(joints, openpose.COLOURS, strict=True):
            assert tuple(picture[int(y), int(x)]) == colour

    @pytest.mark.parametrize("limb", range(17))
    def test_every_limb_has_its_dimmed_colour(self, limb: int) -> None:
        first, second = openpose.LIMBS[limb]
        joints = np.zeros((18, 3))
        joints[first], joints[second] = (100, 200, 1), (300, 200, 1)
        picture = draw_openpose({"body18": joints}, 512, 512)
        expected = tuple(int(c * 0.6) for c in openpose.COLOURS[limb])
        assert tuple(picture[200, 200]) == expected
        column = (picture[:, 200] == expected).all(axis=1)
        assert column.sum() == 2 * openpose.LIMB_HALF_WIDTH + 1

    def test_a_disc_has_radius_four_at_512_and_eight_at_1024(self) -> None:
        for side, radius in ((512, 4), (1024, 8)):
            joints = np.zeros((18, 3))
            joints[0] = (side / 2, side / 2, 1)
            picture = draw_openpose({"body18": joints}, side, side)
            rows = np.flatnonzero(picture[:, side // 2].any(axis=1))
            assert len(rows) == 2 * radius + 1

    def test_hand_edges_run_from_the_wrist_to_each_tip(self) -> None:
        assert list(openpose.HAND_EDGES) == hand_by_convention()

    def test_hand_colours(self) -> None:
        assert openpose.hand_edge_colour(0) == (255, 0, 0)
        assert openpose.hand_edge_colour(10) == (0, 255, 255)
        hand = np.zeros((21, 3))
        hand[0], hand[1] = (100, 100, 1), (200, 100, 1)
        picture = draw_openpose({"left_hand": hand}, 512, 512)
        assert tuple(picture[100, 100]) == (0, 0, 255)
        assert tuple(picture[100, 150]) == (255, 0, 0)

    def test_hands_lie_over_the_body_and_the_face_over_both(self) -> None:
        everything = {
            "body18": np.tile([50.0, 50.0, 1.0], (18, 1)),
            "right_hand": np.tile([50.0, 50.0, 1.0], (21, 1)),
        }
        assert tuple(draw_openpose(everything, 512, 512)[50, 50]) == (0, 0, 255)
        everything["face70"] = np.tile([50.0, 50.0, 1.0], (70, 1))
        assert tuple(draw_openpose(everything, 512, 512)[50, 50]) == (255, 255, 255)

    def test_absent_points_leave_no_mark_and_hidden_ones_do(self) -> None:
        counts = {"body18": 18, "left_hand": 21, "face70": 70}
        absent = {name: np.zeros((count, 3)) for name, count in counts.items()}
        assert not draw_openpose(absent, 64, 64).any()
        for name, count in counts.items():
            hidden = {name: np.tile([30.0, 30.0, 0.5], (count, 1))}
            assert draw_openpose(hidden, 64, 64)[30, 30].any()

    def test_odd_sizes_and_points_outside(self) -> None:
        joints = spread_body(359, 641)
        joints[3, :2] = (-5000, 9000)
        assert draw_openpose({"body18": joints}, 359, 641).shape == (641, 359, 3)


class TestOtherMaps:
    def test_face_mesh_colours(self) -> None:
        face = np.ones((478, 3))
        face[:, 0] = np.arange(478) % 22 * 20 + 40
        face[:, 1] = np.arange(478) // 22 * 20 + 40
        picture = draw_face_mesh(face, 512, 512)
        found = {tuple(colour) for colour in picture.reshape(-1, 3)}
        assert {colour for _, _, colour in CONTOURS} <= found
        assert {(250, 200, 10), (10, 200, 250)} <= found

    @pytest.mark.parametrize("name", sorted(conditioning.DRAWERS))
    def test_every_map_is_drawn_at_an_odd_size(self, name: str) -> None:
        height, width = 61, 35
        rng = np.random.default_rng(1)
        source = FrameSource(
            depth=np.where(rng.random((height, width)) < 0.5, 1.5, np.inf),
            normal=rng.normal(size=(height, width, 3)),
            beauty=rng.integers(0, 255, (height, width, 3), np.uint8),
            points={"face478": rng.random((478, 3)) * 30, "body18": rng.random((18, 3)) * 30},
            depth_range=DepthRange(1.0, 2.0),
        )
        picture = draw(name, source)
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.uint8

    def test_segmentation_colours(self) -> None:
        picture = conditioning.draw_segmentation(np.array([[True, False]]))
        assert picture.tolist() == [[[150, 5, 61], [120, 120, 120]]]

    def test_an_unknown_map_is_refused_by_name(self) -> None:
        source = FrameSource(
            np.ones((1, 1)), np.ones((1, 1, 3)), np.ones((1, 1, 3)), {}, DepthRange(1, 2)
        )
        with pytest.raises(ValueError, match="scribble"):
            draw("scribble", source)
