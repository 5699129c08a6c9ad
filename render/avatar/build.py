"""From a signer's record and a body to the dressed avatar."""

from __future__ import annotations

import numpy as np

from ...errors import UserError
from ...retarget.body.model import Body, shape_body
from ...retarget.body.phenotype import phenotype_betas
from .avatar import Avatar
from .beard import beard_drafts
from .bottoms import bottom_cloth, shoes_cloth
from .brows import brows_draft
from .draft import join, skinning_of
from .eyes import eyes_draft, lashes_draft
from .garments import top_cloth
from .glasses import glasses_drafts
from .hair import hair_drafts
from .headwear import headwear_drafts, pressed_ears
from .mouth import mouth_drafts
from .record import Signer
from .shape import SKIN, Shape
from .skin import skin_draft


def build_avatar(signer: Signer, body: Body, betas: np.ndarray | None = None) -> Avatar:
    """The dressed avatar of a signer on the open body, at rest in a T-pose.

    Args:
        signer: the looks.
        body: the open body; its helper geometry becomes clothes.
        betas: (B,) shape; by default that of the signer's phenotype.

    Raises:
        UserError: a body without helper geometry (the user's own SMPL-X file).
    """
    if "tights" not in body.group_names:
        raise UserError(f"the avatar is built on the open body, not on {body.name!r}: --body open")
    if betas is None:
        betas = phenotype_betas(body, signer.phenotype)
    vertices, joints = shape_body(body, betas)
    vertices = np.asarray(vertices, np.float64)
    if signer.headwear != "none":
        vertices = pressed_ears(body, vertices)
    shape = Shape(body, vertices, np.asarray(joints, np.float64))

    cloths = [top_cloth(signer, shape), bottom_cloth(signer, shape), shoes_cloth(signer, shape)]
    hidden = np.any([cloth.hidden for cloth in cloths], axis=0)
    tops = [(draft.sheet, skinning_of(draft, body)) for draft in cloths[0].drafts]
    obstacle = shape.skin.with_sheets(hidden[SKIN], tops, margin=0.011)
    skin, skin_place = skin_draft(signer, shape, hidden)
    eyes, eye_place = eyes_draft(signer, shape)
    drafts = [skin, eyes, lashes_draft(signer, shape), brows_draft(signer, shape)]
    drafts += mouth_drafts(shape)
    drafts += hair_drafts(signer, shape, obstacle)
    drafts += headwear_drafts(signer, shape, obstacle)
    drafts += beard_drafts(signer, shape)
    drafts += glasses_drafts(signer, shape)
    drafts += [draft for cloth in cloths for draft in cloth.drafts]
    count = len(skin.sheet.vertices)
    place = np.where(eye_place >= 0, eye_place + count, skin_place)
    return join(signer, body, joints, drafts, place)
