"""Dataset: this scene's settings as a recipe for `diffsign synthesize`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import bpy

from ..errors import UserError
from ..files import write_text
from ..render.scene_view import CAMERA_PROPERTY
from . import characters, folders, settings
from .operator import fail, say

_HEAD = """\
# A dataset with the settings of a Blender scene: diffsign synthesize THIS_FILE -o DIR
# docs/dataset.md explains every key; add clips, signers and cameras to make it larger.
"""


class DIFFSIGN_OT_write_recipe(bpy.types.Operator):
    """Write the settings of this scene as the recipe of a dataset"""

    bl_idname = "diffsign.write_recipe"
    bl_label = "Write Recipe"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not (settings.of(context).motion or settings.of(context).source):
            cls.poll_message_set("Name a source or a motion first")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        try:
            path = folders.absolute(settings.of(context).recipe, "recipe")
            write_text(path, _HEAD + yaml(recipe(context, path)))
        except UserError as error:
            return fail(self, error)
        say("")
        self.report({"INFO"}, f"The recipe is {path}: diffsign synthesize {path} -o DIR")
        return {"FINISHED"}


def recipe(context: Any, path: Path) -> dict[str, Any]:
    """The recipe's content, as `diffsign.dataset.recipe` knows it."""
    own, scene = settings.of(context), context.scene
    clip = folders.existing(own.motion or own.source, "motion")
    scale = scene.render.resolution_percentage / 100
    size = [int(scene.render.resolution_x * scale), int(scene.render.resolution_y * scale)]
    found: dict[str, Any] = {
        "version": 1,
        "name": re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_") or "dataset",
        "seed": own.seed,
        "clips": [{"files": clip.as_posix()}],
        "signers": [_signer(context)],
        "cameras": [_camera(scene, own)],
        "motion": {"proportions": "avatar", "contacts": bool(own.keep_contacts)},
        "resolution": size,
        "render": {"engine": own.engine, "samples": own.samples, "device": own.device},
    }
    if own.prompt.strip() and own.model in ("mini", "sd15"):
        painted: dict[str, Any] = {"model": own.model, "prompt": own.prompt}
        if own.strength > 0:
            painted["strength"] = round(own.strength, 3)
        found["generator"] = painted
    return found


def _signer(context: Any) -> dict[str, Any]:
    """The avatar's own record where the scene has one, or the words, the picture, or chance."""
    own = settings.of(context)
    try:
        record = characters.record_of(characters.chosen(context))
    except UserError:
        record = ""
    if record:
        return {"record": json.loads(record)}
    if own.avatar_words.strip():
        return {"text": own.avatar_words, "seed": own.avatar_seed}
    if own.avatar_picture:
        picture = folders.existing(own.avatar_picture, "picture")
        return {"image": picture.as_posix(), "seed": own.avatar_seed}
    return {"random": 1, "seed": own.avatar_seed}


def _camera(scene: Any, own: Any) -> dict[str, Any]:
    if scene.camera is None or scene.camera.type != "CAMERA":
        return {"camera": "source"}
    preset = scene.camera.get(CAMERA_PROPERTY)
    if preset is not None or own.place == "scene":
        return {"camera": preset or "source"}
    lens = round(scene.camera.data.lens, 1)
    return {"camera": "front", "focal": [lens, lens]}


def yaml(content: dict[str, Any]) -> str:
    """YAML with a line for each key; the values are JSON, which YAML contains."""
    return "".join(f"{k}: {json.dumps(v, ensure_ascii=False)}\n" for k, v in content.items())


CLASSES = (DIFFSIGN_OT_write_recipe,)
