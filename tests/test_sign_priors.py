"""Sign priors: found where they hold, silent where they do not, and worth having."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from diffsign.errors import UserError
from diffsign.render.handshapes import HANDSHAPES, hand_pose
from diffsign.retarget.body.landmarks import landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.body.skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from diffsign.retarget.fit.curvature import CURVATURES, System
from diffsign.retarget.fit.hand_prior import finger_chain, finger_chains
from diffsign.retarget.fit.kinematics import forward, rotation_matrices
from diffsign.retarget.fit.limits import joint_limits
from diffsign.retarget.fit.objective import Objective, build_problem
from diffsign.retarget.fit.options import FitOptions, Stage
from diffsign.retarget.fit.penetration import depths
from diffsign.retarget.fit.points import rigged_points
from diffsign.retarget.fit.priors import priors_of
from diffsign.retarget.fit.sign_file import overridden, read_spans
from diffsign.retarget.fit.sign_priors import SignPriors, equal_hands, held_hands, no_sign_priors
from diffsign.retarget.fit.sign_spans import find_spans, runs, sign_priors_of
from diffsign.retarget.fit.solve import fit_clip
from diffsign.retarget.fit.state import Parameters, state_of
from diffsign.retarget.fit.targets import targets_of
from diffsign.retarget.fit.windows import moving_joints

_PATH = Path(__file__).parents[1] / "benchmarks" / "sign_priors.py"
_SPEC = importlib.util.spec_from_file_location("sign_priors_benchmark", _PATH)
assert _SPEC and _SPEC.loader
benchmark = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = benchmark  # dataclasses look their module up
_SPEC.loader.exec_module(benchmark)


@pytest.fixture(scope="module")
def body():
    return load_body("open")


@pytest.fixture(scope="module")
def clips(body):
    """By name: the truth and what a perfect detector sees of it."""
    made = {}
    for name in benchmark.CLIPS:
        truth = benchmark.authored(name, body, np.zeros(16))
        made[name] = truth, benchmark.perfect_keypoints(body, truth)
    return made


def cut(keypoints, frames):
    return replace(keypoints, **{name: part[frames] for name, part in keypoints.parts().items()})


def part_of(motion, frames):
    names = ("trans", "poses", "expression", "facial_actions", "joints")
    confidence = {part: values[frames] for part, values in motion.confidence.items()}
    arrays = {name: getattr(motion, name)[frames] for name in names}
    return replace(motion, **arrays, confidence=confidence)


def fingers(motion, joints):
    return motion.poses.reshape(-1, 55, 3)[:, list(joints)]


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_equal_hands_are_found_where_they_are(clips, seed):
    for name, (truth, keypoints) in clips.items():
        if seed is not None:
            keypoints, _ = benchmark.spoilt(keypoints, np.random.default_rng(seed))
        equal = find_spans(keypoints).equal.numpy() > 0
        mirrored = fingers(truth, RIGHT_HAND) * [1, -1, -1]
        apart = np.linalg.norm(fingers(truth, LEFT_HAND) - mirrored, axis=-1).mean(1)
        alike = apart < 0.02
        if name == "symmetric":
            assert equal.mean() > 0.95, "with a hand hidden too"
        if name == "spelling":
            assert not equal.any()
        if name == "unlike":
            assert equal[alike].mean() > 0.75
            assert apart[equal].max() < 0.5, "radians, mean over the fingers' joints"


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_holds_hold(clips, seed):
    for truth, keypoints in clips.values():
        if seed is not None:
            keypoints, _ = benchmark.spoilt(keypoints, np.random.default_rng(seed))
        held = find_spans(keypoints).held.numpy()
        for column, joints in enumerate((LEFT_HAND, RIGHT_HAND)):
            own = fingers(truth, joints)
            for hold in range(held[:, column].max() + 1):
                inside = own[held[:, column] == hold]
                stray = np.linalg.norm(inside - np.median(inside, 0), axis=-1).mean(1)
                assert np.percentile(stray, 75) < 0.15, "radians, mean over the fingers' joints"
    truth, keypoints = clips["spelling"]
    held = find_spans(keypoints).held.numpy()[:, 1]
    assert held.max() + 1 == 7, "letters"


@pytest.mark.parametrize("lost", ["right_hand", "both"])
def test_hands_never_seen_say_nothing(clips, lost):
    _, keypoints = clips["symmetric"]
    names = ("left_hand", "right_hand") if lost == "both" else (lost,)
    keypoints = replace(keypoints, **{n: np.zeros_like(keypoints.right_hand) for n in names})
    found = find_spans(keypoints)
    assert not found.equal.any()
    assert (found.held[:, 1] == -1).all()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_clips_of_a_moment(clips, frames):
    found = find_spans(cut(clips["symmetric"][1], slice(0, frames)))
    assert found.held.shape == (frames, 2)


def test_switched_off(clips):
    _, keypoints = clips["symmetric"]
    none = sign_priors_of(keypoints, FitOptions(sign_priors=False))
    assert not none.equal.any() and (none.held == -1).all()


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4))
def test_runs_cover_what_is_true(values, shortest):
    mask = np.array(values, bool)
    again = np.zeros_like(mask)
    for first, last in runs(mask, shortest):
        assert last - first >= shortest and mask[first:last].all()
        again[first:last] = True
    if shortest == 1:
        np.testing.assert_array_equal(again, mask)


def hands_of(body, left, right, frames=4):
    joints = body.J_regressor @ body.v_template
    rotvecs = torch.zeros(frames, 55, 3)
    for side, name in (("left", left), ("right", right)):
        for joint, turn in hand_pose(HANDSHAPES[name], side, joints).items():
            rotvecs[:, joint] = torch.from_numpy(turn.astype(np.float32))
    return rotvecs


def everywhere(frames):
    return SignPriors(torch.ones(frames), torch.zeros(frames, 2, dtype=torch.long))


@pytest.mark.parametrize("name", ["s", "five", "y", "claw"])
def test_mirrored_hands_cost_nothing(body, name):
    assert float(equal_hands(everywhere(4), hands_of(body, name, name)).mean()) < 1e-6
    assert float(equal_hands(everywhere(4), hands_of(body, name, "c")).mean()) > 0.1


def test_the_priors_let_go_of_what_is_plainly_different(body):
    """The pull of a finger that is quite elsewhere is weaker than that of one nearby."""
    pulls = []
    for angle in (0.3, 1.6):
        rotvecs = torch.zeros(4, 55, 3)
        rotvecs[:, INDEX["left_index1"], 2] = -angle
        rotvecs.requires_grad_()
        equal_hands(everywhere(4), rotvecs).mean().backward()
        assert rotvecs.grad is not None
        pulls.append(float(rotvecs.grad.abs().max()))
    assert pulls[1] < 0.5 * pulls[0]


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_holds_ask_only_for_what_is_held(seed):
    random = np.random.default_rng(seed)
    shape = torch.from_numpy(random.normal(0, 0.3, (1, 55, 3)).astype(np.float32))
    held = torch.from_numpy(np.sort(random.integers(-1, 3, (9, 2)), axis=0))
    priors = SignPriors(torch.zeros(9), held)
    constant = shape.repeat(9, 1, 1)
    assert float(held_hands(priors, constant).mean()) == 0
    stepping = constant + 0.05 * held[:, :1, None].float()
    stepping[:, list(RIGHT_HAND)] = (constant + 0.05 * held[:, 1:, None].float())[:, RIGHT_HAND]
    assert float(held_hands(priors, stepping).mean()) < 1e-9, "between holds anything goes"
    assert float(held_hands(no_sign_priors(9), torch.randn(9, 55, 3)).mean()) == 0


def test_fingers_that_follow_their_tendon_cost_little(body):
    rest = body.J_regressor @ body.v_template
    chains = finger_chains(joint_limits(rest), rest)
    for name in ("s", "claw", "c", "bent_v"):
        assert float(finger_chain(chains, hands_of(body, name, name)).mean()) < 0.2, name
    broken = hands_of(body, "five", "five")
    broken[:, INDEX["left_index3"]] = 1.0 * chains.axes[0, 2, :, 2]
    assert float(finger_chain(chains, broken).mean()) > 0.5


def test_a_part_of_the_frames_costs_its_part(body):
    priors = SignPriors(torch.tensor([1.0, 0, 1, 1]), torch.tensor([[0, -1]] * 4))
    rotvecs = torch.randn(4, 55, 3) * 0.2
    whole = equal_hands(priors, rotvecs).mean() * 4
    halves = [
        equal_hands(priors.part(rows), rotvecs[rows]).mean() * 2
        for rows in (slice(0, 2), slice(2, 4))
    ]
    assert float(sum(halves)) == pytest.approx(float(whole), rel=1e-5)


def forearms(inward):
    """Four frames of both forearms forward, turned inward about the upper arms (radians)."""
    rotvecs = torch.zeros(4, 55, 3)
    for side, sign in (("left", 1), ("right", -1)):
        turn = Rotation.from_rotvec([0, 0, -1.2 * sign]) * Rotation.from_rotvec([inward, 0, 0])
        rotvecs[:, INDEX[f"{side}_shoulder"]] = torch.from_numpy(turn.as_rotvec()).float()
        rotvecs[:, INDEX[f"{side}_elbow"], 1] = -1.57 * sign
    return rotvecs


def deepest(collider, points, rotvecs):
    posed = forward(
        rotation_matrices(rotvecs[:1]), torch.from_numpy(points.joint_rest), torch.zeros(1, 3)
    )
    found = depths(collider, *posed, torch.zeros(16))
    return float(found.max()) if len(found) else 0.0


@pytest.mark.parametrize("name", ["equal_hands", "held_hands", "finger_chain", "penetration"])
def test_the_curvature_is_the_costs_own(body, clips, name):
    """Near a residual of zero the cost is its Gauss-Newton form: J^T J says what it will be."""
    _, keypoints = clips["symmetric"]
    keypoints = cut(keypoints, slice(0, 4))
    points = rigged_points(body, landmarks(body), 16)
    camera = clips["symmetric"][0].camera
    priors = priors_of(body, points, everywhere(4))
    problem = build_problem(targets_of(keypoints), points, camera, priors)
    objective = Objective(Stage(1, 1.0, {name: 1.0}), problem)
    layout = moving_joints(problem)
    random = np.random.default_rng(3)
    rotvecs = torch.zeros(4, 55, 3)
    if name == "penetration":
        collider = priors.collider
        inward = next(
            x for x in np.arange(0.5, 1.5, 0.002) if deepest(collider, points, forearms(x)) > 2e-4
        )
        rotvecs = forearms(inward)
    unknowns = [rotvecs, torch.zeros(4, 3) + torch.tensor([0.0, 0.0, 2.0]), torch.zeros(16)]

    def cost(move):
        turned = rotvecs + torch.from_numpy(layout.spread(move[:, 3:]).astype(np.float32))
        moved = [turned.requires_grad_(), *unknowns[1:]]
        value = objective(state_of(Parameters(*moved), points, problem.camera))
        value.backward()
        assert moved[0].grad is not None
        slope = layout.gathered(moved[0].grad.numpy())
        return np.concatenate([np.zeros((4, 3)), slope], 1) * 4

    start = state_of(Parameters(*unknowns), points, problem.camera)
    system = System(problem, start.detached(), layout, False)
    CURVATURES[name](system, objective.weights[name])
    matrix = system.finished()
    size = 1e-5 if name == "penetration" else 1e-3
    move = random.normal(0, size, (4, layout.size)).astype(np.float32)
    move[:, :3] = 0
    predicted = (matrix.diagonal @ move[..., None])[..., 0]
    predicted[1:] += (matrix.first[:-1] @ move[:-1, :, None])[..., 0]
    predicted[:-1] += (np.swapaxes(matrix.first[:-1], 1, 2) @ move[1:, :, None])[..., 0]
    real = cost(move) - cost(np.zeros_like(move))
    if name == "penetration":  # the bend of the distance itself is not in J^T J
        cosine = (predicted * real).sum() / np.linalg.norm(predicted) / np.linalg.norm(real)
        assert cosine > 0.9
        assert np.linalg.norm(predicted) == pytest.approx(np.linalg.norm(real), rel=0.3)
    else:
        error = np.linalg.norm(predicted[:, 3:] - real[:, 3:]) / np.linalg.norm(real)
        assert error < 0.05


def test_they_gain_on_symmetric_signs_and_leave_the_others(clips):
    for name, frames, share in (("symmetric", slice(0, 40), 0.85), ("unlike", slice(20, 60), 1.05)):
        truth, keypoints = clips[name]
        keypoints, _ = benchmark.spoilt(cut(keypoints, frames), np.random.default_rng(4))
        real = part_of(truth, frames)
        angles = []
        for use in (True, False):
            found = fit_clip(keypoints, FitOptions(sign_priors=use))
            angles.append(
                np.mean([benchmark.angle_error(found, real, j) for j in benchmark.HANDS.values()])
            )
        assert angles[0] < share * angles[1], name


def write(path, record):
    path.write_text(record if isinstance(record, str) else json.dumps(record))
    return path


def test_a_file_decides_its_frames_and_detection_the_others(tmp_path):
    spans = [
        {"kind": "equal", "start": 0.2, "end": 0.4},
        {"kind": "held", "hand": "right", "start_frame": 6, "end_frame": 9},
        {"kind": "free", "start_frame": 10, "end_frame": 12},
    ]
    file = read_spans(write(tmp_path / "spans.json", {"spans": spans}))
    found = everywhere(15)
    result = overridden(found, file, fps=10)
    assert result.equal.tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1]
    assert result.held[:, 1].tolist() == [0, 0, -1, -1, 0, 0, 1, 1, 1, 0, -1, -1, 0, 0, 0]
    assert result.held[6:9, 0].tolist() == [-1] * 3
    assert found.equal.all(), "what was found stays as it was"


def test_a_file_may_stand_alone(tmp_path):
    record = {"spans": [{"kind": "equal", "start": 0, "end": 1}], "detect": False}
    file = read_spans(write(tmp_path / "spans.json", record))
    result = overridden(everywhere(30), file, fps=25)
    assert result.equal.sum() == 25
    assert (result.held == -1).all()


def test_a_file_reaches_the_fit(tmp_path, clips):
    _, keypoints = clips["spelling"]
    path = write(tmp_path / "spans.json", {"spans": [{"kind": "equal", "start": 0, "end": 99}]})
    assert sign_priors_of(keypoints, FitOptions(sign_priors_file=path)).equal.all()


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("{", "no JSON"),
        ([], "spans"),
        ({"spans": {}}, "spans"),
        ({"spans": [], "more": 1}, "'more'"),
        ({"spans": [], "detect": "no"}, "true or false"),
        ({"spans": [3]}, "span 1"),
        ({"spans": [{"kind": "equal", "start": 0, "end": 1}, {"kind": "same"}]}, "span 2: kind"),
        ({"spans": [{"kind": ["held"], "start": 0, "end": 1}]}, "span 1: kind"),
        ({"spans": [{"kind": "held", "hand": {}, "start": 0, "end": 1}]}, "span 1: hand"),
        ({"spans": [{"kind": "equal", "hand": "left", "start": 0, "end": 1}]}, "both hands"),
        ({"spans": [{"kind": "held", "start": 1}]}, "span 1: end is None"),
        ({"spans": [{"kind": "held", "start": 1, "end": 1}]}, "not after"),
        ({"spans": [{"kind": "held", "start": -1, "end": 1}]}, "from 0"),
        ({"spans": [{"kind": "held", "start": "1", "end": 2}]}, "number"),
        ('{"spans": [{"kind": "held", "start": NaN, "end": 2}]}', "number"),
        ({"spans": [{"kind": "held", "start_frame": 1.5, "end_frame": 2}]}, "whole"),
        ({"spans": [{"kind": "held", "start": 1, "end_frame": 2}]}, "not in both"),
        ({"spans": [{"kind": "held", "begin": 1, "end": 2}]}, "'begin'"),
    ],
)
def test_bad_files_are_named_line_by_line(tmp_path, record, says):
    path = write(tmp_path / "spans.json", record)
    with pytest.raises(UserError, match=says) as caught:
        read_spans(path)
    assert "spans.json" in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_spans(tmp_path / "absent.json")


def test_the_road_passes_them_on(tmp_path, monkeypatch):
    """--no-sign-priors and --sign-priors FILE reach the fit, and another file is another fit."""
    from diffsign.retarget.fit import solve
    from diffsign.retarget.keypoints import pose_file
    from diffsign.road.options import Fitting
    from diffsign.road.retarget_stages import fit_stage

    asked = []

    class Fitted(SimpleNamespace):
        def save(self, path):
            path.write_text("motion")

    def fit_clip(keypoints, options, progress):
        asked.append(options)
        return Fitted(body="open", frame_count=1)

    monkeypatch.setattr(solve, "fit_clip", fit_clip)
    monkeypatch.setattr(pose_file, "read_pose", lambda path: None)
    spans = tmp_path / "spans.json"
    with pytest.raises(UserError, match="cannot be read"):
        fit_stage(tmp_path, Fitting(sign_priors=spans))
    spans.write_text('{"spans": []}')
    for fitting in (Fitting(), Fitting(no_sign_priors=True), Fitting(sign_priors=spans)):
        stage = fit_stage(tmp_path, fitting)
        stage.action(tmp_path, lambda done, total: None)
        assert (spans in stage.inputs) == (fitting.sign_priors is not None)
    assert [options.sign_priors for options in asked] == [True, False, True]
    assert [options.sign_priors_file for options in asked] == [None, None, spans]
    with pytest.raises(UserError, match="contradict"):
        Fitting(no_sign_priors=True, sign_priors=spans)
