"""Which bones of a rig move with which of the 55 SMPL-X joints: the record, and its JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...files import write_json
from ..body.skeleton import INDEX, JOINT_NAMES, LEFT_HAND, RIGHT_HAND
from .skeleton import Skeleton

FORMAT = "diffsign-rig"
CORE = (
    "pelvis",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)
TWISTED = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "hip", "knee")
    for side in ("left", "right")
)


@dataclass(frozen=True)
class RigMap:
    """The bones of one rig by SMPL-X joint.

    Attributes:
        name: the rig's family, or the user's word for it.
        bones: joint -> its bones from the joint outwards. The first turns with the joint; what
            follows (the second half of a limb, further vertebrae) goes with it, and in limbs
            takes its share of the twist.
        twists: joint -> bones beside the chain that take a share of the limb's twist alone.
    """

    name: str
    bones: dict[str, tuple[str, ...]]
    twists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The SMPL-X joints that the rig has no bone for."""
        return tuple(joint for joint in JOINT_NAMES if joint not in self.bones)

    @property
    def hands(self) -> tuple[str, ...]:
        """The sides whose hand can form handshapes: three fingers or more with two joints each."""
        found = []
        for side, hand in (("left", LEFT_HAND), ("right", RIGHT_HAND)):
            names = [JOINT_NAMES[joint] for joint in hand]
            bending = sum(
                name.endswith("2") and name in self.bones and f"{name[:-1]}1" in self.bones
                for name in names
            )
            if bending >= 3:
                found.append(side)
        return tuple(found)

    def summary(self) -> str:
        """One sentence for the user: the family, and what the rig cannot show."""
        if len(self.hands) == 2:
            fingers = [name for name in self.missing if INDEX[name] >= LEFT_HAND[0]]
            lacks = f"; it lacks {', '.join(fingers)}" if fingers else ""
            return f"The rig is of the family {self.name}{lacks}."
        lost = "either hand" if not self.hands else f"the {_other(self.hands[0])} hand"
        return (
            f"The rig is of the family {self.name} and has no finger bones in {lost}: "
            "only the body moves there."
        )

    def check(self, skeleton: Skeleton) -> None:
        """Raise UserError where the map and the skeleton disagree."""
        known = set(skeleton.names)
        claimed: dict[str, str] = {}
        for table in (self.bones, self.twists):
            for joint, bones in table.items():
                for bone in bones:
                    if bone not in known:
                        raise UserError(
                            f"The rig map {self.name!r} names the bone {bone!r} for {joint}, which "
                            "the armature does not have: mend the map or choose its own armature."
                        )
                    if bone in claimed:
                        raise UserError(
                            f"The rig map {self.name!r} gives the bone {bone!r} to both "
                            f"{claimed[bone]} and {joint}: a bone belongs to one joint."
                        )
                    claimed[bone] = joint
        lacking = [joint for joint in CORE if joint not in self.bones]
        if lacking:
            raise UserError(
                f"The rig map {self.name!r} has no bone for {', '.join(lacking)}: add them."
            )

    def save(self, path: str | Path) -> None:
        """Write the map as JSON, atomically."""
        write_json(Path(path), self.record())

    def record(self) -> dict:
        """The map as JSON holds it."""
        return {
            "format": FORMAT,
            "name": self.name,
            "bones": {joint: list(bones) for joint, bones in self.bones.items()},
            "twists": {joint: list(bones) for joint, bones in self.twists.items()},
        }

    @classmethod
    def load(cls, path: str | Path) -> RigMap:
        """Read a map that :meth:`save` or a person wrote.

        Raises:
            UserError: no such file, no JSON, or not a rig map.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise UserError(f"No rig map at {path}: give the file that was saved.") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is no rig map ({error}): save it anew.") from error
        return cls.from_text(text, path)

    @classmethod
    def from_text(cls, text: str, path: Path) -> RigMap:
        """Read a map from the JSON that a file holds, which is named in errors.

        Raises:
            UserError: no JSON, or not a rig map.
        """
        try:
            record = json.loads(text)
        except ValueError as error:
            raise UserError(f"{path} is no rig map ({error}): save it anew.") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise UserError(f'{path} is no rig map: it needs "format": "{FORMAT}".')
        if not isinstance(record.get("name"), str):
            raise UserError(f'{path} is no rig map: "name" must be a text.')
        return cls(
            record["name"],
            _table(record, "bones", JOINT_NAMES, path),
            _table(record, "twists", TWISTED, path),
        )


def mapped_joint(rest: Skeleton, rig_map: RigMap) -> np.ndarray:
    """(B,) the SMPL-X joint that each bone moves with: its own or the nearest above it, else -1."""
    own = {
        rest.index(name): INDEX[joint]
        for table in (rig_map.bones, rig_map.twists)
        for joint, names in table.items()
        for name in names
    }
    found = np.full(len(rest.names), -1)
    for bone in rest.order:
        parent = rest.parents[bone]
        found[bone] = own.get(bone, found[parent] if parent >= 0 else -1)
    return found


def _table(
    record: dict, key: str, joints: tuple[str, ...], path: Path
) -> dict[str, tuple[str, ...]]:
    table = record.get(key, {})
    if not isinstance(table, dict):
        raise UserError(f'{path} is no rig map: "{key}" must give bones by joint.')
    for joint, bones in table.items():
        if joint not in joints:
            raise UserError(f'{path}: "{key}" knows no joint {joint!r}; it takes SMPL-X names.')
        if not isinstance(bones, list) or not bones or not all(isinstance(b, str) for b in bones):
            raise UserError(f'{path}: "{key}" of {joint} must be a list of bone names.')
    return {joint: tuple(bones) for joint, bones in table.items()}


def _other(side: str) -> str:
    return "right" if side == "left" else "left"
