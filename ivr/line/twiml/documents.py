"""Turns as TwiML, in bytes that are ready to send.

https://www.twilio.com/docs/voice/twiml/gather and https://www.twilio.com/docs/voice/twiml/dial
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from xml.sax.saxutils import escape

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from ivr.line.callflow.graph import KEYS_ONLY
from ivr.line.callflow.speech import TEXT_OFFERS, Speech, SpeechBlock
from ivr.line.callflow.states import EnterNumber, Goodbye, State, Transfer, Turn, carries_number
from ivr.line.content.config import Config
from ivr.line.content.required_prompts import CAUTIONS
from ivr.line.nlu.spoken_input import SpokenInput
from ivr.line.twiml.ssml import say_or_play

OWN_NUMBER = b"OWN-NUMBER"
"""Replaced at each turn by the line's own number, the caller ID of a transfer if the caller withholds theirs."""
SEALED_NUMBER = b"SEALED-NUMBER"
"""Replaced at each turn by the encrypted number that the caller entered."""
_VERB = re.compile(rb"<(?:Gather|Dial) [^>]*>")
_SPEECH_ATTRIBUTES = re.compile(rb' (?:hints|language|profanityFilter|speechTimeout)="[^"]*"')
_ACTION = re.compile(rb'(action="[^"]*)"')
_URL, _SPOKEN = "THE-URL", "THE-WORDS"


@dataclass(frozen=True)
class BaseUrls:
    """The URL prefixes that a release's states are posted to and its recordings are served from."""

    states: str
    audio: str


class TwimlDocuments:
    """Renders the documents of one release. transfer_seconds: after which Twilio ends a transferred call."""

    def __init__(
        self,
        config: Config,
        speech: Speech,
        spoken_input: SpokenInput,
        base: BaseUrls,
        transfer_seconds: int | None = None,
    ) -> None:
        self._config, self._speech, self._base = config, speech, base.states
        self._transfer_seconds = transfer_seconds
        self._hints = {language: spoken_input.hints(language) for language in config.languages}
        # Thousands of documents share a few verbs: each is rendered once, and filled per document.
        self._gather_template = lru_cache(None)(self._gather)
        self._dial_template = lru_cache(None)(self._dial)
        self._spoken = lru_cache(None)(lambda block: say_or_play(block, config, base.audio))

    def turn(self, turn: Turn, *, withheld: bool = False) -> bytes:
        """The document of a turn. withheld: the caller withholds their number."""
        state = turn.state
        spoken = "".join(map(self._spoken, self._speech.blocks(turn)))
        url = f"{self._base}/{state.token}"
        if isinstance(state.node, Goodbye):
            return _fill(self._hangup, spoken, url)
        if isinstance(state.node, Transfer):
            entry = self._speech.dialed_entry(state.node)
            return _fill(self._dial_template(entry, state.language, withheld), spoken, url)
        if carries_number(state.node):
            url += f"?held={SEALED_NUMBER.decode()}"
        return _fill(self._gather_template(state.language, _input_kind(state)), spoken, url)

    def text_offers(self) -> list[tuple[bytes, bytes]]:
        """Each offer of a text as it is said in a document, and what replaces it if the caller cannot get texts."""
        blocks = self._speech.block
        return [
            (self._spoken(blocks(language, offer)).encode(), self._spoken(blocks(language, instead)).encode())
            for language in self._config.languages
            for offer, instead in TEXT_OFFERS.items()
        ]

    def cautions(self) -> dict[tuple[str, str], bytes]:
        """By language and prompt: what precedes an answer to words that may be a red flag."""
        return {
            (code, name): self._spoken(self._speech.block(code, name)).encode()
            for code in self._config.languages
            for name in CAUTIONS
        }

    def ending(self, block: SpeechBlock) -> bytes:
        """A document that says one block and hangs up: the last resort."""
        return _fill(self._hangup, self._spoken(block), "")

    def whispers(self) -> dict[str, bytes]:
        """What staff hear before they are connected, by URL token; `joined`, an empty document, connects them."""
        say_only = VoiceResponse()
        say_only.append(_SPOKEN)
        documents = {"joined": encode(VoiceResponse())}
        for language in self._config.languages:
            whisper = self._spoken(self._speech.whisper(language, "whisper"))
            question = self._spoken(self._speech.whisper(language, "whisper-accept"))
            documents[f"whisper-say-{language}"] = _fill(str(say_only), whisper, "")
            documents[f"whisper-accept-{language}"] = _fill(self._accept, whisper + question, f"{self._base}/joined")
        return documents

    def _gather(self, language: str, input_kind: str) -> str:
        """A <Gather> that accepts any key, # included, and posts silence too, so that the line can answer it."""
        attributes: dict[str, Any] = {"input": "dtmf", "num_digits": 1, "finish_on_key": ""}
        if input_kind == "number":
            attributes = {"input": "dtmf", "finish_on_key": "#"}
        elif input_kind == "speech" and self._config.speech:
            attributes |= {
                "input": "dtmf speech",
                "language": self._config.languages[language].tag,
                "speech_timeout": "auto",
                # Callers name body parts in plain words; with those starred out, a red flag would be missed.
                "profanity_filter": False,
                "hints": self._hints[language],
            }
        response = VoiceResponse()
        seconds = self._config.answer_seconds
        gather = Gather(action=_URL, method="POST", timeout=seconds, action_on_empty_result=True, **attributes)
        gather.append(_SPOKEN)
        response.append(gather)
        return str(response)

    def _dial(self, entry_id: str, language: str, withheld: bool) -> str:
        """A <Dial> to an entry. Without a callerId Twilio passes on the caller's number."""
        entry = self._config.entry(entry_id)
        response = VoiceResponse()
        response.append(_SPOKEN)
        caller_id = OWN_NUMBER.decode() if withheld else None
        limit = self._transfer_seconds
        dial = Dial(action=_URL, method="POST", timeout=entry.ring, time_limit=limit, caller_id=caller_id)
        if entry.whisper == "none":
            dial.number(entry.e164)
        else:
            dial.number(entry.e164, url=f"{self._base}/whisper-{entry.whisper}-{language}", method="POST")
        response.append(dial)
        return str(response)

    @cached_property
    def _hangup(self) -> str:
        response = VoiceResponse()
        response.append(_SPOKEN)
        response.hangup()
        return str(response)

    @cached_property
    def _accept(self) -> str:
        """A whisper that connects the call only on a key press, since voicemail presses none."""
        response = VoiceResponse()
        gather = Gather(action=_URL, method="POST", input="dtmf", num_digits=1, finish_on_key="")
        gather.append(_SPOKEN)
        response.append(gather)
        response.hangup()
        return str(response)


def _input_kind(state: State) -> str:
    if isinstance(state.node, EnterNumber):
        return "number"
    return "keys" if state.wrongs >= KEYS_ONLY else "speech"


def _fill(template: str, spoken: str, url: str) -> bytes:
    return template.replace(_URL, escape(url)).replace(_SPOKEN, spoken).encode()


def without_speech(document: bytes) -> bytes:
    """The same document with speech input off, here and, through `keys=1` in the action URL, on later turns."""
    return _VERB.sub(_remove_speech, document, count=1)


def _remove_speech(match: re.Match[bytes]) -> bytes:
    verb = _SPEECH_ATTRIBUTES.sub(b"", match[0]).replace(b'input="dtmf speech"', b'input="dtmf"')
    return _ACTION.sub(lambda action: action[1] + (b"&amp;" if b"?" in action[1] else b"?") + b'keys=1"', verb)


def text_document(replies: Iterable[str]) -> bytes:
    """The answer to a text message: one <Message> for each reply, or an empty response for silence."""
    response = MessagingResponse()
    for reply in replies:
        response.message(reply)
    return encode(response)


def encode(response: VoiceResponse | MessagingResponse) -> bytes:
    document: str = response.to_xml()
    return document.encode()


def _reject() -> bytes:
    response = VoiceResponse()
    response.reject(reason="busy")
    return encode(response)


BUSY = _reject()
"""Refuses a new call with a busy signal. Twilio does not charge for it: https://www.twilio.com/docs/voice/twiml/reject"""
