"""Stages that are run once: skipped while their inputs, settings and code are what they were.

A stage's key is the hash of all that it depends on. `Ledger` keeps the keys of the finished stages
in `DIR/.diffsign/stages.json`. A stage that fills a folder works in `DIR/.diffsign/work/NAME-KEY`,
which takes its final place when the stage ends; so a killed run finds its finished frames again,
frames of other settings never mix with them, and the former result stays whole until then.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import UserError
from ..files import atomic_dir, disk_errors, read_json, sha256, sweep, write_json
from .lock import STATE_FOLDER
from .progress import Progress, Reporter

PACKAGE = Path(__file__).parents[1]
_FIELDS = {"key", "seconds", "settings", "facts"}

Action = Callable[[Path, Progress], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Stage:
    """One step of the road.

    `action(work, progress)` does it and may return facts (JSON) about what it did. Where `folder`
    is named, `work` is the folder to fill in its stead, and holds what an interrupted run had
    finished; else `work` is the road's folder and the action writes `files` there, atomically.
    """

    name: str
    action: Action
    inputs: tuple[Path, ...] = ()
    """Files that are read; their bytes count."""
    after: tuple[str, ...] = ()
    """Stages whose folder is read; their keys count."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """JSON values that shape the result."""
    code: tuple[str, ...] = ()
    """Glob patterns, relative to the package's root, of the modules whose source counts."""
    folder: str | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of a stage: `seconds` is the time of the run that did it."""

    name: str
    skipped: bool
    seconds: float
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]


class Ledger:
    """Which stages are done in `folder`, with which key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / STATE_FOLDER / "stages.json"
        self._records: dict[str, dict[str, Any]] = _read_records(self.path)

    def key(self, stage: Stage) -> str:
        """The hash of everything that `stage` depends on."""
        parts = {
            "version": __version__,
            "code": [_source_hash(name) for name in stage.code],
            "inputs": [_input_hash(path) for path in stage.inputs],
            "after": [self._records.get(name, {}).get("key") for name in stage.after],
            "settings": stage.settings,
        }
        text = json.dumps(parts, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def find(self, stage: Stage, key: str) -> Outcome | None:
        """The recorded outcome, if `stage` is done with `key` and its outputs still stand."""
        record = self._records.get(stage.name)
        if record is None or record["key"] != key:
            return None
        outputs = [*stage.files, *([stage.folder] if stage.folder else [])]
        if not all((self.folder / name).exists() for name in outputs):
            return None
        return self.outcome(stage.name)

    def outcome(self, name: str) -> Outcome | None:
        """What is recorded of the stage `name`, whether it is up to date or not."""
        record = self._records.get(name)
        if record is None:
            return None
        return Outcome(name, True, record["seconds"], record["settings"], record["facts"])

    def store(self, outcome: Outcome, key: str) -> None:
        self._records[outcome.name] = {
            "key": key,
            "seconds": round(outcome.seconds, 3),
            "settings": dict(outcome.settings),
            "facts": dict(outcome.facts),
        }
        write_json(self.path, self._records)

    def work_folder(self, stage: Stage, key: str) -> Path:
        """Where `stage` works; the unfinished work of other keys is thrown away."""
        if stage.folder is None:
            return self.folder
        work = self.folder / STATE_FOLDER / "work" / f"{stage.name}-{key[:16]}"
        for other in work.parent.glob(f"{stage.name}-*"):
            if other != work:
                shutil.rmtree(other, ignore_errors=True)
        return work


def run_stage(stage: Stage, ledger: Ledger, reporter: Reporter, force: bool = False) -> Outcome:
    """Run `stage` unless it is done already.

    Raises:
        UserError: what its action raises, or a full disk.
    """
    key = ledger.key(stage)
    done = None if force else ledger.find(stage, key)
    if done is not None:
        reporter.skip(stage.name)
        return done

    work = ledger.work_folder(stage, key)
    if force and stage.folder is not None:
        shutil.rmtree(work, ignore_errors=True)
    start = time.monotonic()
    with disk_errors(ledger.folder), reporter.stage(stage.name) as progress:
        work.mkdir(parents=True, exist_ok=True)
        sweep(work)
        facts = stage.action(work, progress)
        if stage.folder is not None:
            _move_folder(work, ledger.folder / stage.folder)
    seconds = time.monotonic() - start
    outcome = Outcome(stage.name, False, seconds, stage.settings, facts or {})
    ledger.store(outcome, key)
    return outcome


def _move_folder(work: Path, final: Path) -> None:
    with atomic_dir(final) as partial:
        partial.rmdir()
        work.rename(partial)


def _read_records(path: Path) -> dict[str, dict[str, Any]]:
    """The recorded stages; a file that cannot be read counts as none, so all is done anew."""
    if not path.exists():
        return {}
    try:
        records = read_json(path)
    except UserError:
        return {}
    if not isinstance(records, dict):
        return {}
    return {name: r for name, r in records.items() if isinstance(r, dict) and r.keys() >= _FIELDS}


def _input_hash(path: Path) -> str:
    try:
        return sha256(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the stage that makes it first.") from None


@cache
def _source_hash(pattern: str) -> str:
    """The hash of all the package's sources that match `pattern`."""
    digest = hashlib.sha256()
    for source in sorted(PACKAGE.glob(pattern)):
        digest.update(str(source.relative_to(PACKAGE)).encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()
