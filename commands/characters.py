"""Avatars and motion as files: made, performed and exported."""

from pathlib import Path

import click

from .arguments import motion, out_file, path_option
from .guard import Command, result

POINTS_AND_BONES = ("bvh", "pose", "npz")
CHARACTERS = ("blend", "glb", "fbx", "usd")


@click.command(cls=Command)
@click.option("--describe", metavar="TEXT", help="Who it shall be, in words.")
@path_option("--appearance", metavar="IMAGE", help="A picture of who it shall be.")
@path_option(
    "--record",
    help="Exact looks: a signer_record.json, or what this command wrote as .json.",
)
@click.option("--random", type=int, metavar="SEED", help="Decides what nothing else says.")
@out_file(".blend, .glb, .fbx, .npz, or .json for the record alone.")
def avatar(
    describe: str | None,
    appearance: Path | None,
    record: Path | None,
    random: int | None,
    out: Path,
) -> None:
    """Write a signer as a rigged avatar for Blender and other tools.

    It has SMPL-X's bones, ARKit's facial actions as shape keys, materials and a camera.
    """
    from ..render.avatar_file import check_suffix, choose_signer, write_avatar

    check_suffix(out)
    result(write_avatar(choose_signer(describe, appearance, record, random), out))


@click.command(cls=Command)
@motion
@path_option(
    "--record",
    help="Who performs: a signer_record.json, or what diffsign avatar wrote as .json.",
)
@path_option(
    "--avatar", help="Who performs instead: a character of yours (.blend, .glb, .fbx, .vrm)."
)
@path_option("--rig", help="The character's rig map (JSON), where its rig is of no known family.")
@out_file()
def perform(
    motion: Path, record: Path | None, avatar: Path | None, rig: Path | None, out: Path
) -> None:
    """Write MOTION as somebody else's body performs it, with all that the hands touch."""
    from ..road.perform_file import perform_file

    result(perform_file(motion, record, out, avatar, rig))


@click.command(cls=Command)
@motion
@click.option(
    "--to",
    type=click.Choice(POINTS_AND_BONES + CHARACTERS),
    required=True,
    help="The format.",
)
@out_file()
@click.option("--fps", type=float, help="Frames per second, where MOTION does not name them.")
@path_option(
    "--body-path",
    metavar="PATH",
    help="Your SMPL-X model (.npz or its folder), for motion files whose hands need it.",
)
@path_option(
    "--avatar",
    help="Who performs, for blend, glb, fbx and usd: an avatar (.npz), a signer's record (.json), "
    "or a character of yours (.blend, .glb, .fbx, .vrm). By default DIR's own.",
)
@path_option("--rig", help="The character's rig map (JSON), where its rig is of no known family.")
def export(
    motion: Path,
    to: str,
    out: Path,
    fps: float | None,
    body_path: Path | None,
    avatar: Path | None,
    rig: Path | None,
) -> None:
    """Write MOTION as BVH, as points in a .pose file, as motion.npz, or on a character.

    MOTION is motion.npz, or fitted motion of another tool (AMASS, SMPLify-X, SignAvatars). blend,
    glb, fbx and usd hold a character with its animation, the face as shape keys.
    """

    def note(text: str) -> None:
        click.echo(text, err=True)

    if to in POINTS_AND_BONES:
        from ..retarget.motion_files.export import export_motion

        result(export_motion(motion, to, out, fps, body_path, note))
        return
    from ..render.performance_file import export_performance

    result(export_performance(motion, to, out, avatar, rig, fps, body_path, note))


COMMANDS = (avatar, perform, export)
