"""Strangers' pickles: plain data comes out, nothing is ever run."""

import os
import pickle
import subprocess
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diffsign.errors import UserError
from diffsign.retarget.motion_files.plain_pickle import read_pickle


def same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(b, dict):
        assert list(a) == list(b)
        for key in b:
            same(a[key], b[key])
    elif isinstance(b, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


ARRAYS = hnp.arrays(
    st.sampled_from(["f4", "f8", ">f4", "i8", "u1", "?", "U3", "S2"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0),
    elements=None,
    fill=None,
)


@settings(max_examples=60, deadline=None)
@given(ARRAYS, st.integers(0, pickle.HIGHEST_PROTOCOL), st.booleans())
def test_arrays_come_back(
    tmp_path_factory: Any, array: np.ndarray, protocol: int, turned: bool
) -> None:
    array = np.asfortranarray(array) if turned else array
    value = {
        "a": array,
        "b": [1, "x", None, 2.5],
        "c": (True, b"\x00\xff"),
        "d": {"e": array[..., :1] if array.ndim else array},
    }
    path = tmp_path_factory.mktemp("p") / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    again = read_pickle(path)
    same(again["a"], array)
    assert again["b"] == value["b"] and again["c"] == value["c"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_scalars_and_objects(tmp_path: Path, protocol: int) -> None:
    words = np.array([{"x": np.float32(2)}, "two", np.arange(3)], dtype=object)
    value = OrderedDict(x=np.float64(1.5), y=np.int64(3), z=words)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value, protocol))
    again = read_pickle(tmp_path / "x.pkl")
    assert again["x"] == 1.5 and again["y"] == 3
    assert again["z"][0] == {"x": 2} and again["z"][1] == "two"
    np.testing.assert_array_equal(again["z"][2], np.arange(3))


def test_tensors(tmp_path: Path) -> None:
    import torch

    tensor = torch.arange(24.0).reshape(4, 6)[1:, ::2]
    value = {"body_pose": tensor, "p": torch.nn.Parameter(tensor.clone()), "n": 3}
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(value, 2))
    torch.save(value, tmp_path / "saved.pkl")
    for name in ("plain.pkl", "saved.pkl"):
        again = read_pickle(tmp_path / name)
        np.testing.assert_array_equal(again["body_pose"], tensor.numpy())
        np.testing.assert_array_equal(again["p"], tensor.numpy())
        assert again["n"] == 3


class Call:
    """Pickles as a call of a function with arguments."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def refused(path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        read_pickle(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "created"
    calls: list[tuple[Any, tuple, str]] = [
        (os.system, (f"touch {mark}",), "system"),
        (subprocess.check_output, (["touch", str(mark)],), "check_output"),
        (eval, (f"open({str(mark)!r}, 'w')",), "eval"),
        (exec, (f"open({str(mark)!r}, 'w')",), "exec"),
        (open, (str(mark), "w"), "open"),
        (getattr, (os, "system"), "getattr"),
        (np.load, (str(mark), None, True), "load"),
        (np.memmap, (str(mark), "u1", "w+", 0, 9), "memmap"),
    ]
    for function, arguments, name in calls:
        if function is getattr:
            arguments = ("", "join")
        path = tmp_path / "x.pkl"
        path.write_bytes(
            pickle.dumps({"smplx": np.zeros(3), "x": Call(function, *arguments)}, protocol)
        )
        refused(path, name)
        assert not mark.exists()


def test_a_call_within_an_array_or_a_storage_is_not_run(tmp_path: Path) -> None:
    import torch

    mark = tmp_path / "created"
    bad = Call(os.system, f"touch {mark}")
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(np.array([bad, 1], dtype=object)))
    refused(path, "system")
    path.write_bytes(pickle.dumps(Call(torch.storage._load_from_bytes, pickle.dumps(bad))))
    with pytest.raises(UserError):
        read_pickle(path)
    torch.save({"x": bad}, path)
    with pytest.raises(UserError):
        read_pickle(path)
    assert not mark.exists()


def test_arrays_that_lie_about_their_bytes(tmp_path: Path) -> None:
    """An array of objects made of bytes would be pointers into memory."""
    path = tmp_path / "x.pkl"
    honest = pickle.dumps(np.arange(4, dtype="f8"), 2)
    path.write_bytes(honest.replace(b"X\x02\x00\x00\x00f8", b"X\x02\x00\x00\x00O8"))
    refused(path, "'O8'")
    path.write_bytes(honest.replace(b"K\x04\x85", b"K\x09\x85"))
    with pytest.raises(UserError, match="no pickle"):
        read_pickle(path)


def test_a_tensor_beyond_its_storage(tmp_path: Path) -> None:
    import torch

    storage = torch.arange(4.0)._typed_storage()
    lie = Call(torch._utils._rebuild_tensor_v2, storage, 2, (1000,), (1,), False, OrderedDict())
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(lie, 2))
    with pytest.raises(UserError, match="no pickle"):
        read_pickle(tmp_path / "x.pkl")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_pickles_are_one_sentence(tmp_path_factory: Any, data: st.DataObject) -> None:
    content = bytearray(pickle.dumps({"smplx": np.zeros((2, 3)), "n": [1, "a"]}, 2))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    path = tmp_path_factory.mktemp("p") / "x.pkl"
    path.write_bytes(bytes(content[:cut] if data.draw(st.booleans()) else content))
    try:
        read_pickle(path)
    except UserError as error:
        assert "x.pkl" in str(error) and "\n" not in str(error)


def test_no_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.pkl", "no file")
