"""Which part of a signer each face of a character is. Runs inside Blender.

Hands and head by the bones that move them; what else there is by the words in the names of
materials and meshes; what nothing tells is the top.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..retarget.body.skeleton import JOINT_NAMES
from ..retarget.rig.rig_map import RigMap, mapped_joint
from ..retarget.rig.skeleton import Skeleton
from .avatar.parts import PART_INDEX

_WORDS = (
    ("lashes", r"lash"),
    ("brows", r"brow"),
    ("glasses", r"glass(es)?\b|spectacle|eyewear"),
    ("beard", r"beard|moustache|mustache|stubble"),
    ("headwear", r"hijab|scarf|hat\b|cap\b|turban|headwear"),
    ("hair", r"hair|ponytail|fringe|bangs"),
    ("mouth", r"teeth|tooth|tongue|mouth|gum"),
    ("lips", r"lip"),
    ("eyes", r"eye|iris|cornea|sclera|pupil"),
    ("shoes", r"shoe|boot|sneaker|sandal"),
    ("bottom", r"bottom|trouser|pant|jean|skirt|short"),
    ("top", r"top|shirt|jumper|sweater|hood|jacket|blazer|coat|dress|cloth|sleeve|tank|suit"),
    ("skin", r"skin|body|face|head|hand|arm|leg|foot|feet|nail"),
)
"""The first word that a name holds counts."""
_BY_BONE = {"top", "skin"}
"""What the bones may still turn into a hand or the face."""


def named_part(material: str, mesh: str) -> str | None:
    """The part that the names say, the material's before the mesh's; None where they do not."""
    for name in (material, mesh):
        words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).replace("_", " ").lower()
        for part, pattern in _WORDS:
            if re.search(pattern, words):
                return part
    return None


def strongest_bones(mesh: Any, skeleton: Skeleton) -> np.ndarray:
    """(n,) the bone that moves each of a mesh's vertices most; -1 where none does."""
    index = {name: k for k, name in enumerate(skeleton.names)}
    groups = [index.get(group.name, -1) for group in mesh.vertex_groups]
    found = np.full(len(mesh.data.vertices), -1)
    if mesh.parent_type == "BONE":
        found[:] = index.get(mesh.parent_bone, -1)
    for number, vertex in enumerate(mesh.data.vertices):
        best = 0.0
        for share in vertex.groups:
            if share.weight > best and groups[share.group] >= 0:
                best, found[number] = share.weight, groups[share.group]
    return found


def number_parts(
    meshes: tuple[Any, ...], bones: list[np.ndarray], skeleton: Skeleton, rig_map: RigMap
) -> None:
    """Give every face a material whose pass index is its part; a material that two parts share is
    split into two that look alike.

    bones: `strongest_bones` of each mesh.
    """
    import bpy

    side_of = np.array([_region(name) for name in JOINT_NAMES] + [""])
    joints = np.append(mapped_joint(skeleton, rig_map), -1)
    made: dict[tuple[str, str], Any] = {}
    for mesh, strongest in zip(meshes, bones, strict=True):
        data = mesh.data
        count = len(data.polygons)
        if not count:
            continue
        slots = [slot.material for slot in mesh.material_slots] or [None]
        own = np.zeros(count, np.int32)
        data.polygons.foreach_get("material_index", own)
        own = np.minimum(own, len(slots) - 1)
        region = side_of[joints[strongest]]
        first = np.zeros(count, np.int32)
        data.polygons.foreach_get("loop_start", first)
        corners = np.zeros(len(data.loops), np.int32)
        data.loops.foreach_get("vertex_index", corners)
        # A face's first two corners agree but on a border, where either will do.
        of_face = region[corners[first]]
        wanted: dict[tuple[int, str], np.ndarray] = {}
        for slot, material in enumerate(slots):
            said = named_part(material.name if material else "", mesh.name)
            here = own == slot
            parts = np.full(count, said or "top", dtype=object)
            if said is None or said in _BY_BONE:
                for name in ("left_hand", "right_hand", "face"):
                    # Sleeves end at the wrist: what is named a cloth stays one on the forearm.
                    parts[of_face == name] = name
            for part in np.unique(parts[here].astype(str)):
                wanted[slot, part] = here & (parts == part)
        copies: list[Any] = []
        order = np.zeros(count, np.int32)
        for (slot, part), chosen in wanted.items():
            material = slots[slot]
            key = (material.name if material else "", part)
            if key not in made:
                made[key] = material.copy() if material else bpy.data.materials.new(part)
                made[key].pass_index = PART_INDEX[part]
            order[chosen] = len(copies)
            copies.append(made[key])
        for slot in mesh.material_slots:
            slot.link = "DATA"
        data.materials.clear()
        for material in copies:
            data.materials.append(material)
        data.polygons.foreach_set("material_index", order)
        data.update()


def _region(joint: str) -> str:
    if joint in ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf"):
        return "face"
    side, _, part = joint.partition("_")
    fingers = part.startswith(("wrist", "thumb", "index", "middle", "ring", "pinky"))
    return f"{side}_hand" if fingers else ""
