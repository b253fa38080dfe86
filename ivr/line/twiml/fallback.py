"""The fallback document: hosted outside the line, and set as the phone number's fallback URL at Twilio."""

from __future__ import annotations

from twilio.twiml.voice_response import Dial, VoiceResponse

from ivr.line.twiml.release import CompiledLine
from ivr.line.twiml.ssml import build_say


def fallback_document(line: CompiledLine) -> bytes:
    """Apologizes and gives the phone numbers in every language, then dials the entry of key 0.

    It refers to no URL of the line, so any file server can host it.
    """
    config = line.content.config
    response = VoiceResponse()
    for language in config.languages:
        response.append(build_say(line.speech.block(language, "unavailable"), config))
    entry = config.entry(config.menus["welcome"].person)
    dial = Dial(timeout=entry.ring)
    dial.number(entry.e164)
    response.append(dial)
    document: str = response.to_xml()
    return document.encode()
