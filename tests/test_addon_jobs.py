"""The add-on's programs in the background, seen from Blender."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

InBlender = Callable[[str], Any]


def test_a_job_runs_beside_blender_and_can_be_cancelled(
    in_blender: InBlender, tmp_path: Path
) -> None:
    found = in_blender(
        """
(rig,), own = fresh()
from diffsign.retarget.motion import Motion
fake_python("slow", '''
out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
import threading, os
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(130)), daemon=True).start()
for done in range(1, 51):
    print(json.dumps({"stage": "fit", "done": done, "total": 50}), file=sys.stderr, flush=True)
    time.sleep(0.02)
print(json.dumps({"note": "Two people: the larger one signs."}), file=sys.stderr)
out.mkdir(parents=True)
(out / "motion.npz").write_bytes(pathlib.Path(%r).read_bytes())
print(out / "motion.npz")
''' % motion)
own.source, own.motion = motion, ""
job = jobs.start("Fit", environment.command(preferences.python(bpy.context), "fit", "-o",
                                            folder / "one"))
ticks = 0
while job.done < 5:
    assert not job.poll()
    ticks += 1
    time.sleep(0.01)
said = {"ticks": ticks, "factor": job.factor, "stage": job.stage,
        "poll": bpy.ops.diffsign.fit.poll(), "cancel": bpy.ops.diffsign.cancel.poll()}
bpy.ops.diffsign.cancel()
said |= {"ended": job.poll(), "code": job._child.returncode, "made": (folder / "one").exists()}
jobs.finish()
said["fit"] = list(bpy.ops.diffsign.fit())
said |= {"motion": own.motion, "frames": own.motion_summary}
job = jobs.start("Fit", environment.command(preferences.python(bpy.context), "fit", "-o",
                                            folder / "two"))
blender_addon.unregister()
said |= {"left": job._child.poll(), "current": str(jobs.current())}
done(said)
"""
    )
    assert found["ticks"] > 0 and found["stage"] == "fit" and 0 < found["factor"] < 1
    assert not found["poll"] and found["cancel"]
    assert found["ended"] and found["code"] == 130 and not found["made"]
    assert found["fit"] == ["FINISHED"]
    assert found["motion"].endswith("motion.npz") and "85 frames" in found["frames"]
    assert found["left"] is not None and found["current"] == "None"


def test_a_job_ends_when_blender_is_killed(in_blender: InBlender, tmp_path: Path) -> None:
    program = """
job = jobs.start("Fit", [sys.executable, "-c",
    "import time; from diffsign.road.progress import make_reporter;"
    "make_reporter(form='json').note('here'); time.sleep(60)"])
while not job.notes:
    job.poll()
print("@" + json.dumps(job._child.pid), flush=True)
os.kill(os.getpid(), 9)
"""
    pid = in_blender(program)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    pytest.fail("the job outlived Blender")
