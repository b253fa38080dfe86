"""Turns as TwiML: the bytes that the carrier is answered with.

https://www.twilio.com/docs/voice/twiml/gather and .../dial
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
from ivr.line.callflow.speech import Speech, SpeechBlock
from ivr.line.callflow.states import EnterNumber, Goodbye, State, Transfer, Turn, carries_number
from ivr.line.content.config import Config
from ivr.line.nlu.spoken_input import SpokenInput
from ivr.line.twiml.ssml import say_or_play

# Stand where a document waits for what only a turn knows: the number shown to whom we ring, when the caller
# withholds hers, and the number that she keyed in, sealed.
OWN_NUMBER = b"OWN-NUMBER"
SEALED_NUMBER = b"SEALED-NUMBER"
_VERB = re.compile(rb"<(?:Gather|Dial) [^>]*>")
_OF_WORDS = re.compile(rb' (?:hints|language|profanityFilter|speechTimeout)="[^"]*"')
_ACTION = re.compile(rb'(action="[^"]*)"')
_URL, _SAID, _WHISPER = "THE-URL", "THE-WORDS", "THE-WHISPER"


@dataclass(frozen=True)
class BaseUrls:
    """The addresses under which a release's states are posted to, and recordings are served."""

    states: str
    audio: str


class TwimlDocuments:
    """Makes the documents of one release."""

    def __init__(self, config: Config, speech: Speech, hearing: SpokenInput, base: BaseUrls) -> None:
        self._config, self._speech, self._base = config, speech, base.states
        self._hints = {language: hearing.hints(language) for language in config.languages}
        # One verb around many words: the verb is made once, and the words are put into it.
        self._gather_of = lru_cache(None)(self._gather)
        self._dial_of = lru_cache(None)(self._dial)
        self._spoken_of = lru_cache(None)(lambda block: say_or_play(block, config, base.audio))

    def turn(self, turn: Turn, *, withheld: bool = False) -> bytes:
        """The document of a turn. withheld: the caller shows no number."""
        state = turn.state
        said = "".join(map(self._spoken_of, self._speech.blocks(turn)))
        url = f"{self._base}/{state.token}"
        if isinstance(state.place, Goodbye):
            return _filled(self._ending, said, url)
        if isinstance(state.place, Transfer):
            name = self._speech.rung(state.place)
            return _filled(self._dial_of(name, state.language, withheld), said, url)
        if carries_number(state.place):
            url += f"?held={SEALED_NUMBER.decode()}"
        return _filled(self._gather_of(*_how(state)), said, url)

    def ending(self, words: SpeechBlock) -> bytes:
        """Say something and end the call: for when nothing else works."""
        return _filled(self._ending, self._spoken_of(words), "")

    def whispers(self) -> dict[str, bytes]:
        """What whoever picks up hears first, by the token in its address; an empty document joins the two."""
        found = {"joined": _bytes(VoiceResponse())}
        for language in self._config.languages:
            said = self._spoken_of(self._speech.whisper(language, "whisper"))
            asked = self._spoken_of(self._speech.whisper(language, "whisper-accept"))
            found[f"whisper-say-{language}"] = _filled(_shell(VoiceResponse()), said, "")
            found[f"whisper-accept-{language}"] = _filled(self._accept, said + asked, f"{self._base}/joined")
        return found

    def _gather(self, language: str, what: str) -> str:
        """Any one key counts, # too; silence is posted like a key, so that it is answered and not lost."""
        attributes: dict[str, Any] = {"input": "dtmf", "num_digits": 1, "finish_on_key": ""}
        if what == "number":
            attributes = {"input": "dtmf", "finish_on_key": "#"}
        elif what == "words" and self._config.speech:
            attributes |= {
                "input": "dtmf speech",
                "language": self._config.languages[language].tag,
                "speech_timeout": "auto",
                # Frightened people name body parts as they can; starred out, a red flag would be lost.
                "profanity_filter": False,
                "hints": self._hints[language],
            }
        response = VoiceResponse()
        gather = Gather(
            action=_URL,
            method="POST",
            timeout=self._config.answer_seconds,
            action_on_empty_result=True,
            **attributes,
        )
        gather.append(_SAID)
        response.append(gather)
        return str(response)

    def _dial(self, name: str, language: str, withheld: bool) -> str:
        """Without a callerId the carrier shows the caller's own number to whom we ring."""
        entry = self._config.entry(name)
        response = VoiceResponse()
        response.append(_SAID)
        caller_id = OWN_NUMBER.decode() if withheld else None
        dial = Dial(action=_URL, method="POST", timeout=entry.ring, caller_id=caller_id)
        if entry.whisper == "none":
            dial.number(entry.e164)
        else:
            dial.number(entry.e164, url=f"{self._base}/whisper-{entry.whisper}-{language}", method="POST")
        response.append(dial)
        return str(response)

    @cached_property
    def _ending(self) -> str:
        response = VoiceResponse()
        response.append(_SAID)
        response.hangup()
        return str(response)

    @cached_property
    def _accept(self) -> str:
        """Whoever presses a key takes the call; a voicemail presses none."""
        response = VoiceResponse()
        gather = Gather(action=_URL, method="POST", input="dtmf", num_digits=1, finish_on_key="")
        gather.append(_SAID)
        response.append(gather)
        response.hangup()
        return str(response)


def _how(state: State) -> tuple[str, str]:
    """The language and the kind of answer that is waited for: number, words or keys."""
    if isinstance(state.place, EnterNumber):
        return state.language, "number"
    return state.language, "keys" if state.wrongs >= KEYS_ONLY else "words"


def _shell(response: VoiceResponse) -> str:
    response.append(_SAID)
    return str(response)


def _filled(shell: str, said: str, url: str) -> bytes:
    return shell.replace(_URL, escape(url)).replace(_SAID, said).encode()


def without_speech(document: bytes) -> bytes:
    """The same document asking for keys alone, here and wherever it leads."""
    return _VERB.sub(_without_words, document, count=1)


def _without_words(match: re.Match[bytes]) -> bytes:
    verb = _OF_WORDS.sub(b"", match[0]).replace(b'input="dtmf speech"', b'input="dtmf"')
    return _ACTION.sub(lambda action: action[1] + (b"&amp;" if b"?" in action[1] else b"?") + b'keys=1"', verb)


def text_document(replies: Iterable[str]) -> bytes:
    """The answer to a text: one message for each reply, or an empty response for silence."""
    response = MessagingResponse()
    for reply in replies:
        response.message(reply)
    return _bytes(response)


def _bytes(response: VoiceResponse | MessagingResponse) -> bytes:
    document: str = response.to_xml()
    return document.encode()
