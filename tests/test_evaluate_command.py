"""`diffsign evaluate` and `compare` on small clips, a tiny CLIP, and what a user may hand in."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from diffsign.errors import UserError
from diffsign.files import write_json
from diffsign.generate.evaluation.back_translation import METRIC as BACK_TRANSLATION
from diffsign.generate.evaluation.case import Case
from diffsign.generate.evaluation.encoders import dinov2_encoder
from diffsign.generate.evaluation.reidentification import crowd_faces
from diffsign.generate.evaluation.unavailable import Unavailable
from diffsign.road.evaluate import Asked, evaluate_paths
from diffsign.road.expression_clip import write_comparisons, write_gif


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no.mp4"], ["no.mp4"]),
        (["WALL"], ["-o"]),
        (["WALL", "-o", "OUT", "--source", "no.mp4"], ["no.mp4"]),
        (["WALL", "-o", "OUT", "--recogniser", "x"], ["--recogniser", "module:function"]),
        (["EMPTY"], ["signer.mp4"]),
    ],
)
def test_what_cannot_be_evaluated_is_refused(tmp_path, wall, arguments, words):
    (tmp_path / "empty").mkdir()
    names = {"WALL": wall, "OUT": tmp_path / "out", "EMPTY": tmp_path / "empty"}
    given = [str(names.get(word, word)) for word in arguments]
    options = dict(zip(given[1::2], given[2::2], strict=True))
    asked = Asked(
        (tmp_path / given[0],),
        tmp_path / options["-o"] if "-o" in options else None,
        tmp_path / options["--source"] if "--source" in options else None,
        recogniser=options.get("--recogniser"),
    )
    with pytest.raises(UserError) as refused:
        evaluate_paths(asked)
    assert all(word in str(refused.value) for word in words)
    assert not (tmp_path / "out" / "evaluation.json").exists()


def test_dinov2_through_a_tiny_random_one(tmp_path):
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=28)
    Dinov2Model(config).save_pretrained(tmp_path)
    features = dinov2_encoder(tmp_path)(crowd_faces()[:5])
    assert features.shape == (5, 24) and np.ptp(features, axis=0).max() > 0


def test_the_users_own_recogniser_reads_both_clips(wall, heads):
    words = {"wall.mp4": "HOUSE BIG", "heads.mp4": ["HOUSE", "SMALL"]}
    case = Case(heads, wall, recogniser=lambda clip: words[clip.name])
    figures = BACK_TRANSLATION.measure(case).figures
    assert figures["word_error_rate"] == 0.5 and figures["read_in_output"] == "HOUSE SMALL"

    def broken(clip):
        raise RuntimeError("no weights")

    with pytest.raises(Unavailable, match="no weights"):
        BACK_TRANSLATION.measure(Case(heads, wall, recogniser=broken))


def test_a_gif_has_the_clips_pictures_and_rate(tmp_path):
    write_gif(tmp_path / "a.gif", (np.full((40, 50, 3), 5 * n, np.uint8) for n in range(20)), 25)
    with Image.open(tmp_path / "a.gif") as gif:
        assert len(list(ImageSequence.Iterator(gif))) == 20
        assert gif.info["duration"] == 40 and gif.info["loop"] == 0
        gif.seek(10)
        assert np.asarray(gif.convert("RGB")).mean() == pytest.approx(50, abs=4)


def test_compare_needs_a_finished_run(tmp_path):
    with pytest.raises(UserError, match="diffsign run"):
        write_comparisons(tmp_path)


def test_a_private_run_is_never_led_back_to_its_source(tmp_path):
    from diffsign.road.evaluate import _own_source

    write_json(tmp_path / ".diffsign" / "source.json", {"private": True})
    assert _own_source(tmp_path) is None
