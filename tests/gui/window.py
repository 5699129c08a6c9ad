"""The add-on in a real window: build it, install it into Blender, click, look at the screenshots.

`make test-gui`. Needs root and Debian's debootstrap for a tree with Blender, or a tree that is
there already, named by DIFFSIGN_GUI_TREE; without either it says so and stops well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

from diffsign.blender_addon.build import build

TREE = Path(os.environ.get("DIFFSIGN_GUI_TREE", "out/gui/trixie"))
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
DISPLAY = ":97"
INSIDE = Path("/diffsign-gui")

_FAKE_PYTHON = """#!/usr/bin/python3
# Stands for the user's environment, which this small tree does not have.
import json, os, shutil, sys, time
arguments = sys.argv[3:]
if arguments[0] != "fit":
    sys.exit("diffsign: only fit is here")
for done in range(1, 31):
    print(json.dumps({"stage": "fit", "done": done, "total": 30}), file=sys.stderr, flush=True)
    time.sleep(0.1)
    while done == 12 and os.path.exists("/diffsign-gui/hold"):
        time.sleep(0.1)
shutil.copy("/diffsign-gui/motion.npz", "/diffsign-gui/out/motion.npz")
print("/diffsign-gui/out/motion.npz")
"""


def make_tree(tree: Path) -> str:
    """Make the tree where it is missing; why it cannot be had, or "" where it can."""
    if (tree / "usr/bin/blender").exists() and (tree / "usr/bin/xdotool").exists():
        return ""
    if os.geteuid() != 0:
        return "a tree with Blender needs root"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed"
    tree.mkdir(parents=True, exist_ok=True)
    steps = [
        ["debootstrap", "--variant=minbase", "trixie", str(tree)],
        ["chroot", str(tree), "apt-get", "update", "-qq"],
        [
            *("chroot", str(tree), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install"),
            *("-y", "-qq", "--no-install-recommends", *PACKAGES),
        ],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode != 0:
            return f"{step[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}"
        policy = tree / "usr/sbin/policy-rc.d"  # nothing is to be started in there
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(policy.stat().st_mode | stat.S_IXUSR)
    return ""


def prepare(tree: Path, characters: list[dict[str, str]]) -> Path:
    """The folder inside the tree with everything that the window needs."""
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
    task = {"clip": str(INSIDE / "clip.mp4"), "characters": inside}
    (folder / "task.json").write_text(json.dumps(task))
    return folder


def run(tree: Path, folder: Path, limit: float = 360.0) -> dict:
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
    install = ["blender", "--command", "extension", "install-file", "-r", "user_default"]
    subprocess.run([*inside, *install, "--enable", archive], check=True, capture_output=True)
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
    assert steps["error"] == "", steps["error"]
    assert "passes.json" in steps["passes"] and "frame_00002.exr" in steps["passes"]
    assert steps["undone"][0] == 1, "undo did not bring the former action back"


def save_pictures(folder: Path, said: dict, out: Path) -> None:
    """The guide's screenshots: the panel beside a character, the running fit, each character."""
    from PIL import Image

    left, top, right, _ = said["viewport"]
    panel = said["sidebar"][0]
    crops = {
        "addon": ("mixamo", (left + 60, top + 54, right, top + 740), 900),
        "addon-fit": ("fit", (panel, top, right, top + 330), 280),
        **{
            f"addon-{kind}": (kind, (left + 180, top + 393, left + 640, top + 833), 300)
            for kind in ("mixamo", "mpfb", "vrm")
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, (shot, box, width) in crops.items():
        picture = Image.open(folder / f"{shot}.png").convert("RGB").crop(box)
        if picture.width > width:
            height = round(picture.height * width / picture.width)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        picture.quantize(128, dither=Image.Dither.NONE).save(out / f"{name}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=TREE)
    parser.add_argument("--characters", type=Path, default=Path("out/gui/characters"))
    parser.add_argument("--pictures", type=Path, help="a folder for the screenshots")
    options = parser.parse_args()
    missing = make_tree(options.tree)
    if missing:
        print(f"SKIPPED: no window test here: {missing}.")
        return
    from characters import make_characters

    folder = prepare(options.tree, make_characters(options.characters))
    said = run(options.tree, folder)
    print(json.dumps(said, indent=1))
    if said["error"]:
        sys.exit(1)
    check(said)
    if options.pictures:
        save_pictures(folder, said, options.pictures)


if __name__ == "__main__":
    main()
