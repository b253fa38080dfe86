"""Translated sentences, with types. Templates use `_` and `ngettext` directly."""

from __future__ import annotations

import flask_babel


def gettext(string: str, **variables: object) -> str:
    """The sentence in the language of the user."""
    return str(flask_babel.gettext(string, **variables))


def pgettext(context: str, string: str, **variables: object) -> str:
    """The sentence, where another language has several words for one of English. context: tells them apart."""
    return str(flask_babel.pgettext(context, string, **variables))


def ngettext(singular: str, plural: str, num: int, **variables: object) -> str:
    """The sentence for a number, which it may contain as %(num)s."""
    return str(flask_babel.ngettext(singular, plural, num, **variables))
