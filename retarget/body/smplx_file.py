"""Read the user's own SMPL-X model file (.npz) into a :class:`Body`.

The file is licensed by its makers to each user; nothing of it ships here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import UserError
from .model import Body

_NAMES = ("SMPLX_NEUTRAL.npz", "smplx/SMPLX_NEUTRAL.npz")
_EXPRESSION_START = 300
_SHAPE_SIZE = 400  # the package smplx reads smaller spaces as an older layout


def find_smplx(path: Path) -> Path:
    """The SMPL-X .npz at path, or ``SMPLX_NEUTRAL.npz`` in the folder at path.

    Raises:
        UserError: nothing there, or a pickle (never opened).
    """
    if path.is_dir():
        found = [path / name for name in _NAMES if (path / name).is_file()]
        if not found:
            raise UserError(f"No {_NAMES[0]} in {path}: give the SMPL-X file with --body-path.")
        path = found[0]
    if path.suffix != ".npz" or not path.is_file():
        raise UserError(f"{path} is no SMPL-X .npz file: pickles are not read, use the .npz one.")
    return path


def read_smplx(path: Path) -> Body:
    """Read an SMPL-X .npz, or find ``SMPLX_NEUTRAL.npz`` in a folder.

    Raises:
        UserError: nothing there, a pickle (never opened), or a file of another kind.
    """
    path = find_smplx(path)
    try:
        with np.load(path, allow_pickle=False) as data:
            shapedirs = data["shapedirs"].astype(np.float32)
            expression = shapedirs[:, :, _EXPRESSION_START:]
            faces = data["f"].astype(np.int32)
            return Body(
                name="smplx",
                v_template=data["v_template"].astype(np.float32),
                shapedirs=shapedirs[:, :, : min(40, _EXPRESSION_START)],
                actiondirs=expression if expression.size else shapedirs[:, :, :0],
                faces=faces,
                J_regressor=data["J_regressor"].astype(np.float32),
                weights=data["weights"].astype(np.float32),
                uv=data["vt"].astype(np.float32) if "vt" in data else np.zeros((0, 2), np.float32),
                face_uv=data["ft"].astype(np.int32) if "ft" in data else np.zeros_like(faces),
                face_group=np.zeros(len(faces), np.int32),
                group_names=("body",),
                action_names=(),
                phenotype={},
            )
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"{path} is no SMPL-X model file ({error}).") from error


def write_smplx(path: Path, body: Body) -> None:
    """Write a body as an SMPL-X .npz that the package smplx and Blender add-ons read.

    Vertices, shape space, joints and skinning carry over; the facial actions stand where SMPL-X
    has its expressions; pose correctives are zero.
    """
    from .skeleton import PARENTS

    vertices = len(body.v_template)
    shapedirs = np.zeros((vertices, 3, _SHAPE_SIZE), np.float32)
    shapedirs[:, :, : body.beta_count] = body.shapedirs
    actions = body.actiondirs
    shapedirs[:, :, _EXPRESSION_START : _EXPRESSION_START + actions.shape[2]] = actions
    parents = np.array(PARENTS, np.int64)
    parents[0] = 2**32 - 1
    with open(path, "wb") as file:
        np.savez(
            file,
            v_template=body.v_template,
            shapedirs=shapedirs,
            posedirs=np.zeros((vertices, 3, 54 * 9), np.float32),
            J_regressor=body.J_regressor,
            weights=body.weights,
            f=body.faces.astype(np.uint32),
            kintree_table=np.stack([parents, np.arange(len(parents))]),
            hands_componentsl=np.eye(45, dtype=np.float32),
            hands_componentsr=np.eye(45, dtype=np.float32),
            hands_meanl=np.zeros(45, np.float32),
            hands_meanr=np.zeros(45, np.float32),
            lmk_faces_idx=np.zeros(51, np.int64),
            lmk_bary_coords=np.full((51, 3), 1 / 3, np.float32),
            dynamic_lmk_faces_idx=np.zeros((79, 17), np.int64),
            dynamic_lmk_bary_coords=np.full((79, 17, 3), 1 / 3, np.float32),
        )
