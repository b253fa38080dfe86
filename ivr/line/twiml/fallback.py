"""The document for when the line itself cannot answer: hosted elsewhere, named as the number's fallback URL."""

from __future__ import annotations

from twilio.twiml.voice_response import Dial, VoiceResponse

from ivr.line.twiml.release import CompiledLine
from ivr.line.twiml.ssml import build_say


def fallback_document(line: CompiledLine) -> bytes:
    """Says in every language that something went wrong, and the numbers; then rings who is behind key 0.

    Nothing in it leads back to the line, so it works from any place that serves a file.
    """
    config = line.content.config
    response = VoiceResponse()
    for language in config.languages:
        response.append(build_say(line.speech.words(language, "unavailable"), config))
    entry = config.entry(config.menus["welcome"].person)
    dial = Dial(timeout=entry.ring)
    dial.number(entry.e164)
    response.append(dial)
    document: str = response.to_xml()
    return document.encode()
