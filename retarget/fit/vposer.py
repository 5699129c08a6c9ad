"""VPoser, where the user has its weights: SMPLify-X's prior of body poses (Pavlakos et al. 2019).

Its encoder takes the 21 joints' rotation vectors to a code whose prior is a standard normal: the
squared norm of the code's mean says how unusual a pose is. Both published networks are read,
version 1 (``bodyprior_enc_...``) and version 2 (``encoder_net...``); their licence is
non-commercial, so none ships here. A checkpoint is read as tensors alone, so nothing that is
pickled in it runs.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from ...errors import UserError

JOINTS = slice(1, 22)
"""The joints that it knows, among SMPL-X's 55."""

_EPSILON = 1e-5
_V2 = {"norm": "1", "first": "2", "norm2": "4", "second": "6", "third": "7", "mean": "8.mu"}


_UNREADABLE = (
    OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True)
class VPoser:
    """The encoder of a VPoser, up to the code's mean.

    Attributes:
        layers: weights and biases in order; each batch norm is folded into a scale and a shift.
        slopes: of the leaky ReLU after each layer; 1 where there is none.
    """

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    slopes: tuple[float, ...]

    def code(self, rotvecs: torch.Tensor) -> torch.Tensor:
        """The mean (T, D) of the code of rotation vectors (T, 21, 3)."""
        values = rotvecs.flatten(1)
        for (weight, bias), slope in zip(self.layers, self.slopes, strict=True):
            values = functional.leaky_relu(values @ weight.T + bias, slope)
        return values

    def jacobian(self, rotvecs: torch.Tensor) -> torch.Tensor:
        """How the code moves with the rotation vectors' numbers, (T, D, 63)."""
        values = rotvecs.flatten(1)
        slope_of = torch.eye(values.shape[1])[None]
        for (weight, bias), slope in zip(self.layers, self.slopes, strict=True):
            before = values @ weight.T + bias
            passed = torch.where(before > 0, 1.0, slope)
            slope_of = passed[..., None] * (weight @ slope_of)
            values = before * passed
        return slope_of


def vposer_cost(prior: VPoser, vectors: torch.Tensor) -> torch.Tensor:
    """Squared norm (T,) of the code of poses (T, 55, 3)."""
    return (prior.code(vectors[:, JOINTS]) ** 2).sum(-1)


def load_vposer(path: str | Path) -> VPoser:
    """Read a VPoser from a checkpoint, or from the folder that was downloaded (its newest).

    Raises:
        UserError: nothing there, no checkpoint, or another network's.
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = sorted([*path.glob("snapshots/*.pt"), *path.glob("snapshots/*.ckpt")])
    if not files or not files[-1].is_file():
        raise UserError(
            f"No VPoser at {path}: give the folder that was downloaded (with snapshots/ in it), "
            "or its .ckpt or .pt file."
        )
    try:
        loaded = torch.load(files[-1], map_location="cpu", weights_only=True)
    except _UNREADABLE:
        raise UserError(
            f"{files[-1]} cannot be read as tensors alone, and nothing else in it is run: give "
            "VPoser's own checkpoint, or its state_dict saved by torch."
        ) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else {}
    tensors = {
        str(name).removeprefix("module.").removeprefix("vp_model."): value.float()
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    try:
        if "bodyprior_enc_fc1.weight" in tensors:
            prior = _version_1(tensors)
        else:
            prior = _version_2(tensors)
        with torch.no_grad():
            prior.code(torch.zeros(1, 21, 3))
    except (KeyError, RuntimeError):
        raise UserError(
            f"{files[-1]} is no VPoser of version 1 or 2 over 21 joints' rotation vectors: its "
            "layers are others."
        ) from None
    return prior


def _version_1(tensors: Mapping[str, torch.Tensor]) -> VPoser:
    name = "bodyprior_enc_"
    layers = (
        _after_norm(tensors, name + "bn1", _linear(tensors, name + "fc1")),
        _after_norm(tensors, name + "bn2", _linear(tensors, name + "fc2")),
        _linear(tensors, name + "mu"),
    )
    return VPoser(layers, (0.2, 0.2, 1.0))


def _version_2(tensors: Mapping[str, torch.Tensor]) -> VPoser:
    names = {part: f"encoder_net.{row}" for part, row in _V2.items()}
    layers = (
        _after_norm(tensors, names["norm"], _linear(tensors, names["first"])),
        _after_norm(tensors, names["norm2"], _linear(tensors, names["second"])),
        _linear(tensors, names["third"]),
        _linear(tensors, names["mean"]),
    )
    return VPoser(layers, (0.01, 1.0, 1.0, 1.0))


def _linear(tensors: Mapping[str, torch.Tensor], name: str) -> tuple[torch.Tensor, torch.Tensor]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _after_norm(
    tensors: Mapping[str, torch.Tensor], name: str, layer: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """A layer that takes what the batch norm before it was given (its running statistics)."""
    spread = torch.sqrt(tensors[f"{name}.running_var"] + _EPSILON)
    scale = tensors[f"{name}.weight"] / spread
    shift = tensors[f"{name}.bias"] - tensors[f"{name}.running_mean"] * scale
    weight, bias = layer
    return weight * scale, bias + weight @ shift
