"""A character's figure as a file, so that another process can perform on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...files import atomic_path
from .figure import Figure
from .rig_map import RigMap
from .skeleton import Skeleton


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a plain .npz, atomically."""
    skeleton = figure.skeleton
    with atomic_path(path) as partial, open(partial, "wb") as file:
        np.savez_compressed(
            file,
            names=np.array(skeleton.names),
            parents=np.array(skeleton.parents),
            heads=skeleton.heads,
            tails=skeleton.tails,
            rotations=skeleton.rotations,
            up=np.array(skeleton.up),
            unit=np.array(skeleton.unit),
            vertices=figure.vertices,
            faces=figure.faces,
            bones=figure.bones,
            shares=figure.shares,
            rig_map=np.array(json.dumps(figure.rig_map.record())),
        )


def load_figure(path: Path) -> Figure:
    """Read what :func:`save_figure` wrote.

    Raises:
        UserError: there is no such file, or it is no figure.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            up = data["up"]
            skeleton = Skeleton(
                tuple(str(name) for name in data["names"]),
                tuple(int(parent) for parent in data["parents"]),
                data["heads"],
                data["tails"],
                data["rotations"],
                (float(up[0]), float(up[1]), float(up[2])),
                float(data["unit"]),
            )
            rig_map = RigMap.from_text(str(data["rig_map"]), path)
            arrays = [data[name] for name in ("vertices", "faces", "bones", "shares")]
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}: check its name and folder.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no character's figure: export it anew.") from error
    return Figure(skeleton, rig_map, *arrays)
