"""`diffsign synthesize` on the command line: one clear line and exit code 2 for bad input."""

import pytest

GOOD = "name: tiny\nclips: [{handshapes: [v]}]\nsigners: [{random: 1}]\n"


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (GOOD + "colour: red\n", [], ["line 4", "colour"]),
        (GOOD + "samples: lots\n", [], ["line 4", "samples"]),
        (GOOD, ["--workers", "0"], ["0 workers"]),
        (GOOD, ["--workers", "two"], ["--workers"]),
        (GOOD, ["--certificate", "none.pem"], ["--key"]),
        (GOOD, ["--certificate", "none.pem", "--key", "none.pem"], ["none.pem|c2pa"]),
        (GOOD, ["--ray", "127.0.0.1:1"], ["127.0.0.1:1|diffsign[ray]"]),
        (GOOD, ["--only", "nobody"], ["nobody", "hand-v-000"]),
        (GOOD, ["--check"], ["No finished dataset"]),
        ("clips: [\n", [], ["line"]),
    ],
)
def test_bad_input(diffsign, assert_refused, tmp_path, text, options, words):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)
    done = diffsign("synthesize", recipe, "-o", tmp_path / "out", *options)
    for word in words:
        if "|" in word:
            assert any(part in done.stderr for part in word.split("|")), done.stderr
            assert_refused(done)
        else:
            assert_refused(done, word)
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_missing_recipe_and_output_that_is_a_file(diffsign, assert_refused, tmp_path):
    assert_refused(
        diffsign("synthesize", tmp_path / "none.yaml", "-o", tmp_path / "o"), "none.yaml"
    )
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(GOOD)
    (tmp_path / "file").write_text("mine")
    assert_refused(diffsign("synthesize", recipe, "-o", tmp_path / "file"), "file")
    assert (tmp_path / "file").read_text() == "mine"
    assert_refused(diffsign("synthesize", recipe), "--out")


def test_help(diffsign):
    done = diffsign("synthesize", "--help")
    assert done.returncode == 0
    assert all(
        word in done.stdout for word in ("RECIPE", "--only", "--check", "--ray", "--workers")
    )
