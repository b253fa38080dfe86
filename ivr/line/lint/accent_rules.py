"""Lint rule for words that mean something else in a text message, which loses the accents that GSM-7 lacks.

"Su médico sí puede" (your doctor can) is sent as "Su médico si puede" (your doctor if he can): é is in GSM-7, í is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivr.i18n import N_, sentence
from ivr.line.content.findings import Finding
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt
from ivr.line.content.yaml_source import Path
from ivr.line.text.gsm7 import fold_to_gsm7

# Words as written, and what they mean without the accent. Words with é are missing because é is sent as it is.
_CHANGED: dict[str, dict[str, str]] = {
    "es": {
        "sí": "if",
        "tú": "your",
        "mí": "my",
        "más": "but",
        "está": "this",
        "estás": "these",
        "mamá": "breast",
        "papá": "potato",
    }
}
# Question words, which a reader still understands between question marks.
_QUESTION_WORDS: dict[str, tuple[str, ...]] = {
    "es": ("cómo", "cuándo", "dónde", "adónde", "cuál", "cuáles", "cuánto", "cuánta", "cuántos", "cuántas"),
}
# Verb endings: without the accent, the past becomes the present, and the future becomes the subjunctive.
_VERB_FORMS: dict[str, dict[str, str]] = {
    "es": {
        r"(?:llam|habl|mand|pas|cambi|tom|anot|cancel|confirm|termin|envi|dej|entr|not|pregunt|contest|olvid|firm|ayud"
        r"|trabaj|marc|lleg|qued|us|mir|busc|recomend|explic|aument|baj|sangr|lastim|mostr"
        r"|encontr)ó": "what I do, not what was done",
        r"\w+ará[ns]?": "what might happen, not what will",
    }
}
_IN_A_NAME = N_(
    "A text message loses this accent: `{word}` is sent as `{sent}` ({meaning}). Use a name without this word, or write"
    " it as it is sent."
)
_QUESTION = re.compile(r"¿[^?]*\?")
_NOT_A_NEWLINE = re.compile(r"[^\n]")


def check_accents(content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Words of a text message, or of a title in the text menu, whose meaning depends on an accent that is not sent."""
    if prompt.keeps_accents:
        return
    if prompt.texted is not None:
        for line, word, meaning in find_changed_words(prompt.texted.words, prompt.language):
            yield _finding(prompt, prompt.texted.line + line, word, meaning)
    if prompt.name in content.config.offerable:
        for _, word, meaning in find_changed_words(prompt.title, prompt.language):
            yield _finding(prompt, prompt.field_lines.get("title", 1), word, meaning)


def check_names(content: Content) -> Iterator[Finding]:
    """The same words in a name of line.yaml that text messages contain: the hospital's, and those of the sites."""
    config = content.config
    named: list[tuple[Path, dict[str, str]]] = [(("hospital",), config.hospital)]
    named += [(("sites", index, "name"), site.name) for index, site in enumerate(config.sites)]
    for path, names in named:
        for language, name in names.items():
            for _, word, meaning in find_changed_words(name, language):
                values = {"word": word, "sent": fold_to_gsm7(word), "meaning": meaning}
                yield content.source.fault((*path, language), "accent", _IN_A_NAME, **values)


def find_changed_words(text: str, language: str) -> list[tuple[int, str, str]]:
    """(line from 0, word, what is read instead) of each word whose meaning changes when its accent is dropped."""
    statements = _QUESTION.sub(lambda match: _NOT_A_NEWLINE.sub(" ", match[0]), text)
    found = [
        (searched.count("\n", 0, match.start()), match[0], meaning)
        for searched, pattern, meaning in _patterns(text, statements, language)
        for match in re.finditer(rf"\b(?:{pattern})\b", searched, re.IGNORECASE)
    ]
    return sorted(found)


def _patterns(text: str, statements: str, language: str) -> Iterator[tuple[str, str, str]]:
    """(text to search, pattern, meaning without the accent)."""
    changed = {**_CHANGED.get(language, {}), **_VERB_FORMS.get(language, {})}
    yield from ((text, pattern, meaning) for pattern, meaning in changed.items())
    for word in _QUESTION_WORDS.get(language, ()):
        yield statements, word, "not a question word"


def _finding(prompt: Prompt, line: int, word: str, meaning: str) -> Finding:
    template = N_("A text message loses this accent: `{word}` is sent as `{sent}` ({meaning}). Say it in other words.")
    message = sentence(template, word=word, sent=fold_to_gsm7(word), meaning=meaning)
    return Finding.of(prompt.file, line, "accent", "error", message)
