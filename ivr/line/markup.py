"""The light markup of prompts, turned into speech: an empty line pauses, numbers are read digit by digit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from twilio.twiml.voice_response import Say

from ivr.line.config import Config

# A phone number, or 911 and 988, which a voice would otherwise read as "nine hundred eleven".
_DIGITS = re.compile(r"(?<![\d-])(\d{3}-\d{3}-\d{4}|911|988)(?![\d-])")


@dataclass(frozen=True)
class Block:
    """Words said in one breath by the voice of one language; a pause stands between paragraphs."""

    language: str
    paragraphs: tuple[str, ...]


def say(block: Block, config: Config) -> Say:
    """A <Say> of the block, at the speed of its language.

    https://www.twilio.com/docs/voice/twiml/say/text-speech#ssml
    """
    voice = config.languages[block.language]
    spoken = Say(voice=voice.voice, language=voice.tag)
    prosody = spoken.prosody(rate=voice.rate)
    for at, paragraph in enumerate(block.paragraphs):
        if at:
            prosody.break_(time=f"{config.pause_ms}ms")
        for piece in _DIGITS.split(paragraph):
            if _DIGITS.fullmatch(piece):
                kind = "telephone" if "-" in piece else "digits"
                prosody.say_as(piece, interpret_as=kind)
            elif piece:
                prosody.append(piece)
    prosody.break_(time=f"{config.pause_ms}ms")
    return spoken
