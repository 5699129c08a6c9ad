"""Retarget: the motion as keyframes of the character."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import bpy

from ..errors import UserError
from ..files import write_text
from ..render.face_blender import meshes_of
from ..render.figure_blender import figure_of
from ..render.rig_performance import perform_on
from ..retarget.motion import Motion
from ..retarget.resample import resampled, smoothed
from ..retarget.rig.figure_file import save_figure
from ..retarget.rig.transfer import TransferOptions
from . import characters, environment, folders, jobs, preferences, settings, source_file
from .operator import JobOperator, fail, say

_OURS = "diffsign"
_SAME_RATE = 1e-3


class DIFFSIGN_OT_retarget(JobOperator, bpy.types.Operator):
    """Put the motion onto the character as new actions; bones keep their drivers"""

    bl_idname = "diffsign.retarget"
    bl_label = "Retarget"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  Blender reads a set here
    title = "Keep contacts"
    _scratch: Any = None

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not JobOperator.poll.__func__(cls, context):  # type: ignore[attr-defined]
            return False
        if not settings.of(context).motion:
            cls.poll_message_set("There is no motion yet: fit a source first")
            return False
        try:
            characters.editable(characters.chosen(context))
        except UserError as error:
            cls.poll_message_set(str(error))
            return False
        return True

    def invoke(self, context: Any, event: Any) -> set[str]:
        return self._either(context, lambda: JobOperator.invoke(self, context, event))

    def execute(self, context: Any) -> set[str]:
        return self._either(context, lambda: JobOperator.execute(self, context))

    def _either(self, context: Any, through_job: Any) -> set[str]:
        """At once where nobody else need be asked."""
        try:
            if keeps_contacts(context):
                return set(through_job())
            say("")
            self._apply(context, source_file.load(_motion_path(context)))
        except UserError as error:
            return fail(self, error)
        return {"FINISHED"}

    def command(self, context: Any) -> list[str]:
        armature = characters.chosen(context)
        self._scratch = tempfile.TemporaryDirectory(prefix="diffsign-")
        folder = Path(self._scratch.name)
        record, figure = folder / "signer.json", folder / "figure.npz"
        if characters.record_of(armature):
            write_text(record, characters.record_of(armature))
            who: tuple[object, ...] = ("--record", record)
        else:
            rig_map = characters.map_of(armature, settings.of(context))
            meshes = meshes_of(armature, context.scene.objects)
            save_figure(figure_of(armature, meshes, rig_map), figure)
            who = ("--avatar", figure)
        out = folder / "performance.npz"
        python = preferences.python(context)
        return environment.command(python, "perform", _motion_path(context), *who, "-o", out)

    def finished(self, context: Any, job: jobs.Job) -> None:
        self._apply(context, Motion.load(job.results[-1]))

    def ended(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _apply(self, context: Any, motion: Motion) -> None:
        own, scene = settings.of(context), context.scene
        armature = characters.editable(characters.chosen(context))
        rig_map = characters.map_of(armature, own)
        motion = part(motion, own)
        fps = scene.render.fps / scene.render.fps_base
        other_rate = abs(motion.fps - fps) > _SAME_RATE
        if other_rate and own.rate == "RESAMPLE":
            source_fps, motion = motion.fps, resampled(motion, fps)
            said = (
                f"The motion has {source_fps:.4g} frames a second, the scene {fps:.4g}: resampled"
            )
            self.report({"INFO"}, said)
        motion = smoothed(motion, own.smoothing)
        name = f"DiffSign {clip_name(Path(own.motion))}"
        before = _animated(armature, scene)
        actions = perform_on(
            armature,
            scene.objects,
            motion,
            rig_map,
            TransferOptions(root=own.place),
            own.start,
            name,
            own.face,
        )
        _keep_or_drop(before, actions)
        for action in actions:  # a dropped one may have had the name
            action.name = re.sub(r"\.\d{3}$", "", action.name)
        if other_rate and own.rate == "SCENE":
            set_rate(scene, motion.fps)
            self.report({"INFO"}, f"The scene has {motion.fps:.4g} frames a second now")
        end = own.start + motion.frame_count - 1
        scene.frame_start, scene.frame_end = own.start, max(end, own.start)
        scene.frame_set(own.start)
        if own.strip:
            _push_down(armature, scene)
        for action in actions:
            action[_OURS] = True
        self.report({"INFO"}, rig_map.summary())


def keeps_contacts(context: Any) -> bool:
    """Whether the motion is solved anew for the character's body."""
    return bool(settings.of(context).keep_contacts) and not contacts_hint(context)


def contacts_hint(context: Any) -> str:
    """Why contacts cannot be kept; "" where they can, and where no armature is chosen."""
    try:
        armature = characters.chosen(context)
    except UserError:
        return ""
    if not (characters.record_of(armature) or meshes_of(armature, context.scene.objects)):
        return "The armature moves no mesh, so hands have nothing to touch: its angles are kept"
    if not preferences.python(context):
        return "Contacts are solved in DiffSign's Python, which is not found (see Preferences)"
    return ""


def _motion_path(context: Any) -> str:
    return str(folders.existing(settings.of(context).motion, "motion"))


def part(motion: Motion, own: Any) -> Motion:
    """The frames that are wanted.

    Raises:
        UserError: there are none.
    """
    if not own.limit_range:
        return motion
    if own.first > own.last or own.first > motion.frame_count:
        raise UserError(
            f"The frame range {own.first} to {own.last} holds nothing of the motion's "
            f"{motion.frame_count} frames: change it under Retarget."
        )
    return motion.part(own.first - 1, min(own.last, motion.frame_count))


def clip_name(motion: Path) -> str:
    """What a motion is called: after its file, or after the folder where Fit put it."""
    return motion.parent.name if motion.stem == "motion" and motion.parent.name else motion.stem


def set_rate(scene: Any, fps: float) -> None:
    """29.97 is 30 / 1.001 in Blender."""
    whole = max(1, round(fps))
    scene.render.fps, scene.render.fps_base = whole, whole / fps


def _animated(armature: Any, scene: Any) -> list[Any]:
    """The actions that the character has now."""
    owners = [armature]
    owners += [m.data.shape_keys for m in scene.objects if m.type == "MESH" and m.data.shape_keys]
    found = [o.animation_data.action for o in owners if o.animation_data]
    return [action for action in found if action is not None]


def _keep_or_drop(before: list[Any], made: list[Any]) -> None:
    """What the animator made is kept by a fake user; our own last try is removed."""
    for action in set(before) - set(made):
        if action.users > 0 or action.library is not None:
            continue
        if action.get(_OURS):
            bpy.data.actions.remove(action)
        else:
            action.use_fake_user = True


def _push_down(armature: Any, scene: Any) -> None:
    """The active actions become strips of new tracks."""
    owners = [armature, *(m.data.shape_keys for m in meshes_of(armature, scene.objects))]
    for owner in owners:
        data = owner.animation_data if owner is not None else None
        if data is None or data.action is None:
            continue
        action = data.action
        track = data.nla_tracks.new()
        track.name = action.name
        strip = track.strips.new(action.name, int(action.frame_range[0]), action)
        if hasattr(strip, "action_slot") and data.action_slot is not None:
            strip.action_slot = data.action_slot
        data.action = None


CLASSES = (DIFFSIGN_OT_retarget,)
