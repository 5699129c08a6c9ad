"""Weights on the Hugging Face hub: what is cached here, and fetching what is not.

The local cache is always asked first, so that nothing ever waits for a network that it does not
need. `HF_HUB_OFFLINE=1` is honoured. Only safetensors, JSON and text files are fetched, unless the
user allows pickles.
"""

from collections.abc import Iterable
from pathlib import Path

from ..errors import UserError
from .checkpoints import SD15, Checkpoint
from .layout import Part, all_parts, check_part, missing_files

TIMEOUT_S = 8.0


def cached(checkpoint: Checkpoint) -> bool:
    """Whether every file of `checkpoint` is on this machine. Never touches the network."""
    return not missing_repos(checkpoint)


def missing_repos(checkpoint: Checkpoint) -> list[str]:
    """The repositories of `checkpoint` that are not whole on this machine."""
    missing = []
    for part in all_parts(checkpoint).values():
        folder = _local_folder(part.source.repo)
        if folder is None or missing_files(folder, part):
            missing.append(part.source.repo)
    return list(dict.fromkeys(missing))


def fetch_command(checkpoint: Checkpoint) -> str:
    """The shell command that fetches what `checkpoint` lacks."""
    name = "sd15" if checkpoint.base == SD15.base else checkpoint.base.repo
    return f"diffsign models fetch {name} {checkpoint.flags}".strip()


def locate(checkpoint: Checkpoint) -> dict[str, Path]:
    """The folder of each part's repository on this machine, by part name; fetches what is missing.

    Raises:
        UserError: a part is missing and cannot be fetched, or is damaged, or is a pickle.
    """
    parts = all_parts(checkpoint)
    folders: dict[str, Path] = {}
    for repo in dict.fromkeys(part.source.repo for part in parts.values()):
        wanted = [part for part in parts.values() if part.source.repo == repo]
        folders[repo] = _repo_folder(repo, wanted, checkpoint)
    for part in parts.values():
        check_part(folders[part.source.repo], part)
    return {name: folders[part.source.repo] for name, part in parts.items()}


def _repo_folder(repo: str, parts: list[Part], checkpoint: Checkpoint) -> Path:
    folder = _local_folder(repo)
    if folder is not None and Path(repo).is_dir():
        return folder
    without = parts if folder is None else [p for p in parts if missing_files(folder, p)]
    # A repository need not have the fp16 variant of every part, and an old one only pickles.
    for variant in ("fp16", "", *(["bin"] if checkpoint.pickles else [])):
        if folder is not None and not without:
            break
        lacking = _join(repo, missing_files(folder or Path(repo), without[0])[0])
        patterns = [pattern for part in without for pattern in part.patterns(variant)]
        folder = _fetch(repo, patterns, lacking, checkpoint)
        without = [part for part in without if missing_files(folder, part)]
    assert folder is not None
    return folder


def _join(repo: str, file: str) -> str:
    return f"{file} of {repo}"


def _local_folder(repo: str) -> Path | None:
    if Path(repo).is_dir():
        return Path(repo)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(repo, local_files_only=True, allow_patterns=["none"]))
    except (OSError, HFValidationError):  # "not in the cache" is an OSError
        return None


def _fetch(repo: str, patterns: Iterable[str], lacking: str, checkpoint: Checkpoint) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    command = fetch_command(checkpoint)
    if checkpoint.offline or constants.HF_HUB_OFFLINE:
        why = "--offline is given" if checkpoint.offline else "HF_HUB_OFFLINE is set"
        raise UserError(
            f"{lacking} is not on this machine and {why}: with a network fetch it with: {command}"
        )
    try:
        HfApi().model_info(repo, timeout=TIMEOUT_S)  # fails fast where the hub is out of reach
        return Path(snapshot_download(repo, allow_patterns=list(patterns)))
    except GatedRepoError:
        raise UserError(
            f"{repo} asks for its licence to be accepted: do so on https://huggingface.co/{repo} "
            "and log in with: hf auth login"
        ) from None
    except RepositoryNotFoundError:
        raise UserError(
            f"The hub has no public repository {repo}: check its name, or log in with: "
            "hf auth login"
        ) from None
    except Exception as error:
        if not _is_network_error(error):
            raise
        reason = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{lacking} is not on this machine and the hub cannot be reached "
            f"({reason[0]}): use --model mini, or with a network fetch it with: {command}"
        ) from error


def _is_network_error(error: Exception) -> bool:
    # The hub client's HTTP library differs between its versions and its errors share no base.
    library = type(error).__module__.split(".")[0]
    return isinstance(error, (ConnectionError, TimeoutError)) or library in (
        "httpx",
        "httpx2",
        "httpcore",
        "requests",
        "urllib3",
        "huggingface_hub",
    )
