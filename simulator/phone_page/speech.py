"""What the line says, as sound: the local voice of the package py-nanotts, where it is installed.

Where it is not, such as on macOS, the page uses the browser's own voices.

The voice is not Twilio's, and it knows only the words: pauses and rates of SSML are not in a turn's text.
"""

from __future__ import annotations

import io
import re
import wave
from functools import lru_cache
from importlib.util import find_spec

RATE = 16_000
VOLUME = 0.4
VOICES = {"en": "en-US", "es": "es-ES", "de": "de-DE", "fr": "fr-FR", "it": "it-IT"}
_GROUPS = re.compile(r"\d+(?:-\d+)+|\d{7,}")


def has_voice() -> bool:
    return find_spec("py_nanotts") is not None


def voice_for(language: str | None) -> str | None:
    """The local voice of a BCP 47 tag; None if there is none. Without a tag Twilio speaks English."""
    return VOICES.get((language or "en").partition("-")[0].lower())


@lru_cache(maxsize=128)
def speak(text: str, voice: str) -> bytes:
    """A 16,000 Hz, 16-bit WAV. Raises ImportError without the package."""
    from py_nanotts import NanoTTS

    # The voice treats anything between < and > as a command.
    plain = speakable(text).replace("<", " ").replace(">", " ")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(NanoTTS().speak(plain, voice=voice, volume=VOLUME) if plain.strip() else b"")
    return buffer.getvalue()


def speakable(text: str) -> str:
    """The text with long numbers digit by digit, as Twilio's voices read them."""
    return _GROUPS.sub(_digit_by_digit, text)


def _digit_by_digit(match: re.Match[str]) -> str:
    return ", ".join(" ".join(group) for group in match[0].split("-"))
