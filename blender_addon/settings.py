"""What the panel remembers, in the scene. The names are those of the operators' own words."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..render.engines import DEVICES, ENGINES
from ..render.scene_view import CAMERAS
from ..retarget.rig.families import FAMILIES
from ..retarget.rig.transfer import ROOTS
from . import source_file

AUTO, OWN_MAP = "AUTO", "FILE"
MAPS = (
    ("depth", "Depth", "Inverse depth, near white, as the depth ControlNet reads it"),
    ("normal", "Normal", "Normals in the camera's space"),
    ("openpose", "OpenPose", "Body and hands of the armature; drawn by DiffSign when it paints"),
)
# Kept alive: Blender does not hold on to the strings of a dynamic list, and a plain one is plainer.
_FAMILIES = (
    (AUTO, "Found by Itself", "The family that explains most of the armature's bones"),
    *((f.name, f.name, f"Take the armature for one of the family {f.name}") for f in FAMILIES),
    (OWN_MAP, "Rig Map File", "A map of your own, saved as JSON"),
)
# Paths may begin with // for the .blend file's folder, which Blender 4.5 wants to be told.
_BESIDE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
_PLACES = {
    "moved": ("Its Own", "It stands where it stands and moves as the source does"),
    "still": ("In Place", "It stands where it stands and only turns"),
    "scene": ("Source's", "It stands before the source's camera"),
}
_CAMERA_WORDS = {
    "source": "The camera that was fitted to the source",
    "front": "The upper body from the front",
    "three-quarter": "The upper body from a little to the side",
    "side": "The upper body from the side",
    "close": "The head from the front",
}
_ENGINE_NAMES = {"cycles": "Cycles", "eevee": "EEVEE", "workbench": "Workbench"}


def _is_armature(_: Any, thing: Any) -> bool:
    return bool(thing.type == "ARMATURE")


def _motion_changed(self: Any, context: Any) -> None:
    self.motion_summary = source_file.summary(bpy.path.abspath(self.motion))


class DIFFSIGN_PG_scene(bpy.types.PropertyGroup):
    """Every setting of the panel."""

    __annotations__ = {
        # Source
        "source": StringProperty(
            name="Source",
            description="A video of a person signing, a .pose file, or a motion file",
            subtype="FILE_PATH",
            options=_BESIDE,
        ),
        "folder": StringProperty(
            name="Folder",
            description="Where DiffSign puts what it makes; it needs to be writable",
            subtype="DIR_PATH",
            default="//diffsign",
            options=_BESIDE,
        ),
        "motion": StringProperty(
            name="Motion",
            description="The motion that is retargeted; Fit fills it in",
            subtype="FILE_PATH",
            options=_BESIDE,
            update=_motion_changed,
        ),
        "motion_summary": StringProperty(options={"HIDDEN"}),
        "person": IntProperty(
            name="Person",
            description="Which of several people, counted from the left; 0 is the largest",
            min=0,
            max=99,
        ),
        # Avatar
        "avatar_words": StringProperty(
            name="Words", description="What the signer shall look like, in words"
        ),
        "avatar_picture": StringProperty(
            name="Picture",
            description="A picture of what the signer shall look like",
            subtype="FILE_PATH",
            options=_BESIDE,
        ),
        "avatar_seed": IntProperty(
            name="Seed",
            description="Another seed is another signer where words and picture are silent",
            min=0,
        ),
        "armature": PointerProperty(
            name="Armature",
            description="The character's armature; the selected one where none is chosen",
            type=bpy.types.Object,
            poll=_is_armature,
        ),
        "family": EnumProperty(
            name="Family", description="Which tool named the armature's bones", items=_FAMILIES
        ),
        "rig_map": StringProperty(
            name="Rig Map", description="A rig map in JSON", subtype="FILE_PATH", options=_BESIDE
        ),
        # Retarget
        "keep_contacts": BoolProperty(
            name="Keep Contacts",
            description="What the hands touch and where they are on the body stay as in the "
            "source, on a character of other proportions",
            default=True,
        ),
        "place": EnumProperty(
            name="Place",
            description="Where the character stands while it signs",
            items=[(root, *_PLACES[root]) for root in ROOTS],
            default="moved",
        ),
        "smoothing": FloatProperty(
            name="Smoothing",
            description="Seconds over which the motion is averaged; 0.02 takes jitter away, 0.1 "
            "takes handshapes away",
            min=0.0,
            soft_max=0.1,
            max=1.0,
            step=1,
            precision=3,
        ),
        "face": BoolProperty(
            name="Face",
            description="Key the shape keys, or the bones of jaw and eyes, that the character has",
            default=True,
        ),
        "limit_range": BoolProperty(
            name="Frame Range", description="Take a part of the motion alone"
        ),
        "first": IntProperty(
            name="First", description="First frame of the motion", min=1, default=1
        ),
        "last": IntProperty(
            name="Last", description="Last frame of the motion", min=1, default=250
        ),
        "start": IntProperty(
            name="Start", description="The scene's frame on which the motion begins", default=1
        ),
        "rate": EnumProperty(
            name="Rate",
            description="What happens where the motion has another frame rate than the scene",
            items=(
                ("RESAMPLE", "Resample", "The scene keeps its rate, the motion is resampled"),
                ("SCENE", "Set Scene", "The scene takes the motion's rate"),
            ),
        ),
        "strip": BoolProperty(
            name="NLA Strip",
            description="Put the actions onto new NLA tracks, so that they can be layered",
        ),
        # Passes
        "camera": EnumProperty(
            name="Camera",
            description="From where the signing is seen",
            items=[(c, c.replace("-", " ").title(), _CAMERA_WORDS[c]) for c in CAMERAS],
        ),
        "maps": EnumProperty(
            name="Maps",
            description="Pictures for ControlNets, beside the exact layers that are always made",
            items=MAPS,
            options={"ENUM_FLAG"},
            default={"depth", "normal"},
        ),
        "engine": EnumProperty(
            name="Engine",
            description="What renders the picture; the layers are always Cycles' and exact",
            items=[(e, _ENGINE_NAMES[e], f"{_ENGINE_NAMES[e]} makes the picture") for e in ENGINES],
        ),
        "device": EnumProperty(
            name="Device",
            description="Where Cycles renders",
            items=[(d, d.upper() if d != "auto" else "Auto", f"Use {d}") for d in DEVICES],
        ),
        "samples": IntProperty(
            name="Samples", description="Samples per pixel of the picture", min=1, default=16
        ),
        # Generate
        "appearance": StringProperty(
            name="Appearance",
            description="A picture of what the signer shall look like",
            subtype="FILE_PATH",
            options=_BESIDE,
        ),
        "prompt": StringProperty(
            name="Prompt", description="What the signer shall look like, in words"
        ),
        "model": StringProperty(
            name="Model",
            description="auto, mini, sd15, a folder, or a hub id (owner/name)",
            default="auto",
        ),
        "strength": FloatProperty(
            name="Strength",
            description="How far painting may leave the render; 0 is the model's own default",
            min=0.0,
            max=1.0,
        ),
        "seed": IntProperty(name="Seed", description="Another seed paints another signer", min=0),
        "show": EnumProperty(
            name="Show In",
            description="Where the result opens",
            items=(
                ("IMAGE", "Image Editor", "As a movie in an image editor"),
                ("SEQUENCER", "Sequencer", "As a strip in the video sequencer"),
            ),
        ),
        # Dataset
        "recipe": StringProperty(
            name="Recipe",
            description="Where the recipe goes: it renders a dataset with diffsign synthesize",
            subtype="FILE_PATH",
            default="//recipe.yaml",
            options=_BESIDE,
        ),
    }  # fmt: skip


CLASSES = (DIFFSIGN_PG_scene,)


def of(context: Any) -> Any:
    """The settings of the scene at hand."""
    return context.scene.diffsign
