"""Read a stranger's pickle without executing anything in it.

A pickle is a program: `pickle.load` calls whatever it names. Here every name is looked up in a
short table of our own stand-ins for numpy's arrays and torch's tensors; any other name ends the
reading. Not even numpy's own unpickling runs, because an array whose dtype lies about itself can
corrupt memory: shapes, types and bytes are collected, checked and only then become arrays.
"""

from __future__ import annotations

import io
import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...errors import UserError

_PLAIN_DTYPE = re.compile(r"[<>=|]?(?:[?b]|[biuf][1248]|f16|[SU]\d{1,6})")
_ZIP = b"PK\x03\x04"


class Refused(pickle.UnpicklingError):
    """The pickle asks for something that is not plain data."""


def read_pickle(path: str | Path) -> Any:
    """The plain data in a pickle or a file of `torch.save`: containers, numbers, text, arrays.

    numpy arrays and scalars, and torch tensors on any device, come as numpy arrays.

    Raises:
        UserError: missing, not a pickle, cut short, or naming anything else, which is not run.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"There is no file {path}: check the name of the pickle.") from None
    try:
        if content.startswith(_ZIP):
            return _arrays(_torch_load(content))
        return _arrays(_Unpickler(io.BytesIO(content)).load())
    except Refused as error:
        raise UserError(
            f"{path} is not opened, because it asks for {error}, which is more than plain arrays: "
            "load it where you trust it and save the arrays as .npz."
        ) from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply to be a motion: save it as .npz.") from None
    except Exception as error:
        # A broken pickle can fail in any way: its bytes are the input of a small machine.
        why = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path} is no pickle that can be read ({why[:99]}): copy it again, or save it as .npz."
        ) from None


class _Dtype:
    """Stands for numpy.dtype while a pickle is read."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        self.order: Literal["<", ">", "="] = "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "="

    def real(self) -> np.dtype:
        """The dtype, if it is of plain numbers or text; ValueError otherwise."""
        code = self.code.lstrip("<>=|")
        if not _PLAIN_DTYPE.fullmatch(code):
            raise Refused(f"arrays of type {self.code!r}")
        return np.dtype(code).newbyteorder(self.order)


class _Array:
    """Stands for numpy.ndarray while a pickle is read."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def real(self, arrays: Callable[[Any], Any]) -> Any:
        if self.state is None:
            return np.zeros(0)
        _, shape, dtype, fortran, data = self.state
        if isinstance(data, list):  # an array of objects: its elements are plain themselves
            flat = [arrays(element) for element in data]
            return flat[0] if shape == () and len(flat) == 1 else flat
        return _from_bytes(data, dtype, shape, "F" if fortran else "C")


def _from_bytes(data: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise Refused("an array without a type")
    if isinstance(data, str):
        data = data.encode("latin1")
    flat = np.frombuffer(bytes(data), dtype.real())
    return flat.reshape(shape, order=order).copy()  # reshape refuses a shape of another size


def _scalar(dtype: Any, data: Any = b"") -> Any:
    return _from_bytes(data, dtype, (1,), "C")[0]


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _buffer(data: Any, dtype: Any, shape: Any, order: str = "C") -> np.ndarray:
    return _from_bytes(data, dtype, shape, "F" if order == "F" else "C")


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Protocol 2 writes bytes as text that is to be encoded."""
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"the codec {encoding!r}")
    return text.encode("latin1")


def _bytes(data: Any = b"", *encoding: str) -> bytes:
    """Never by a number, which would ask for that much memory."""
    return _encode(data, *encoding) if isinstance(data, str) else b"".join([data])


def _torch_load(content: bytes) -> Any:
    """torch's own restricted reading (weights only)."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells of protocols that it reads all the same
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        raise Refused(found[1] if found else "objects that torch does not count as plain") from None


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> np.ndarray:
    """A view of a storage. torch itself would let one that is too large read on beyond it."""
    import torch

    flat = torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage).numpy()
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (0 not in size and last >= len(flat)):
        raise ValueError("a tensor larger than its storage")
    steps = [step * flat.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(flat[offset:], tuple(size), steps).copy()


def _parameter(data: np.ndarray, *_: Any) -> np.ndarray:
    return data


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _torch_load,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _buffer),
        )
    },
    **{
        (module, name): kind
        for module in ("builtins", "__builtin__")
        for name, kind in (
            ("list", list),
            ("dict", dict),
            ("tuple", tuple),
            ("set", set),
            ("frozenset", frozenset),
            ("bytes", _bytes),
            ("bytearray", _bytes),
            ("complex", complex),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")  # as Python 2 wrote its arrays

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NAMES[module, name]
        except KeyError:
            raise Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise Refused("an object kept outside of it")


def _arrays(value: Any) -> Any:
    """The value with arrays and tensors in place of their stand-ins."""
    if isinstance(value, _Array):
        return value.real(_arrays)
    if isinstance(value, _Dtype):
        return value.real().str
    if isinstance(value, dict):
        return {_arrays(key): _arrays(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_arrays(entry) for entry in value)
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a tensor
        return value.detach().numpy()
    return value
