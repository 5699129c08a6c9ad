"""`diffsign evaluate` and `compare` on small clips, a tiny CLIP, and what a user may hand in."""

import json

import numpy as np
import pytest

from diffsign.generate.evaluate import evaluate
from diffsign.generate.evaluation import clip_direction, frechet, identity, reidentification
from diffsign.generate.evaluation.case import Case
from diffsign.generate.evaluation.encoders import clip_encoder, local_folder
from diffsign.generate.evaluation.registry import METRICS
from diffsign.generate.evaluation.reidentification import crowd_faces
from diffsign.generate.evaluation.unavailable import Unavailable
from diffsign.retarget.motion import Camera


def test_a_clip_without_anybody_gives_reasons_and_no_zeros(wall, heads):
    found = evaluate(Case(wall, heads))
    assert set(found.figures) == {"ssim", "frechet"}
    assert "No person" in found.skipped["hand_pck"]
    assert found.skipped["identity"] == "no face is found"
    assert set(found.figures) | set(found.skipped) == {metric.name for metric in METRICS}
    assert found.alignment == ""


def test_any_video_against_any_source_from_the_command_line(diffsign, wall, heads, tmp_path):
    out = tmp_path / "scores"
    done = diffsign("evaluate", wall, heads, "--source", wall, "-o", out)
    assert done.returncode == 0, done.stderr
    assert "SSIM to the frame before" in done.stdout and "not measured" in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        str(out / "evaluation.json"),
        str(out / "evaluation.html"),
    ]
    values = json.loads((out / "evaluation.json").read_text())
    assert [case["name"] for case in values["cases"]] == ["wall.mp4", "heads.mp4"]
    record = values["metrics"]["frechet"]
    assert record["better"] == "lower" and record["range"] == [0, None] and record["source"]
    looks = values["cases"][0]["figures"]["frechet"]["mini"]
    assert looks["frechet"] == pytest.approx(0, abs=1e-6)  # it is its own source
    page = (out / "evaluation.html").read_text()
    assert page.count("data:video/mp4;base64,") == 4 and str(tmp_path) not in page


def tiny_clip(folder):
    """A CLIP of random weights in the hub's layout: vision, words and their tokens."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    small |= {"num_attention_heads": 2, "projection_dim": 16}
    words = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz"]
    config = CLIPConfig(
        text_config={**small, "vocab_size": len(words), "eos_token_id": 1, "bos_token_id": 0},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    vocabulary, merges = str(folder / "vocab.json"), str(folder / "merges.txt")
    CLIPTokenizer(vocabulary, merges).save_pretrained(folder)
    return folder


def test_clips_direction_through_a_tiny_random_clip(tmp_path, wall, heads):
    weights = tiny_clip(tmp_path / "clip")
    case = Case(heads, wall, captions=("a signer", "a tall man in a shirt"))
    there = clip_direction.measure(case, weights).figures["mean"]
    assert -1 <= there <= 1 and abs(there) > 1e-3
    back = clip_direction.measure(
        Case(heads, wall, captions=("a tall man in a shirt", "a signer")), weights
    ).figures["mean"]
    assert back == pytest.approx(-there, abs=1e-6)  # the words the other way round
    same = clip_direction.measure(Case(wall, wall, captions=("a", "b")), weights)
    assert same.figures["mean"] == pytest.approx(0, abs=1e-5)
    assert clip_encoder(weights)(crowd_faces()[:3]).shape == (3, 16)


def test_weights_that_are_not_here_are_a_reason_with_a_remedy(tmp_path, wall):
    with pytest.raises(Unavailable, match="hf download nobody/nothing"):
        local_folder("nobody/nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unavailable, match="cannot be read"):
        clip_encoder(tmp_path / "empty")
    lacking = frechet.METRIC.measure(Case(wall, wall)).figures["lacking"]
    assert all(reason for reason in lacking.values()) and "mini" not in lacking


def test_a_face_that_stays_is_steady_and_a_source_gives_itself_away(heads, monkeypatch):
    case = Case(heads, heads)
    crowd = crowd_faces()
    same = {n: np.roll(crowd[5], n % 3, axis=1) for n in range(8)}
    other = {n: np.roll(crowd[0], n % 3, axis=1) for n in range(8)}
    for faces, rank in ((same, 0.1), (other, None)):
        shown = np.full(12, np.nan)
        sweeps = [
            type("", (), {"require_faces": lambda self, f=f: f, "successive": shown})()
            for f in (faces, same)
        ]
        case.__dict__ |= {"output_sweep": sweeps[0], "source_sweep": sweeps[1]}
        figures = reidentification.METRIC.measure(case).figures
        if rank is not None:
            assert figures["looks"] <= rank and figures["proportions"] <= rank
            kept = figures["looks_likeness"]
        else:
            assert figures["looks_likeness"] < kept
        assert identity.METRIC.measure(case).figures["mean"] > 0.9


def test_the_fitted_mesh_lies_where_its_points_are():
    from diffsign.render.fitted_mesh import overlay_mesh
    from diffsign.retarget.body.load import load_body
    from diffsign.retarget.body.model import shape_body
    from diffsign.retarget.motion import Motion

    body = load_body("open")
    betas = np.zeros(body.shapedirs.shape[2])
    _, joints = shape_body(body, betas)
    root = np.zeros((1, 165))
    root[0, 0] = np.pi  # the body's y is up, the camera's is down
    trans = np.array([[0.0, 0.3, 2.5]])
    camera = Camera(160, 160, 80, 80, 160, 160)
    parts = dict.fromkeys(("body", "left_hand", "right_hand", "face"), np.ones(1))
    motion = Motion(
        trans,
        root,
        betas,
        np.zeros((1, 52)),
        np.zeros((1, 52)),
        body.action_names,
        np.zeros((1, 55, 3)),
        body.joint_names,
        camera,
        parts,
        25.0,
    )
    (picture,) = overlay_mesh(motion, body, [np.full((160, 160, 3), (0, 0, 90), np.uint8)])
    changed = (picture != (0, 0, 90)).any(-1)
    for name in ("left_wrist", "head", "right_elbow"):
        place = joints[body.joint_names.index(name)] - joints[0]
        at = place * [1, -1, -1] + trans[0] + joints[0]
        x, y = (camera.project(at[None])[0]).astype(int)
        assert changed[y - 1 : y + 2, x - 1 : x + 2].any(), name
    assert 0.02 < changed.mean() < 0.5
    colours = picture[changed].astype(int)
    assert (colours[:, 0] - colours[:, 2]).max() > 20  # the left hand is orange
    assert (colours[:, 1] - colours[:, 0]).max() > 20  # the right one green
