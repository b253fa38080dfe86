"""The light markup of prompts, turned into speech: an empty line pauses, numbers are read digit by digit."""

from __future__ import annotations

import re

from twilio.twiml.voice_response import Play, Say, SsmlProsody

from ivr.line.callflow.speech import SpeechBlock
from ivr.line.content.config import Config

# A phone number, or 911 and 988, which a voice would otherwise read as "nine hundred eleven".
_DIGITS = re.compile(r"(?<![\d-])(\d{3}-\d{3}-\d{4}|911|988)(?![\d-])")

SLOWLY = "70%"


def say_or_play(block: SpeechBlock, config: Config, audio_url: str) -> str:
    """The verb for a block: a person's recording where there is one, else the voice of the language.

    audio_url: where recordings are served, by their digests.
    """
    verb = Play(f"{audio_url}/{block.recording}") if block.recording else build_say(block, config)
    spoken: str = verb.to_xml(xml_declaration=False)
    return spoken


def build_say(block: SpeechBlock, config: Config) -> Say:
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
                _say_digits(prosody, piece)
            elif piece:
                prosody.append(piece)
    prosody.break_(time=f"{config.pause_ms}ms")
    return spoken


def _say_digits(prosody: SsmlProsody, digits: str) -> None:
    """A phone number is read slowly, so that it can be written down."""
    if "-" in digits:
        prosody.prosody(rate=SLOWLY).say_as(digits, interpret_as="telephone")
    else:
        prosody.say_as(digits, interpret_as="digits")
