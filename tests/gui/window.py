"""The add-on in a real window: build it, install it into Blender, click, look at the screenshots.

`make test-gui`. Blender stands in a tree of Debian trixie: named by DIFFSIGN_GUI_TREE, or made with
debootstrap in out/gui, which needs root. Where neither can be had it says so and stops well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

from diffsign.blender_addon.build import build

TREE = Path(os.environ.get("DIFFSIGN_GUI_TREE") or "out/gui/trixie")
PACKAGES = (
    "blender",
    "xvfb",
    "xdotool",
    "imagemagick",
    "libgl1-mesa-dri",
    "python3-numpy",
    "python3-openimageio",
)
WIDTH, HEIGHT = 1280, 1440
"""High enough for every section of the panel at once."""
CROPS = {
    "signer": (-360, -620, 360, 620),
    "hands": (-300, -220, 300, 220),
    "character": (-250, -260, 250, 240),
}
"""(left, top, right, below) of the pictures' parts of the viewport, pixels from its middle."""
DISPLAY = ":97"
INSIDE = Path("/diffsign-gui")

_FAKE_PYTHON = """#!/usr/bin/python3
# Stands for the user's environment, which this small tree does not have.
import json, os, shutil, sys, threading, time
HERE = "/diffsign-gui/"
def end():
    sys.stdin.read()
    os._exit(130)
threading.Thread(target=end, daemon=True).start()  # as DiffSign does when Blender goes
with open(HERE + "pid", "w") as file:
    file.write(str(os.getpid()))
arguments = sys.argv[3:]
made = {"fit": ("motion.npz", HERE + "out/motion.npz"), "avatar": ("signer.blend", arguments[-1]),
        "perform": ("performance.npz", arguments[-1])}
if arguments[0] not in made:
    sys.exit(f"diffsign: {arguments[0]} is not here")
name, out = made[arguments[0]]
for done in range(1, 31 if arguments[0] == "fit" else 4):
    said = {"stage": arguments[0], "done": done, "total": 30}
    print(json.dumps(said), file=sys.stderr, flush=True)
    time.sleep(0.1)
    while done == 12 and os.path.exists(HERE + "hold"):
        time.sleep(0.1)
if "--avatar" in arguments:
    import numpy
    assert len(numpy.load(arguments[arguments.index("--avatar") + 1])["faces"]) > 1000
    name = "motion.npz"
shutil.copy(HERE + name, out)
print(out)
os._exit(0)
"""


def make_tree(tree: Path, limit: float = 600.0) -> str:
    """Make the tree where it is missing; why it cannot be had, or "" where it can.

    limit: seconds that it may take: 2 minutes and 345 MB of Debian's packages where all goes well.
    """
    if (tree / "usr/bin/blender").exists() and (tree / "usr/bin/xdotool").exists():
        return ""
    if tree.is_dir() and any(tree.iterdir()):
        return f"{tree} is no tree with Blender; remove it, or name another by DIFFSIGN_GUI_TREE"
    if limit <= 0:
        return "it would take minutes to make a tree with Blender; DIFFSIGN_GUI_TREE may name one"
    if os.geteuid() != 0:
        return "making a tree with Blender needs root; DIFFSIGN_GUI_TREE may name one"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed, and DIFFSIGN_GUI_TREE names no tree with Blender"
    tree.mkdir(parents=True, exist_ok=True)
    steps = [
        ["debootstrap", "--variant=minbase", "trixie", str(tree)],
        ["chroot", str(tree), "apt-get", "update", "-qq"],
        [
            *("chroot", str(tree), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install"),
            *("-y", "-qq", "--no-install-recommends", *PACKAGES),
        ],
    ]
    end = time.monotonic() + limit
    for step in steps:
        try:
            left = max(1.0, end - time.monotonic())
            done = subprocess.run(step, capture_output=True, text=True, timeout=left)
        except subprocess.TimeoutExpired:
            shutil.rmtree(tree, ignore_errors=True)
            return f"the tree was not there after {limit:.0f} s"
        if done.returncode != 0:
            return f"{step[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}"
        policy = tree / "usr/sbin/policy-rc.d"  # nothing is to be started in there
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(policy.stat().st_mode | stat.S_IXUSR)
    return ""


def prepare(tree: Path, made: Path) -> Path:
    """The folder inside the tree with everything that the window needs.

    made: a folder for the characters; those that are there are taken as they are.
    """
    from characters import OWN_WORDS, make_characters, make_signer

    characters = make_characters(made)
    folder = tree / INSIDE.relative_to("/")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    build(folder / "diffsign.zip")
    assets = Path(str(resources.files("diffsign.assets")))
    shutil.copy(assets / "sample_motion.npz", folder / "motion.npz")
    shutil.copy(assets / "sample.mp4", folder / "clip.mp4")
    shutil.copy(Path(__file__).with_name("drive.py"), folder / "drive.py")
    python = folder / "python"
    python.write_text(_FAKE_PYTHON)
    python.chmod(0o755)
    inside = []
    for character in characters:
        name = Path(character["file"]).name
        shutil.copy(character["file"], folder / name)
        inside.append({**character, "file": str(INSIDE / name)})
    for file in make_signer(made):
        shutil.copy(file, folder / file.name)
    task = {
        "clip": str(INSIDE / "clip.mp4"),
        "characters": inside,
        "words": OWN_WORDS,
        "crops": CROPS,
    }
    (folder / "task.json").write_text(json.dumps(task))
    return folder


def run(tree: Path, folder: Path, limit: float = 480.0) -> dict:
    """What the window said."""
    environment = [
        "env",
        f"DISPLAY={DISPLAY}",
        "LIBGL_ALWAYS_SOFTWARE=1",
        f"BLENDER_USER_RESOURCES={INSIDE / 'user'}",
        f"DIFFSIGN_GUI={INSIDE}",
        f"DIFFSIGN_PYTHON={INSIDE / 'python'}",
        "HOME=/root",
    ]
    inside = ["chroot", str(tree), *environment]
    archive = str(INSIDE / "diffsign.zip")
    extension = [*inside, "blender", "--command", "extension"]
    subprocess.run([*extension, "validate", archive], check=True, capture_output=True)
    install = [*extension, "install-file", "-r", "user_default", "--enable", archive]
    subprocess.run(install, check=True, capture_output=True)
    screen = f"{WIDTH}x{HEIGHT}x24"
    display = subprocess.Popen(
        ["chroot", str(tree), "Xvfb", DISPLAY, "-screen", "0", screen, "-nolisten", "tcp"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1.5)
        size = ["--window-geometry", "0", "0", str(WIDTH), str(HEIGHT)]
        command = [*inside, "blender", *size, "--python", str(INSIDE / "drive.py")]
        with open(folder / "blender.log", "wb") as log:
            window = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            try:
                window.wait(limit)
            except subprocess.TimeoutExpired:
                window.kill()
                window.wait()
    finally:
        display.terminate()
        display.wait()
    said = folder / "said.json"
    if not said.is_file():
        tail = (folder / "blender.log").read_text(errors="replace")[-2000:]
        raise SystemExit(f"The window said nothing. Blender's last words:\n{tail}")
    return json.loads(said.read_text())


def check(said: dict) -> None:
    """That what was clicked came true."""
    steps = said["steps"]
    assert steps["cancelled motion"] == "", "a cancelled fit changed the scene"
    assert steps["breaths during fit"] >= 3, "Blender stood still during the fit"
    for kind in ("mixamo", "mpfb", "vrm"):
        found = steps[kind]
        assert found["action"].startswith("DiffSign out"), (kind, found)
        assert max(map(abs, found["moved"])) > 0.05 and found["end"] == 81, (kind, found)
    assert steps["signer"]["action"].startswith("DiffSign out"), steps["signer"]
    assert steps["signer"]["camera"] == "DiffSign Camera", steps["signer"]
    assert steps["error"] == "", steps["error"]
    assert "passes.json" in steps["passes"] and "frame_00002.exr" in steps["passes"]
    assert steps["undone"][0] == 1, "undo did not bring the former action back"
    assert steps["left in another file"] == "None", "a fit went on in another file"
    assert all(_ends(pid) for pid in steps["pids"]), "a fit outlived Blender"


def _ends(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process is gone, or goes."""
    for _ in range(int(seconds / 0.1)):
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.1)
    return False


def save_pictures(folder: Path, said: dict, out: Path) -> None:
    """The guide's screenshots: the panel beside the signer, the running fit, every character."""
    from PIL import Image

    left, top, right, below = said["canvas"]
    middle, centre = (left + right) // 2, (top + below) // 2
    panel, above, end, _ = said["sidebar"]

    def crop(name: str) -> tuple[int, ...]:
        inner = (a - 3 * (a > 0) + 3 * (a < 0) for a in CROPS[name])  # Blender outlines it
        return tuple(a + b for a, b in zip((middle, centre) * 2, inner, strict=True))

    crops = {
        "addon": ("signer", (max(left, crop("signer")[0]), above, end, above + 1130), 900),
        "addon-fit": ("fit", (panel, above, end, above + 330), 280),
        "addon-hands": ("hands", crop("hands"), 600),
        **{f"addon-{kind}": (kind, crop("character"), 400) for kind in ("mixamo", "mpfb", "vrm")},
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, (shot, box, width) in crops.items():
        picture = Image.open(folder / f"{shot}.png").convert("RGB").crop(box)
        if picture.width > width:
            height = round(picture.height * width / picture.width)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        picture.quantize(256, dither=Image.Dither.NONE).save(out / f"{name}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=TREE)
    parser.add_argument("--characters", type=Path, help="a folder to keep the characters in")
    parser.add_argument("--pictures", type=Path, help="a folder for the screenshots")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds to make the tree in")
    options = parser.parse_args()
    missing = make_tree(options.tree, options.limit)
    if missing:
        print(f"SKIPPED the window test of the Blender add-on: {missing}.")
        return
    with tempfile.TemporaryDirectory(prefix="diffsign-gui-") as made:
        folder = prepare(options.tree, options.characters or Path(made))
    said = run(options.tree, folder)
    print(json.dumps(said, indent=1))
    if said["error"]:
        sys.exit(1)
    check(said)
    if options.pictures:
        save_pictures(folder, said, options.pictures)


if __name__ == "__main__":
    main()
