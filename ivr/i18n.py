"""Marks sentences that the console translates, in code that knows nothing of the console.

Such a sentence is a template with named fields, in one table. Commands and the API fill in the English template; the
console translates the template first.
"""

from __future__ import annotations

Values = dict[str, str | list[str]]
Sentence = tuple[str, Values]
"""A sentence that N_ marks, and what to put into its fields. Several names are joined by the language's commas."""


def N_(sentence: str) -> str:  # noqa: N802 - the name by which gettext's tools find sentences
    """Return the sentence as it is. `make catalog` puts it in the catalog."""
    return sentence
