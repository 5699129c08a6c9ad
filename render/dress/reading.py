"""Where each look of a signer comes from, how sure it is, and the file that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from ...errors import UserError
from ...files import write_json
from ..avatar.record import Signer
from .from_image import SURE_ENOUGH, measure_image
from .from_text import read_text
from .measured import Measured
from .signer_from import dressed

Origin = Literal["record", "words", "picture", "follows", "seed"]


@dataclass(frozen=True)
class Source:
    """Where a look comes from.

    origin: the "record" that was given; the "words"; the "picture"; "follows", where it goes with
    another that is known, as brows go with hair; or the "seed". confidence: of what the picture
    shows, 0 to 1; else None.
    """

    origin: Origin
    confidence: float | None = None


def read_signer(
    image: str | Path | None,
    text: str | None,
    seed: int,
    stated: Mapping[str, Any] | None = None,
) -> tuple[Signer, dict[str, Source]]:
    """The signer that a picture and a text ask for, and the source of every look.

    `stated` holds fields that are as they are, whatever picture and text say; the text wins over
    the picture. Keys of the sources are the record's fields, phenotypes as "phenotype.age".
    Raises UserError for a bad picture, and for fields that no record has.
    """
    said, known = read_text(text or ""), dict(stated or {})
    whole = _flat(known).keys() >= _flat(asdict(Signer())).keys()
    measured = {} if image is None or whole else measure_image(image)
    seen = {name: each for name, each in measured.items() if each.confidence >= SURE_ENOUGH}
    values = {name: each.value for name, each in seen.items()}
    signer = dressed(values, {**said, **known}, seed)
    if "phenotype" in known and "phenotype" in said:
        signer = signer.with_changes(phenotype=said["phenotype"])
    signer = signer.with_changes(**known)
    sources: dict[str, Source] = {}
    start = _flat(asdict(dressed(values, {**said, **known}, seed, follow=False)))
    for name, value in _flat(asdict(signer)).items():
        sources[name] = _source(name, _flat(known), _flat(said), seen)
        if sources[name].origin in ("seed", "picture") and value != start[name]:
            sources[name] = Source("follows")
    return signer, sources


def _source(
    name: str, known: Mapping[str, Any], said: Mapping[str, Any], seen: Mapping[str, Measured]
) -> Source:
    if name in known:
        return Source("record")
    if name in said:
        return Source("words")
    field, _, key = name.partition(".")
    if field in seen and (not key or key in seen[field].value):
        return Source("picture", round(seen[field].confidence, 2))
    return Source("seed")


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with the phenotype's names beside them, as "phenotype.age"."""
    phenotype = values.get("phenotype", {})
    return {
        **{name: value for name, value in values.items() if name != "phenotype"},
        **{f"phenotype.{name}": value for name, value in phenotype.items()},
    }


def save_reading(path: Path, signer: Signer, sources: Mapping[str, Source]) -> None:
    """Write every look with its origin and confidence as JSON, atomically."""
    values = _flat(asdict(signer))
    write_json(path, {name: {"value": values[name], **asdict(sources[name])} for name in values})


def load_stated(path: Path) -> dict[str, Any]:
    """The fields that a file of looks states: a whole record, or a part of one.

    Also reads what `save_reading` wrote. Raises UserError where it is no such file.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no signer record at {path}; give the path of a .json file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the signer record {path}: {error}") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"the signer record {path} is not JSON (line {error.lineno}: {error.msg}); "
            "mend that line"
        ) from None
    if isinstance(values, dict) and any(name.startswith("phenotype.") for name in values):
        values = _from_reading(values)
    try:
        Signer.from_dict(values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return dict(values)


def _from_reading(values: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(Signer)}
    record: dict[str, Any] = {"phenotype": {}}
    for name, entry in values.items():
        value = entry["value"] if isinstance(entry, dict) and "value" in entry else entry
        field, _, key = name.partition(".")
        if key and field in names:
            record[field][key] = value
        else:
            record[name] = value
    return record
