"""Lint rule for words whose meaning changes in a text message, which loses the accents that GSM-7 lacks.

"Su médico sí puede" (he can) is sent as "Su medico si puede" (if he can).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivr.line.content.findings import Finding
from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt

# The word as written, and what it means without its accent.
_CHANGED: dict[str, dict[str, str]] = {
    "es": {
        "sí": "si (if)",
        "él": "el (the)",
        "tú": "tu (your)",
        "mí": "mi (my)",
        "té": "te (you)",
        "sé": "se (oneself)",
        "dé": "de (of)",
        "más": "mas (but)",
        "aún": "aun (even)",
        "está": "esta (this)",
        "estás": "estas (these)",
        "esté": "este (this)",
        "llamó": "llamo (I call)",
        "habló": "hablo (I speak)",
        "mandó": "mando (I send)",
        "pasó": "paso (I pass)",
        "cambió": "cambio (change)",
        "tomó": "tomo (I take)",
        "qué": "que (that)",
        "cómo": "como (like)",
        "cuándo": "cuando (when, in a statement)",
        "dónde": "donde (where, in a statement)",
        "quién": "quien (who, in a statement)",
        "cuál": "cual (which, in a statement)",
        "cuánto": "cuanto (as much as)",
        "por qué": "por que (for which)",
    }
}
# Between question marks these are understood without their accent.
_IN_QUESTIONS = frozenset(("qué", "cómo", "cuándo", "dónde", "quién", "cuál", "cuánto", "por qué"))
_QUESTION = re.compile(r"¿[^?]*\?")


def check_accents(_content: Content, prompt: Prompt) -> Iterator[Finding]:
    """Words of a text message that mean something else once their accent is dropped."""
    changed = _CHANGED.get(prompt.language)
    if changed is None or prompt.texted is None or prompt.keeps_accents:
        return
    for number, line in enumerate(prompt.texted.words.split("\n"), start=prompt.texted.line):
        statement = _QUESTION.sub(" ", line)
        for word, without in changed.items():
            text = statement if word in _IN_QUESTIONS else line
            if re.search(rf"\b{word}\b", text, re.IGNORECASE):
                message = f"A text message drops accents, so `{word}` becomes {without}: say it in another way."
                yield Finding(prompt.file, number, "accent", "error", message)
