"""Refuse, before anything is made, cameras, lights and backgrounds that no sample could use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..render.avatar.record import Signer
from ..render.pass_options import PassOptions, check_options
from .recipe import Recipe, refuse
from .yaml_lines import Lines


def check_views(recipe: Recipe, path: Path, lines: Lines, files: dict[str, Path]) -> None:
    """Try every choice of a recipe. files: the paths of the files that it names.

    Raises:
        UserError: one that cannot be used; the sentence names the line.
    """

    def named(name: str) -> str:
        return str(files.get(name, name))

    width, height = recipe.size
    for index, camera in enumerate(recipe.cameras):
        focal = None if camera.focal is None else min(camera.focal)
        options = PassOptions(width, height, camera=named(camera.camera), focal=focal)
        with _about(path, lines, ("cameras", index)):
            check_options(options)
        if camera.focal is not None:
            far = PassOptions(width, height, focal=max(camera.focal))
            with _about(path, lines, ("cameras", index, "focal")):
                check_options(far)
    for index, light in enumerate(recipe.lights):
        options = PassOptions(lights=light.light, hdri=light.hdri and named(light.hdri))
        with _about(path, lines, ("lights", index)):
            check_options(options)
    lit = all(light.hdri for light in recipe.lights)
    for index, choice in enumerate(recipe.backgrounds):
        way = ("backgrounds", index)
        word = choice.background
        if word == "alpha" or (word == "hdri" and not lit):
            why = "videos have no alpha" if word == "alpha" else "every light must have an hdri"
            raise refuse(path, lines, way, f"the background {word} cannot be used: {why}.")
        if word.startswith("#"):
            with _about(path, lines, way):
                Signer(background=word)
        elif word not in ("signer", "hdri"):
            options = PassOptions(backdrop=named(word))
            with _about(path, lines, way):
                check_options(options)


@contextmanager
def _about(path: Path, lines: Lines, way: tuple[str | int, ...]) -> Iterator[None]:
    """Let an error of the block name the recipe's entry at `way`."""
    try:
        yield
    except UserError as error:
        raise refuse(path, lines, way, str(error)) from None
