"""Back-translation: does the user's own recogniser read the output as it reads the source?

The recogniser is any Python function from the path of a video to its words or glosses, named as
`module:function`. No recogniser ships: none is free, small and good enough to judge signing by.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path

from ...errors import UserError
from .case import Case, Recogniser
from .metric import Measured, Metric, Value
from .unavailable import Unavailable


def load_recogniser(name: str) -> Recogniser:
    """The function that `module:function` names.

    Raises:
        UserError: the name has no colon, the module or the function is not there.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise UserError(f"--recogniser is {name!r}: write it as module:function.")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"--recogniser {name} cannot be loaded ({error}): check its name."
        ) from error
    if not callable(function):
        raise UserError(f"--recogniser {name} is no function: name one that takes a video's path.")
    return function


def word_error_rate(reference: Sequence[str], hypothesis: Sequence[str]) -> float | None:
    """Least number of words put in, left out or changed, over the reference's: 0 is best.

    None without reference words.
    """
    if not reference:
        return None
    row = list(range(len(hypothesis) + 1))
    for count, word in enumerate(reference, start=1):
        before, row = row, [count]
        for column, other in enumerate(hypothesis, start=1):
            changed = before[column - 1] + (word != other)
            row.append(min(changed, before[column] + 1, row[-1] + 1))
    return row[-1] / len(reference)


def _words(recogniser: Recogniser, clip: Path) -> list[str]:
    try:
        found = recogniser(clip)
    except Exception as error:  # it is the user's own code: say so, and go on with the rest
        raise Unavailable(f"the recogniser failed on {clip.name}: {error}") from error
    return found.split() if isinstance(found, str) else [str(word) for word in found]


def _measure(case: Case) -> Measured:
    if case.recogniser is None:
        raise Unavailable("no recogniser was given: name yours with --recogniser module:function")
    source = _words(case.recogniser, case.source_video)
    output = _words(case.recogniser, case.output_video)
    if not source:
        raise Unavailable("the recogniser reads nothing in the source")
    return Measured(
        {
            "word_error_rate": word_error_rate(source, output),
            "read_in_source": " ".join(source),
            "read_in_output": " ".join(output),
        }
    )


METRIC = Metric(
    name="back_translation",
    title="A recogniser reads the output as it reads the source",
    unit="word error rate",
    low=0,
    high=float("inf"),
    better="lower",
    source="Saunders et al. 2020 (back-translation), with the user's own recogniser",
    needs="both videos and --recogniser",
    values=(Value("word_error_rate", "Back-translation, word error rate"),),
    measure=_measure,
)
