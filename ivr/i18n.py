"""Marks sentences that the console translates, in code that knows nothing of the console.

Such a sentence is a template with named fields, in one table. Commands and the API fill in the English template; the
console translates the template first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

Values = dict[str, "str | list[str] | Sentence"]
Sentence = tuple[str, Values]
"""A sentence that N_ marks, and what to put into its fields: words, or another sentence that is a part of this one.

Several names are joined by the language's commas. In JSON, the tuple is a list.
"""


def N_(sentence: str) -> str:  # noqa: N802 - the name by which gettext's tools find sentences
    """Return the sentence as it is. `make catalog` puts it in the catalog."""
    return sentence


def sentence(template: str, /, **values: int | str | list[str] | Sentence) -> Sentence:
    """A marked sentence with its fields. A number is written as `str` writes it."""
    return template, {
        name: value if isinstance(value, str | list | tuple) else str(value) for name, value in values.items()
    }


def filled(sentence: Sentence) -> str:
    """The sentence in English."""
    template, values = sentence
    return template.format_map({name: _filled_field(value) for name, value in values.items()})


def is_sentence(value: list[str] | Sentence) -> TypeGuard[Sentence]:
    """Whether a value is a sentence and not names."""
    return len(value) == 2 and isinstance(value[1], dict)


def _filled_field(value: str | list[str] | Sentence) -> str:
    if isinstance(value, str):
        return value
    return filled(value) if is_sentence(value) else _joined([str(name) for name in value])


def _joined(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])}, and {names[-1]}" if len(names) > 2 else " and ".join(names)


class Explained(Exception):  # noqa: N818 - its subclasses say what happened
    """An error whose message is a marked sentence, which the console translates."""

    def __init__(self, explanation: Sentence) -> None:
        self.sentence = explanation
        super().__init__(filled(explanation))
