"""YAML that knows on which line everything stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError

Key = str | int
Lines = dict[tuple[Key, ...], int]


def read_yaml(path: str | Path) -> tuple[Any, Lines]:
    """The content of a YAML file, and the line (from 1) of every value by its way from the root.

    Of a mapping's entry it is the key's line. Tags that would run code are refused.

    Raises:
        UserError: the file is missing, is no YAML, or names a key twice.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"There is no recipe {path}: check its name and folder.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The recipe {path} cannot be read ({error}).") from None
    lines: Lines = {}
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, lines
            _note_lines(node, (), lines, path)
            return loader.construct_document(node), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise UserError(f"{where}: {error.problem}; mend the YAML there.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML that can be read ({error}).") from None


def line_of(lines: Lines, way: tuple[Key, ...]) -> int:
    """The line of the value at `way`, or of the nearest thing about it that the file holds."""
    while way and way not in lines:
        way = way[:-1]
    return lines.get(way, 1)


def _note_lines(node: yaml.Node, way: tuple[Key, ...], lines: Lines, path: Path) -> None:
    lines.setdefault(way, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = str(key.value)
            below = (*way, name)
            if below in lines:
                line = key.start_mark.line + 1
                raise UserError(f"{path}, line {line}: {name!r} stands twice; keep one.")
            lines[below] = key.start_mark.line + 1
            _note_lines(value, below, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*way, index), lines, path)
