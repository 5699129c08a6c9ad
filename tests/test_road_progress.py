"""Progress tells what is done and what is left, and stays off standard output."""

import io
import json
import subprocess
import sys

import pytest

from diffsign.road.progress import (
    BarReporter,
    JsonReporter,
    LineReporter,
    SilentReporter,
    format_seconds,
    make_reporter,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_reporter_follows_the_stream():
    assert isinstance(make_reporter(stream=io.StringIO()), LineReporter)
    assert isinstance(make_reporter(stream=Terminal()), BarReporter)
    assert isinstance(make_reporter(quiet=True, stream=Terminal()), SilentReporter)


def test_lines_are_few_and_tell_the_time_left():
    now = [0.0]
    stream = io.StringIO()
    reporter = LineReporter(stream, clock=lambda: now[0])
    with reporter.stage("paint") as progress:
        for done in range(1, 91):
            now[0] += 1.0
            progress(done, 90)
    reporter.skip("video")
    lines = stream.getvalue().splitlines()
    assert lines == [
        "paint      30 of 90, 1 min 0 s left",
        "paint      60 of 90, 30.0 s left",
        "paint      90 done in 1 min 30 s",
        "video      unchanged",
    ]


def test_bars_end_in_one_line_for_each_stage():
    stream = Terminal()
    reporter = BarReporter(stream)
    with reporter.stage("fit") as progress:
        progress(5, 10)
        progress(10, 10)
    reporter.skip("video")
    text = stream.getvalue()
    assert "10 done in" in text and "unchanged" in text


def test_a_failed_stage_is_not_called_done():
    stream = io.StringIO()
    with pytest.raises(ValueError), LineReporter(stream).stage("fit"):
        raise ValueError
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.24, "3.2 s"),
        (59.97, "1 min 0 s"),
        (75, "1 min 15 s"),
        (3599.6, "1 h 0 min"),
        (3725, "1 h 2 min"),
    ],
)
def test_seconds_read_well(seconds, text):
    assert format_seconds(seconds) == text


def test_programs_read_one_object_a_line():
    stream, now = io.StringIO(), [0.0]
    reporter = JsonReporter(stream, clock=lambda: now[0])
    with reporter.stage("fit") as progress:
        for done in range(1, 101):
            now[0] += 0.05
            progress(done, 100)
    reporter.skip("dress")
    reporter.note("Model: mini.")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert events[0] == {"stage": "fit", "done": 0, "total": 0}
    assert {"stage": "fit", "done": 100, "total": 100} in events
    assert len(events) < 60  # at most ten a second
    assert events[-3:] == [
        {"stage": "fit", "seconds": 5.0},
        {"stage": "dress", "unchanged": True},
        {"note": "Model: mini."},
    ]


def test_a_program_that_is_gone_ends_the_run():
    program = (
        "import sys, time; from diffsign.road.progress import make_reporter;"
        "make_reporter(form='json'); print('here', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == b"here\n"
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(20) == 130
    child.stdout.close()
