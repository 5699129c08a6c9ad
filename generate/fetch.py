"""Fetch a checkpoint's weights: `python -m diffsign.generate.fetch sd15` (or a hub id)."""

import sys

from ..errors import UserError
from .checkpoints import resolve_model
from .hub import locate


def main(arguments: list[str]) -> int:
    """Fetch the named models into the hub's cache; 2 where one cannot be had."""
    try:
        for name in arguments or ["sd15"]:
            checkpoint, _ = resolve_model(name)
            for folder in dict.fromkeys(locate(checkpoint).values()):
                print(folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
