"""What every worker of a run knows: the recipe and where its files are, in the run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import read_json, write_json
from .layout import plan_note
from .recipe import Recipe


@dataclass(frozen=True)
class Setup:
    """recipe, and the absolute paths of the files that cameras, lights and backgrounds name."""

    recipe: Recipe
    files: dict[str, str]

    def file(self, name: str) -> str:
        """The path that a name in the recipe means; the name itself where it is no file's."""
        return self.files.get(name, name)


def write_setup(out: Path, identity: str, recipe: Recipe, files: dict[str, Path]) -> None:
    """Make the folder this recipe's.

    Raises:
        UserError: another recipe's run is in it.
    """
    note = plan_note(out)
    if note.is_file() and read_json(note)["identity"] != identity:
        raise UserError(
            f"{out} holds a run of another recipe, of other inputs, or of another version of "
            "DiffSign: choose another folder, or remove this one."
        )
    if not note.is_file() and (out / "dataset.json").exists():
        raise UserError(f"{out} holds a finished dataset whose state was removed: choose another.")
    content: dict[str, Any] = {
        "identity": identity,
        "recipe": recipe.model_dump(mode="json"),
        "files": {name: str(path.resolve()) for name, path in files.items()},
    }
    write_json(note, content)


@lru_cache(maxsize=1)
def read_setup(out: Path) -> Setup:
    content = read_json(plan_note(out))
    return Setup(Recipe.model_validate(content["recipe"]), content["files"])
