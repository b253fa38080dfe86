"""Translated sentences, with types. Templates use `_` and `ngettext` directly."""

from __future__ import annotations

import flask_babel
from babel import Locale
from babel.lists import format_list

from ivr.i18n import Explained, Sentence, is_sentence

# Fields of sentences that hold the English name and the code of a language.
_LANGUAGE_FIELDS = frozenset({"language", "used"})


def gettext(string: str, **variables: object) -> str:
    """The sentence in the language of the user."""
    return str(flask_babel.gettext(string, **variables))


def translated(sentence: Sentence) -> str:
    """A sentence that code outside the console has marked, with its fields."""
    template, values = sentence
    return gettext(template).format_map({name: _field(name, value) for name, value in values.items()})


def reason_of(error: Exception) -> str:
    """What an error says, in the language of the user if its message is a marked sentence."""
    return translated(error.sentence) if isinstance(error, Explained) else str(error)


def _field(name: str, value: str | list[str] | Sentence) -> str:
    locale = flask_babel.get_locale()
    if not isinstance(value, str):
        return translated(value) if is_sentence(value) else format_list([str(item) for item in value], locale=locale)
    if name in _LANGUAGE_FIELDS:
        return _language_name(value, locale)
    return value


def _language_name(english: str, locale: Locale) -> str:
    """The name of a language: francés, for French (fr). As it is, if it has no code."""
    code = english.rpartition(" (")[2].rstrip(")")
    return str(locale.languages.get(code, english))


def pgettext(context: str, string: str, **variables: object) -> str:
    """The sentence, where another language has several words for one of English. context: tells them apart."""
    return str(flask_babel.pgettext(context, string, **variables))


def ngettext(singular: str, plural: str, num: int, **variables: object) -> str:
    """The sentence for a number, which it may contain as %(num)s."""
    return str(flask_babel.ngettext(singular, plural, num, **variables))
