"""Speech blocks as SSML: pauses between paragraphs, and phone numbers read digit by digit."""

from __future__ import annotations

import re

from twilio.twiml.voice_response import Play, Say, SsmlProsody

from ivr.line.callflow.speech import SpeechBlock
from ivr.line.content.config import Config

# Phone numbers, and 211, 911 and 988, which a voice would otherwise read as "nine hundred eleven".
_DIGITS = re.compile(r"(?<![\d-])((?:1-)?\d{3}-\d{3}-\d{4}|211|911|988)(?![\d-])")

SLOWLY = "70%"


def say_or_play(block: SpeechBlock, config: Config, audio_url: str) -> str:
    """The verb for a block: <Play> for a recording, otherwise <Say>.

    audio_url: the URL prefix of recordings, which are served by digest.
    """
    verb = Play(f"{audio_url}/{block.recording}") if block.recording else build_say(block, config)
    markup: str = verb.to_xml(xml_declaration=False)
    return markup


def build_say(block: SpeechBlock, config: Config) -> Say:
    """A <Say> of the block in the voice of its language.

    https://www.twilio.com/docs/voice/twiml/say/text-speech#ssml
    """
    voice = config.languages[block.language]
    say = Say(voice=voice.voice, language=voice.tag)
    prosody = say.prosody(rate=voice.rate)
    for index, paragraph in enumerate(block.paragraphs):
        if index:
            prosody.break_(time=f"{config.pause_ms}ms")
        for part in _DIGITS.split(paragraph):
            if _DIGITS.fullmatch(part):
                _say_digits(prosody, part)
            elif part:
                prosody.append(part)
    prosody.break_(time=f"{config.pause_ms}ms")
    return say


def _say_digits(prosody: SsmlProsody, digits: str) -> None:
    """Phone numbers are read slowly, so that callers can write them down."""
    if "-" in digits:
        prosody.prosody(rate=SLOWLY).say_as(digits, interpret_as="telephone")
    else:
        prosody.say_as(digits, interpret_as="digits")
