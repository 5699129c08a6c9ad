"""The report's page: charts and worst frames, and in a real browser clips that play in step."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from diffsign.generate.evaluate import Evaluation
from diffsign.road.case_page import case_page
from diffsign.road.charts import charts
from diffsign.road.report import render_page
from diffsign.road.score_table import score_rows
from diffsign.road.stills import small_clip_uri
from diffsign.road.worst import worst_frames
from diffsign.video import read_frames, write_video

FRAMES = 30
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


def flat(shade, size=64):
    return np.full((size, size, 3), shade, np.uint8)


def clip(path, shades, fps=25):
    write_video(path, (flat(shade) for shade in shades), fps)
    return path


def evaluation(name="run", **changes):
    error = np.full(FRAMES, 2.0)
    error[[7, 21]] = 9.0, 11.0
    error[3] = np.nan
    values = {
        "name": name,
        "frames": FRAMES,
        "fps": 25.0,
        "figures": {"silhouette": {"mean": 0.95, "worst": 0.9}, "reprojection": {"body": 7.0}},
        "skipped": {"frechet": "there is no source clip"},
        "curves": {
            "Reprojection error, body": error,
            "Reprojection error, face": error / 3,
            "Action, jawOpen": np.linspace(0, 1, FRAMES),
        },
        "alignment": "frame by frame",
        "frames_of_source": np.arange(FRAMES),
    }
    return Evaluation(**{**values, **changes})


def page_of(found, cases):
    return render_page(
        found, cases, title="<b>x</b>", mark="Evaluation", summary="", made_with="", made_at=""
    )


def test_curves_of_one_group_share_a_chart_and_gaps_stay_gaps():
    drawn = charts(evaluation().curves | {"Empty, x": np.full(5, np.nan)})
    assert [(chart.title, chart.series) for chart in drawn] == [
        ("Reprojection error", ("body", "face")),
        ("jawOpen", ()),
    ]
    first, second = re.findall(r' d="([^"]*)"', drawn[0].svg)
    assert first.count("M") == 2 == second.count("M")  # a gap at frame 3
    assert drawn[0].low == "0" and drawn[0].high == "11"
    heights = [float(y) for y in re.findall(r"[ML]\S+ (\S+?)(?=[MLh]|$)", first)]
    assert np.argmin(heights) == 20 and min(heights) >= 0  # frame 21 is the 20th that is drawn


def test_flat_and_endless_curves_are_drawn():
    assert "nan" not in charts({"x": np.ones(4)})[0].svg
    assert charts({"x": np.array([3.0])})[0].svg
    long = charts({"x": np.sin(np.arange(100_000) / 300)})[0]
    assert len(long.svg) < 40_000


def test_worst_frames_are_the_worst_and_apart():
    curves = {"PCK, left hand": np.linspace(1, 0, 20), "SSIM to the render": np.zeros(20)}
    assert [frame.frame for frame in worst_frames(curves, each=2)] == [19, 13]
    assert [frame.frame for frame in worst_frames(evaluation().curves, each=2)] == [21, 7]
    assert worst_frames({"PCK, left hand": np.full(4, np.nan)}) == []


def test_the_table_says_which_is_best_only_where_there_is_a_better():
    other = evaluation("other", figures={"silhouette": {"mean": 0.5}, "ssim": {"successive": 1.0}})
    rows = {row.name: row for row in score_rows([evaluation(), other])}
    overlap = rows["Silhouette overlap (IoU, mean)"]
    assert [cell.best for cell in overlap.cells] == [True, False] and overlap.arrow == "↑"
    assert [cell.met for cell in overlap.cells] == [True, False]
    assert rows["Reprojection error, body (median at 512 px)"].cells[1].text == "–"
    assert not any(cell.best for cell in rows["SSIM to the frame before"].cells)


def test_a_page_is_whole_escaped_and_names_what_is_missing(tmp_path):
    output = clip(tmp_path / "o.mp4", range(20, 20 + FRAMES))
    source = clip(tmp_path / "s.mp4", range(120, 120 + FRAMES))
    found = [evaluation("a<i>"), evaluation("b")]
    page = page_of(found, [case_page(each, output, source) for each in found])
    assert "<b>x</b>" not in page and "a<i>" not in page and "a&lt;i&gt;" in page
    assert "there is no source clip" in page
    assert page.count("data:video/mp4;base64,") == 4
    assert not re.search(r'(src|href)="(?!data:)', page) and "url(" not in page
    assert "http://" not in page and "https://" not in page
    assert page.count("<img") == page.count('" alt="')


def test_a_source_of_another_rate_plays_in_step(tmp_path):
    import base64

    source = clip(tmp_path / "s.mp4", range(50, 110), fps=50)
    uri = small_clip_uri(source, 25, [2 * n for n in range(FRAMES)])
    path = tmp_path / "again.mp4"
    path.write_bytes(base64.b64decode(uri.partition(",")[2]))
    shades = [frame.mean() for frame in read_frames(path)]
    assert len(shades) == FRAMES
    assert shades == pytest.approx([50 + 2 * n for n in range(FRAMES)], abs=2.5)


PROBE = """
<script>
addEventListener("load", async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const [source, output] = document.querySelectorAll("video.step");
  const result = { errors: [], clips: document.querySelectorAll("video.step").length };
  addEventListener("error", (event) => result.errors.push(String(event.message)));
  for (let i = 0; i < 100 && (source.readyState < 2 || output.readyState < 2); i++) await wait(50);
  result.durations = [source.duration, output.duration];
  document.querySelector("[data-go]").click();
  await wait(400);
  result.sought = [source.currentTime, output.currentTime];
  result.frame = Number(document.querySelector(".frame").textContent);
  result.cursor = Number(document.querySelector(".cursor").getAttribute("x1"));
  output.currentTime = 0;
  await output.play();
  result.apart = 0;
  for (let i = 0; i < 8; i++) {
    await wait(60);
    result.apart = Math.max(result.apart, Math.abs(source.currentTime - output.currentTime));
  }
  result.moved = output.currentTime;
  result.both_play = !source.paused;
  output.pause();
  await wait(200);
  result.both_stop = source.paused;
  result.wide = document.documentElement.scrollWidth - innerWidth;
  const charts = [...document.querySelectorAll(".chart")];
  result.charts = charts.map((chart) => chart.getBoundingClientRect().height);
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
});
</script>
"""


def shown_in_browser(page, folder):
    """What the probe in `page` reports from Chromium, and which paths the page asked for."""
    asked: list[str] = []
    results: queue.Queue = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if self.path == "/":
                self.wfile.write(page.encode())

        def do_POST(self):
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--window-size=900,1200", f"--user-data-dir={folder}"]
    command += ["--autoplay-policy=no-user-gesture-required"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    quiet = subprocess.DEVNULL
    browser = subprocess.Popen([*command, url], start_new_session=True, stdout=quiet, stderr=quiet)
    try:
        return results.get(timeout=120), asked
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
        server.shutdown()


@pytest.mark.browser
@pytest.mark.skipif(not BROWSER, reason="there is no Chromium here: apt-get install chromium")
def test_in_a_browser_the_clips_play_in_step_and_the_curves_follow(tmp_path):
    output = clip(tmp_path / "o.mp4", range(20, 20 + FRAMES))
    source = clip(tmp_path / "s.mp4", range(120, 120 + FRAMES))
    found = evaluation()
    page = page_of([found], [case_page(found, output, source)])
    page = page.replace("</body>", PROBE + "</body>")
    seen, asked = shown_in_browser(page, tmp_path / "profile")
    assert set(asked) <= {"/", "/favicon.ico"}  # the page needs nothing beside it
    assert seen["errors"] == [] and seen["clips"] == 2
    assert seen["durations"] == pytest.approx([FRAMES / 25] * 2, abs=0.05)
    assert seen["frame"] == 21  # the worst frame comes first
    assert seen["sought"] == pytest.approx([21.5 / 25] * 2, abs=0.02)
    assert seen["cursor"] == pytest.approx(21 / (FRAMES - 1) * 720, abs=0.1)
    assert seen["moved"] > 0 and seen["both_play"] and seen["both_stop"]
    assert seen["apart"] < 0.15
    assert seen["wide"] <= 0 and min(seen["charts"]) > 30
