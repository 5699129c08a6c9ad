"""What `diffsign models` lists and fetches."""

from collections.abc import Iterator
from pathlib import Path

from .checkpoints import MINI_FOLDER, SD15, resolve_model
from .hub import cached, fetch_command, locate, missing_repos
from .layout import all_parts
from .variants import FEW_STEPS, VAES, Variant, vary


def fetch_model(name: str, variant: Variant) -> list[Path]:
    """Fetch what the named model lacks on this machine; the folders of its repositories.

    Raises:
        UserError: there is no such model, or a part of it cannot be had.
    """
    checkpoint = vary(resolve_model(name)[0], variant)
    return list(dict.fromkeys(locate(checkpoint).values()))


def model_lines() -> Iterator[str]:
    """The models of the table, whether they are here, and what can be exchanged in them."""
    here = "part of this package" if (MINI_FOLDER / "model_index.json").is_file() else "missing"
    yield f"mini  {here}: small, for a CPU"
    missing = missing_repos(SD15)
    state = f"{fetch_command(SD15)} fetches it" if missing else "on this machine"
    yield f"sd15  {state}: Stable Diffusion 1.5, for a GPU"
    for repo in dict.fromkeys(part.source.repo for part in all_parts(SD15).values()):
        yield f"      {'-' if repo in missing else '+'} {repo}"
    for option, names in (("few-step", FEW_STEPS), ("vae", VAES)):
        for name in names:
            variant = Variant(few_step=name) if option == "few-step" else Variant(vae=name)
            changed = vary(SD15, variant)
            own = changed.loras[0].source if changed.loras else changed.vae
            assert own is not None
            mark = "+" if own.repo not in missing_repos(changed) else "-"
            yield f"      {mark} --{option} {name}: {own.repo}"
    yield f"--model auto takes {'sd15 on a GPU, else mini' if cached(SD15) else 'mini'}."
