"""A posted form as its fields, read once: in order, blanks kept, doubled names kept."""

from __future__ import annotations

from urllib.parse import unquote_plus

MOST_FIELDS = 500


class TooManyFields(ValueError):
    """A form with more fields than any carrier sends."""


def read_form(words: str) -> list[tuple[str, str]]:
    """The fields of an application/x-www-form-urlencoded body.

    The same as urllib's `parse_qsl(words, keep_blank_values=True)`, which decodes every name and value;
    few of a carrier's thirty fields need it. Raises TooManyFields.
    """
    parts = words.split("&")
    if len(parts) > MOST_FIELDS:
        raise TooManyFields(len(parts))
    fields = []
    for part in parts:
        if part:
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                name, value = unquote_plus(name), unquote_plus(value)
            fields.append((name, value))
    return fields
