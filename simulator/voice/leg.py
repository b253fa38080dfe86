"""Runs the TwiML of a call by Twilio's rules: https://www.twilio.com/docs/voice/twiml

A `Leg` runs until it waits for input or for a transfer to end, or is over. It gets its documents from a function,
and knows nothing about HTTP, signatures or phones.

Notable rules: silence falls through a `<Gather>` unless actionOnEmptyResult is true; a lone finishOnKey counts as
silence; keys beyond numDigits are dropped; with an action, nothing after a `<Dial>` runs; a `<Dial>` that cannot dial
has failed; after an error the fallback URL is requested, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urljoin

from simulator.loopback import may_request
from simulator.numbers import E164
from simulator.twiml.codes import ERRORS
from simulator.twiml.document import Element, TwimlError, parse, url_of
from simulator.twiml.grammar import VOICE_VERBS
from simulator.voice.dial import Destination, destinations_of
from simulator.webhook import Answer, NoAnswer, Webhook, path_of

MAX_JUMPS = 100
XML_TYPES = ("text/xml", "application/xml", "text/html")
DEFAULT_MAX_CHARACTERS = 4096
MAX_CHARACTERS = {"Polly": 3000, "Google": 5000}


class Fetch(Protocol):
    """Requests a document or a recording from the line, with the parameters of the leg added to `params`."""

    def __call__(self, method: str, url: str, params: Mapping[str, str]) -> Answer: ...


@dataclass(frozen=True)
class Spoken:
    """What one verb says: the text of a `<Say>`, or `[audio URL]` or `[keys 12#]` for a `<Play>`."""

    text: str
    language: str | None = None
    voice: str | None = None


@dataclass
class Leg:
    """One leg of a call. ended: None while it runs, then end (of the document), hangup, rejected, busy or error.

    url: what its links are relative to; requested: the same before HTTP redirects.
    """

    fetch: Fetch
    caller: str
    may_dial: bool = True
    fallback: Webhook | None = None
    strict: bool = False
    log_error: Callable[[int, str, str], None] = lambda _code, _url, _sentence: None
    log_warning: Callable[[int, str, str], None] = lambda _code, _url, _sentence: None
    url: str = ""
    requested: str = ""
    verbs: list[Element] = field(default_factory=list)
    next_verb: int = 0
    waiting: Element | None = None
    destinations: list[Destination] = field(default_factory=list)
    said: list[Spoken] = field(default_factory=list)
    ended: str | None = None
    error: str | None = None
    code: int | None = None
    jumps: int = 0

    @property
    def waits(self) -> str:
        """keys, transfer or over."""
        if self.ended or self.waiting is None:
            return "over"
        return "transfer" if self.waiting.name == "Dial" else "keys"

    @property
    def ringing(self) -> list[Destination]:
        """Whom a `<Dial>` calls now: everybody, or one after the other."""
        return self.destinations[:1] if self._dials_in_order else self.destinations

    def ring_next(self) -> bool:
        """Whether the `<Dial>` goes on with the next phone, because the first one was not answered."""
        if not self._dials_in_order or len(self.destinations) < 2:
            return False
        self.destinations = self.destinations[1:]
        return True

    @property
    def _dials_in_order(self) -> bool:
        return self.waiting is not None and self.waiting.get("sequential", "false") == "true"

    @property
    def is_recording(self) -> bool:
        """Whether it waits for the end of a `<Record>`."""
        return self.waiting is not None and self.waiting.name == "Record"

    def start(self, url: str, method: str, params: Mapping[str, str]) -> None:
        """Request the first document and run until the leg waits or is over."""
        self._guard(lambda: self._jump(method, url, params))

    def run(self, document: bytes, base: str) -> None:
        """Run a given document until the leg waits or is over."""
        self.waiting, self.jumps, self.requested = None, 0, base
        self._guard(lambda: self._load(base, document))

    def press_keys(self, keys: str) -> None:
        """Keys 0-9, * and #, in order. Requires that the leg waits for input."""
        gather = self._stop_waiting()
        digits, finish_key = _collect(gather, keys)
        if "dtmf" not in gather.get("input", "dtmf").split() or not digits:
            return self._guard(lambda: self._silence(gather))
        params = {"Digits": digits, "FinishedOnKey": finish_key, "msg": "Gather End"}
        return self._guard(lambda: self._answer(gather, params))

    def speak(self, text: str, confidence: float | None) -> None:
        """Speech; counts as silence if only keys are accepted."""
        gather = self._stop_waiting()
        if "speech" not in gather.get("input", "dtmf").split() or not text.strip():
            return self._guard(lambda: self._silence(gather))
        params = {"SpeechResult": text.strip(), "Language": gather.get("language", "en-US")}
        if confidence is not None:
            params["Confidence"] = str(confidence)
        return self._guard(lambda: self._answer(gather, params))

    def stay_silent(self) -> None:
        """The timeout of the input expires."""
        gather = self._stop_waiting()
        self._guard(lambda: self._silence(gather))

    def end_dial(self, params: Mapping[str, str]) -> None:
        """A transfer ended; `params` go to the action."""
        dial = self._stop_waiting()
        self._guard(lambda: self._answer(dial, params) if "action" in dial.attributes else self._run_verbs())

    def end_record(self, params: Mapping[str, str] | None) -> None:
        """A recording ended; `params` go to the action. None: nothing was recorded, so the document continues."""
        record = self._stop_waiting()
        self._guard(lambda: self._run_verbs() if params is None else self._answer(record, params))

    def redirect(self, url: str, method: str) -> None:
        """A REST request gives the leg another document, whatever it waits for."""
        self.waiting, self.jumps = None, 0
        self.start(url, method, {})

    def send_keys(self, keys: str) -> None:
        """The person hears the tones of keys that the line sends; w is half a second of silence."""
        self.said.append(Spoken(f"[keys {keys}]"))

    def hang_up(self) -> None:
        """The person on this leg hangs up."""
        self.waiting, self.ended = None, self.ended or "hangup"

    def fail(self, code: int, sentence: str) -> None:
        """Twilio's application error: the leg is over."""
        self.waiting, self.ended, self.error, self.code = None, "error", sentence, code

    def _stop_waiting(self) -> Element:
        if self.waiting is None:
            raise ValueError("this leg is not waiting")
        verb, self.waiting, self.jumps = self.waiting, None, 0
        return verb

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (TwimlError, NoAnswer) as error:
            if self.fallback is None:
                return self.fail(error.code, str(error))
            self.log_error(error.code, self.requested, str(error))
            self._fall_back(self.fallback, error.code)

    def _fall_back(self, fallback: Webhook, code: int) -> None:
        """https://www.twilio.com/docs/usage/troubleshooting/debugging-your-application"""
        self.waiting, self.jumps = None, 0
        try:
            self._jump(fallback.method, fallback.url, {"ErrorCode": str(code), "ErrorUrl": self.requested})
        except (TwimlError, NoAnswer) as error:
            self.fail(error.code, str(error))

    def _silence(self, gather: Element) -> None:
        if gather.get("actionOnEmptyResult", "false") != "true":
            return self._run_verbs()
        keys = "dtmf" in gather.get("input", "dtmf").split()
        empty = {"Digits": "", "FinishedOnKey": "", "msg": "Gather Timeout"} if keys else {"SpeechResult": ""}
        return self._answer(gather, empty)

    def _answer(self, verb: Element, params: Mapping[str, str]) -> None:
        self._jump(verb.get("method", "POST").upper(), urljoin(self.url, verb.get("action", "")), params)

    def _jump(self, method: str, url: str, params: Mapping[str, str]) -> None:
        self.jumps += 1
        if self.jumps > MAX_JUMPS:
            raise NoAnswer(11100, f"More than {MAX_JUMPS} documents in a row without any input.")
        self.requested = url
        answer = self.fetch(method, url, params)
        if not 200 <= answer.status < 300:
            raise NoAnswer(
                11200,
                f"The line answered {answer.status} to {path_of(url)}, so the call ends in silence.",
            )
        if answer.media_type in XML_TYPES:
            return self._load(answer.url or url, answer.body)
        return self._load_plain(answer.url or url, answer)

    def _load(self, url: str, document: bytes) -> None:
        self.url, self.next_verb = url, 0
        warnings: list[TwimlError] | None = None if self.strict else []
        self.verbs = parse(document, VOICE_VERBS, url, warnings).children
        for warning in warnings or ():
            self._warn(warning)
        if self.strict:
            for dial in (verb for verb in self.verbs if verb.name == "Dial"):
                self._destinations_of(dial)
        self._run_verbs()

    def _load_plain(self, url: str, answer: Answer) -> None:
        self.url, self.next_verb, self.verbs = url, 0, []
        if answer.media_type.startswith("audio/"):
            self.said.append(Spoken(f"[audio {url}]"))
        elif answer.media_type == "text/plain":
            self.said.append(Spoken(" ".join(answer.body.decode("utf-8", "replace").split())))
        else:
            raise NoAnswer(
                12300,
                f"The line answered {path_of(url)} with {answer.media_type or 'no content type'}, not TwiML.",
            )
        self._run_verbs()

    def _warn(self, fault: TwimlError) -> None:
        """Log a fault that does not end the call at Twilio. Raises it if strict."""
        if self.strict:
            raise fault
        log = self.log_error if fault.code in ERRORS else self.log_warning
        log(fault.code, self.requested, str(fault))

    def _destinations_of(self, dial: Element) -> list[Destination]:
        """Whom a `<Dial>` connects to. Raises TwimlError for a number, or a caller ID, that Twilio does not dial."""
        if not self.may_dial:
            raise TwimlError(dial.line, "<Dial> is not allowed in a whisper.", 13201)
        caller_id = dial.attributes.get("callerId", self.caller)
        if caller_id != self.caller and not re.fullmatch(E164, caller_id):
            raise TwimlError(
                dial.line, f'<Dial> callerId="{caller_id}" is neither a phone number nor the caller\'s.', 13214
            )
        return destinations_of(dial, self.url)

    def _run_verbs(self) -> None:
        while self.ended is None and self.waiting is None:
            if self.next_verb >= len(self.verbs):
                self.ended = "end"
                return
            verb = self.verbs[self.next_verb]
            self.next_verb += 1
            _VERBS[verb.name](self, verb)

    def _say(self, say: Element) -> None:
        voice = say.get("voice", "man")
        limit = MAX_CHARACTERS.get(voice.partition(".")[0], DEFAULT_MAX_CHARACTERS)
        if len(say.text) > limit:
            self._warn(TwimlError(say.line, f"<Say> has {len(say.text)} characters; {voice} takes {limit}.", 13521))
        elif not say.text:
            self._warn(TwimlError(say.line, "<Say> has no text.", 13520))
        else:
            spoken = Spoken(say.text, say.attributes.get("language"), say.attributes.get("voice"))
            self.said += [spoken] * times_of(say)

    def _play(self, play: Element) -> None:
        if not play.text:
            if "digits" not in play.attributes:
                raise TwimlError(play.line, "<Play> needs a URL or digits.", 11100)
            self.send_keys(play.attributes["digits"])
            return
        url = url_of(play, self.url, requested=False)
        if may_request(url):
            answer = self.fetch("GET", url, {})
            if answer.status != 200 or not answer.media_type.startswith("audio/"):
                response = f"{answer.status} {answer.media_type or 'without a content type'}"
                code = 11200 if answer.status != 200 else 12300
                raise TwimlError(play.line, f"<Play> {url} answered {response}; it must be 200 and audio.", code)
        self.said += [Spoken(f"[audio {url}]")] * times_of(play)

    def _gather(self, gather: Element) -> None:
        for verb in gather.children:
            _VERBS[verb.name](self, verb)
        self.waiting = gather

    def _dial(self, dial: Element) -> None:
        try:
            self.destinations = self._destinations_of(dial)
        except TwimlError as fault:
            if not self.may_dial:
                raise
            self._warn(fault)
            if "action" in dial.attributes:
                self._answer(dial, {"DialBridged": "false", "DialCallStatus": "failed"})
        else:
            self.waiting = dial

    def _record(self, record: Element) -> None:
        self.waiting = record

    def _redirect(self, redirect: Element) -> None:
        self._jump(redirect.get("method", "POST").upper(), url_of(redirect, self.url), {})

    def _reject(self, reject: Element) -> None:
        self.ended = "busy" if reject.get("reason", "rejected") == "busy" else "rejected"

    def _hangup(self, _: Element) -> None:
        self.ended = "hangup"

    def _pause(self, _: Element) -> None:
        """Pauses are skipped."""


_VERBS: dict[str, Callable[[Leg, Element], None]] = {
    "Say": Leg._say,
    "Play": Leg._play,
    "Pause": Leg._pause,
    "Gather": Leg._gather,
    "Dial": Leg._dial,
    "Record": Leg._record,
    "Redirect": Leg._redirect,
    "Hangup": Leg._hangup,
    "Reject": Leg._reject,
}


def times_of(prompt: Element) -> int:
    """How often a `<Say>` or `<Play>` is heard. One that repeats until the caller acts is heard once."""
    return max(1, int(prompt.get("loop", "1")))


def _collect(gather: Element, keys: str) -> tuple[str, str]:
    """The digits of a `<Gather>`, and the key that ended it ("" for numDigits or the timeout)."""
    finish = gather.get("finishOnKey", "#")
    limit = int(gather.get("numDigits", "1000000"))
    collected = ""
    for key in keys:
        if finish and key == finish:
            return collected, key
        collected += key
        if len(collected) == limit:
            break
    return collected, ""
