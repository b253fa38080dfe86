"""Turns as TwiML: the bytes that the carrier is answered with.

https://www.twilio.com/docs/voice/twiml/gather and .../dial
"""

from __future__ import annotations

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from ivr.line.config import Config
from ivr.line.graph import Goodbye, Transfer, Turn
from ivr.line.markup import Block, say
from ivr.line.speech import Speech

# Stands where the caller's id goes when the caller withholds it; a turn puts the line's own number there.
OWN_NUMBER = b"OWN-NUMBER"


def voice_document(turn: Turn, speech: Speech, config: Config, url: str, *, withheld: bool = False) -> bytes:
    """The document of a turn. url: where what is heard next is posted. withheld: the caller has no number."""
    response = VoiceResponse()
    spoken = [say(block, config) for block in speech.blocks(turn)]
    place = turn.state.place
    if isinstance(place, Transfer | Goodbye):
        for words in spoken:
            response.append(words)
        if isinstance(place, Goodbye):
            response.hangup()
        else:
            response.append(_dial(speech.rung(place), config, url, withheld=withheld))
    else:
        response.append(_gather(config, url))
        for words in spoken:
            response.verbs[0].append(words)
    return _bytes(response)


def _gather(config: Config, url: str) -> Gather:
    """Any one key counts, # too; silence is posted like a key, so that it is answered and not lost."""
    return Gather(
        action=url,
        method="POST",
        input="dtmf",
        num_digits=1,
        finish_on_key="",
        timeout=config.answer_seconds,
        action_on_empty_result=True,
    )


def _dial(name: str, config: Config, url: str, *, withheld: bool) -> Dial:
    """Without a callerId the carrier shows the caller's own number to whom we ring."""
    entry = config.entry(name)
    caller_id = OWN_NUMBER.decode() if withheld else None
    dial = Dial(action=url, method="POST", timeout=entry.ring, caller_id=caller_id)
    dial.number(entry.e164)
    return dial


def goodbye_document(words: Block, config: Config) -> bytes:
    """Say something and end the call: for when nothing else works."""
    response = VoiceResponse()
    response.append(say(words, config))
    response.hangup()
    return _bytes(response)


def text_document(replies: list[str]) -> bytes:
    """The answer to a text: one message for each reply, or an empty response for silence."""
    response = MessagingResponse()
    for reply in replies:
        response.message(reply)
    return _bytes(response)


def _bytes(response: VoiceResponse | MessagingResponse) -> bytes:
    document: str = response.to_xml()
    return document.encode()
