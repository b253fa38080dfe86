"""The walk through a call's documents, by Twilio's rules: https://www.twilio.com/docs/voice/twiml.

A `Walk` runs one leg of a call until it waits (for keys or words, or for a transfer to end) or is over. It
asks for documents through a function that it is given, and knows nothing of HTTP, signatures or phones.

Rules worth knowing: silence falls through a `<Gather>` unless actionOnEmptyResult is true; a lone
finishOnKey counts as silence; keys beyond numDigits are thrown away; with an action, nothing after a
`<Dial>` runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urljoin

from simulator.document import Element, TwimlError, parse
from simulator.grammar import VOICE_VERBS
from simulator.loopback import is_loopback
from simulator.numbers import normalised
from simulator.webhook import Answer, NoAnswer, path_of

MOST_JUMPS = 100
MOST_NUMBERS = 10
XML_TYPES = ("text/xml", "application/xml", "text/html")
DEFAULT_MOST_CHARACTERS = 4096
MOST_CHARACTERS = {"Polly": 3000, "Google": 5000}


class Fetch(Protocol):
    """Ask the line for a document or a recording, with the leg's own parameters added to `params`."""

    def __call__(self, method: str, url: str, params: Mapping[str, str]) -> Answer: ...


@dataclass(frozen=True)
class Spoken:
    """One thing heard on the leg: words of a `<Say>`, or `[audio URL]` of a `<Play>`."""

    text: str
    language: str | None = None
    voice: str | None = None


@dataclass(frozen=True)
class Far:
    """One number that a `<Dial>` rings: as dialled (E.164) and, when it whispers, where its document is."""

    number: str
    whisper: str | None = None
    method: str = "POST"


@dataclass
class Walk:
    """One leg. `ended` is None while it goes on, else end (of document), hangup, rejected, busy or error."""

    fetch: Fetch
    caller: str
    may_dial: bool = True
    url: str = ""
    verbs: list[Element] = field(default_factory=list)
    at: int = 0
    waiting: Element | None = None
    far: list[Far] = field(default_factory=list)
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

    def begin(self, url: str, method: str, params: Mapping[str, str]) -> None:
        """Answer the call: ask for the first document and run until it waits or is over."""
        self._guard(lambda: self._jump(method, url, params))

    def begin_with(self, document: bytes, base: str) -> None:
        """The same with a document that is at hand."""
        self._guard(lambda: self._take(base, document))

    def hear_keys(self, keys: str) -> None:
        """Keys 0-9, * and # in the order pressed, while it waits for keys."""
        gather = self._heard()
        collected, finished = _collected(gather, keys)
        if "dtmf" not in gather.get("input", "dtmf").split() or not collected:
            return self._guard(lambda: self._silence(gather))
        params = {"Digits": collected, "FinishedOnKey": finished, "msg": "Gather End"}
        return self._guard(lambda: self._answer(gather, params))

    def hear_words(self, words: str, confidence: float | None) -> None:
        """Words, while it waits for keys; silence where only keys are listened for."""
        gather = self._heard()
        if "speech" not in gather.get("input", "dtmf").split() or not words.strip():
            return self._guard(lambda: self._silence(gather))
        params = {"SpeechResult": words.strip(), "Language": gather.get("language", "en-US")}
        if confidence is not None:
            params["Confidence"] = str(confidence)
        return self._guard(lambda: self._answer(gather, params))

    def hear_nothing(self) -> None:
        """The timeout passes, while it waits for keys."""
        gather = self._heard()
        self._guard(lambda: self._silence(gather))

    def dialled(self, params: Mapping[str, str]) -> None:
        """A transfer ended; `params` are what the action is told of it."""
        dial = self._heard()
        self._guard(lambda: self._answer(dial, params) if "action" in dial.attributes else self._run())

    def hang_up(self) -> None:
        """The person on this leg hangs up."""
        self.waiting, self.ended = None, self.ended or "hangup"

    def fail(self, code: int, sentence: str) -> None:
        """Twilio's application error: nothing more is heard, the leg is over."""
        self.waiting, self.ended, self.error, self.code = None, "error", sentence, code

    def _heard(self) -> Element:
        if self.waiting is None:
            raise ValueError("this leg waits for nothing")
        waited, self.waiting, self.jumps = self.waiting, None, 0
        return waited

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (TwimlError, NoAnswer) as trouble:
            self.fail(trouble.code, str(trouble))

    def _silence(self, gather: Element) -> None:
        if gather.get("actionOnEmptyResult", "false") != "true":
            return self._run()
        keys = "dtmf" in gather.get("input", "dtmf").split()
        empty = {"Digits": "", "FinishedOnKey": "", "msg": "Gather Timeout"} if keys else {"SpeechResult": ""}
        return self._answer(gather, empty)

    def _answer(self, verb: Element, params: Mapping[str, str]) -> None:
        self._jump(verb.get("method", "POST"), urljoin(self.url, verb.get("action", "")), params)

    def _jump(self, method: str, url: str, params: Mapping[str, str]) -> None:
        self.jumps += 1
        if self.jumps > MOST_JUMPS:
            raise NoAnswer(11100, f"More than {MOST_JUMPS} documents in a row, and nobody was asked anything.")
        answer = self.fetch(method, url, params)
        if not 200 <= answer.status < 300:
            raise NoAnswer(
                11200,
                f"The line answered {answer.status} to {path_of(url)}, so the caller hears nothing and the call ends.",
            )
        if answer.media_type in XML_TYPES:
            return self._take(url, answer.body)
        return self._take_plain(url, answer)

    def _take(self, url: str, document: bytes) -> None:
        self.url, self.at = url, 0
        self.verbs = parse(document, VOICE_VERBS, url).children
        self._check_dials()
        self._run()

    def _take_plain(self, url: str, answer: Answer) -> None:
        self.url, self.at, self.verbs = url, 0, []
        if answer.media_type.startswith("audio/"):
            self.said.append(Spoken(f"[audio {url}]"))
        elif answer.media_type == "text/plain":
            self.said.append(Spoken(" ".join(answer.body.decode("utf-8", "replace").split())))
        else:
            raise NoAnswer(
                12300,
                f"The line answered {path_of(url)} with {answer.media_type or 'no content type'}, not TwiML.",
            )
        self._run()

    def _check_dials(self) -> None:
        for dial in (verb for verb in self.verbs if verb.name == "Dial"):
            if not self.may_dial:
                raise TwimlError(dial.line, "<Dial> may not stand in a whisper.", 13201)
            _numbers(dial)
            caller_id = dial.attributes.get("callerId", self.caller)
            if not caller_id.startswith("+") and caller_id != self.caller:
                raise TwimlError(dial.line, f'<Dial> callerId="{caller_id}" is not a number nor the caller\'s.', 13214)

    def _run(self) -> None:
        while self.ended is None and self.waiting is None:
            if self.at >= len(self.verbs):
                self.ended = "end"
                return
            verb = self.verbs[self.at]
            self.at += 1
            _RUN[verb.name](self, verb)

    def _say(self, say: Element) -> None:
        voice = say.get("voice", "man")
        most = MOST_CHARACTERS.get(voice.partition(".")[0], DEFAULT_MOST_CHARACTERS)
        if len(say.words) > most:
            raise TwimlError(say.line, f"<Say> has {len(say.words)} characters; {voice} takes {most}.", 13520)
        if say.words:
            self.said.append(Spoken(say.words, say.attributes.get("language"), say.attributes.get("voice")))

    def _play(self, play: Element) -> None:
        if not play.words:
            if "digits" not in play.attributes:
                raise TwimlError(play.line, "<Play> needs an address or digits.", 13420)
            return
        url = urljoin(self.url, play.words)
        if is_loopback(url):
            answer = self.fetch("GET", url, {})
            if answer.status != 200 or not answer.media_type.startswith("audio/"):
                what = f"{answer.status} {answer.media_type or 'without a content type'}"
                raise TwimlError(play.line, f"<Play> {url} answered {what}; it must be 200 and audio.", 12300)
        self.said.append(Spoken(f"[audio {url}]"))

    def _gather(self, gather: Element) -> None:
        for verb in gather.children:
            _RUN[verb.name](self, verb)
        self.waiting = gather

    def _dial(self, dial: Element) -> None:
        self.far = [
            Far(far.number, None if far.whisper is None else urljoin(self.url, far.whisper), far.method)
            for far in _numbers(dial)
        ]
        self.waiting = dial

    def _redirect(self, redirect: Element) -> None:
        url = urljoin(self.url, redirect.words)
        if not is_loopback(url):
            raise TwimlError(redirect.line, f"<Redirect> {redirect.words!r} is not on this machine.", 11100)
        self._jump(redirect.get("method", "POST"), url, {})

    def _reject(self, reject: Element) -> None:
        self.ended = "busy" if reject.get("reason", "rejected") == "busy" else "rejected"

    def _hangup(self, _: Element) -> None:
        self.ended = "hangup"

    def _pause(self, _: Element) -> None:
        """Time does not pass here."""


_RUN: dict[str, Callable[[Walk, Element], None]] = {
    "Say": Walk._say,
    "Play": Walk._play,
    "Pause": Walk._pause,
    "Gather": Walk._gather,
    "Dial": Walk._dial,
    "Redirect": Walk._redirect,
    "Hangup": Walk._hangup,
    "Reject": Walk._reject,
}


def _collected(gather: Element, keys: str) -> tuple[str, str]:
    """The keys that count, and the key that ended them ("" for numDigits or the timeout)."""
    finish = gather.get("finishOnKey", "#")
    most = int(gather.get("numDigits", "1000000"))
    collected = ""
    for key in keys:
        if finish and key == finish:
            return collected, key
        collected += key
        if len(collected) == most:
            break
    return collected, ""


def _numbers(dial: Element) -> list[Far]:
    """The numbers of a `<Dial>`: its `<Number>` children, or its own words."""
    written = dial.children or ([dial] if dial.words else [])
    if not written:
        raise TwimlError(dial.line, "<Dial> has nobody to call; it takes a number or up to 10 <Number>.", 13221)
    if len(written) > MOST_NUMBERS:
        raise TwimlError(dial.line, f"<Dial> has {len(written)} numbers; it takes at most {MOST_NUMBERS}.", 13222)
    if dial.children and "".join(part for part in dial.content if isinstance(part, str)).strip():
        raise TwimlError(dial.line, "<Dial> takes words or <Number>, not both.")
    return [_far(element) for element in written]


def _far(element: Element) -> Far:
    number = normalised(element.words)
    if number is None:
        raise TwimlError(
            element.line, f"<{element.name}> {element.words!r} is not a phone number; it takes E.164.", 13224
        )
    if element.name == "Dial":
        return Far(number)
    return Far(number, element.attributes.get("url"), element.get("method", "POST"))
