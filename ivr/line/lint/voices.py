"""The voices that `<Say>` offers for the languages of American hospitals.

From https://www.twilio.com/docs/voice/twiml/say/text-speech and the list that it refers to,
https://docs.aws.amazon.com/polly/latest/dg/available-voices.html, as of November 2026. Nepali has no voice.
"""

from __future__ import annotations

import re

STANDARD, NEURAL, GENERATIVE = "", "-Neural", "-Generative"
POLLY: dict[str, dict[str, str]] = {
    "en-US": {
        STANDARD: "Ivy Joanna Joey Justin Kendra Kimberly Matthew Salli",
        NEURAL: "Danielle Gregory Ivy Joanna Joey Justin Kendra Kevin Kimberly Matthew Ruth Salli Stephen",
        GENERATIVE: "Danielle Joanna Matthew Ruth Salli Stephen Tiffany",
    },
    "en-GB": {STANDARD: "Amy Brian Emma", NEURAL: "Amy Arthur Brian Emma", GENERATIVE: "Amy Brian"},
    "es-US": {STANDARD: "Lupe Miguel Penelope", NEURAL: "Lupe Pedro", GENERATIVE: "Lupe Pedro"},
    "es-MX": {STANDARD: "Mia", NEURAL: "Andres Mia", GENERATIVE: "Andres Mia"},
    "es-ES": {STANDARD: "Conchita Enrique Lucia", NEURAL: "Lucia Sergio", GENERATIVE: "Lucia Sergio"},
    "pt-BR": {STANDARD: "Camila Ricardo Vitoria", NEURAL: "Camila Thiago Vitoria", GENERATIVE: "Camila"},
    "fr-CA": {STANDARD: "Chantal", NEURAL: "Gabrielle Liam", GENERATIVE: "Gabrielle Liam"},
    "fr-FR": {STANDARD: "Celine Lea Mathieu", NEURAL: "Lea Remi", GENERATIVE: "Ambre Florian Lea Remi"},
    "de-DE": {STANDARD: "Hans Marlene Vicki", NEURAL: "Daniel Vicki", GENERATIVE: "Daniel Lennart Vicki"},
    "it-IT": {STANDARD: "Bianca Carla Giorgio", NEURAL: "Adriano Bianca", GENERATIVE: "Beatrice Bianca Lorenzo"},
}
_GOOGLE = re.compile(r"Google\.(?P<tag>[a-z]{2,3}-[A-Z]{2})-(Standard|Wavenet|Neural2|Chirp3-HD)-[A-Za-z]+")


def polly_voices(tag: str) -> frozenset[str]:
    """The Polly voices of a language tag by their full names; empty for a tag that is not in the table."""
    kinds = POLLY.get(tag, {})
    return frozenset(f"Polly.{name}{kind}" for kind, names in kinds.items() for name in names.split())


def is_google_voice(voice: str, tag: str) -> bool:
    """Whether a voice is named like one of Google's for the language tag."""
    match = _GOOGLE.fullmatch(voice)
    return match is not None and match["tag"] == tag
