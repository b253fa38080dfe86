"""Calls. A turn touches neither the ledger nor the queue: the state is in the address, the words are rendered.

Only a turn that keeps something for the caller writes, for a second at most: see `ivr.web.call_tasks`.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import unquote

from flask import Response, abort

from ivr import clock, log
from ivr.line.callflow import hours
from ivr.line.callflow.graph import ANSWERED
from ivr.line.callflow.states import (
    HIDDEN,
    ActionResult,
    CallbackOffer,
    EnterNumber,
    Heard,
    Key,
    NumberEntered,
    ReadBack,
    Silence,
    SpokenWords,
    Task,
    Turn,
    carries_number,
)
from ivr.line.twiml.documents import without_speech
from ivr.line.twiml.release import NOBODY, Caller, CompiledLine
from ivr.people.inbound.unanswered import UnansweredQuestion
from ivr.people.phones import PhoneNumber, format_phone, is_e164, parse_phone
from ivr.web.call_tasks import ActiveCall
from ivr.web.services import Services, services
from ivr.web.webhook import Webhook, signed_blueprint, twiml, webhook

blueprint = signed_blueprint("voice", __name__)
_KEYPAD = frozenset("0123456789*#")
_DIALLED = frozenset({*ANSWERED, "busy", "no-answer", "failed", "canceled"})


@blueprint.post("/voice")
def call_comes_in() -> Response:
    return twiml(answer_call(services(), webhook()))


@blueprint.post("/voice/<release>/<state>")
def turn(release: str, state: str) -> Response:
    return twiml(answer_call(services(), webhook(), release, state))


def answer_call(here: Services, asked: Webhook, release: str = "", state: str = "") -> bytes:
    """The document for a new call, or for what was heard at a state of a release.

    An unknown release or state is the welcome again. Whatever happens, a caller hears the numbers and not the carrier's
    error; only without any release, this raises 503.
    """
    live = here.shelf.live
    if live is None:
        abort(503)
    try:
        line = here.shelf.get(release) if release else None
        if line is None:
            call = _Call(here, live, asked)
            return call.document(live.graph.start(), "start")
        whisper = line.whispers.get(state)
        return whisper if whisper is not None else _Call(here, line, asked).turn(state)
    except Exception:  # noqa: BLE001 - there is nothing that a caller may hang up on
        log.get_logger().exception("voice_turn_failed")
        return live.unavailable


@dataclass
class _Call:
    """One turn of a call: what the carrier told, and what is found out on the way."""

    here: Services
    line: CompiledLine
    asked: Webhook
    keyed: str | None = None
    also_stop: bool = False
    language: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        return self.asked.fields

    def turn(self, state: str) -> bytes:
        heard = self.hear(state)
        reached = self.line.step(state, heard, self.holds, self.language)
        return self.document(self.go_on(reached), _noted(heard))

    def hear(self, state: str) -> Heard:
        """What was heard at a state, from the fields that the carrier posts for it."""
        fields, at = self.fields, self.line.states.get(state)
        if at and carries_number(at.place):
            self.keyed = self._open(_held(self.asked.query))
        if "DialCallStatus" in fields:
            return self._outcome()
        digits = fields.get("Digits", "")
        if digits:
            return self._keyed_in(digits) if at and isinstance(at.place, EnterNumber) else Key(digits)
        words = fields.get("SpeechResult", "")
        if words and at and not isinstance(at.place, EnterNumber):
            meant = self.line.hearing.meant(words, at.language)
            self.also_stop, self.language = meant.also_stop, meant.language
            if meant.heard == SpokenWords("none"):
                self.here.unanswered.add(UnansweredQuestion(clock.now(), "call", at.language, words))
            return meant.heard
        return Silence()

    def _outcome(self) -> ActionResult:
        """Somebody who picked up and did not take the call has not answered it."""
        status = self.fields["DialCallStatus"]
        refused = status in ANSWERED and self.fields.get("DialBridged") == "false"
        return ActionResult("no-answer" if refused else status)

    def _keyed_in(self, digits: str) -> Heard:
        phone = parse_phone(digits)
        if isinstance(phone, PhoneNumber) and phone.e164 not in self._own_numbers():
            self.keyed = phone.e164
            return NumberEntered()
        return Key(digits)

    def go_on(self, turn: Turn) -> Turn:
        """The turn to answer with: a task is done first, and a number that got lost is asked for anew."""
        state = turn.state
        if self.also_stop:
            self.here.tasks.stop_later(self._on_line(state.language))
        if isinstance(state.place, Task):
            ended = self.here.tasks.perform(state.place, self._on_line(state.language))
            turn = self.line.graph.step(state, ActionResult(ended), self.holds)
        elif carries_number(state.place) and self.keyed is None:
            turn = Turn(state.at(EnterNumber(state.place.entry)))
        return turn

    def _on_line(self, language: str) -> ActiveCall:
        sid, own = self.fields.get("CallSid", ""), self.fields.get("From", "")
        countries = self.line.content.config.reminders.countries
        textable = is_e164(own) and isinstance(parse_phone(own, countries), PhoneNumber)
        return ActiveCall(sid, language, own, self.keyed, self.asked.token, textable)

    def document(self, turn: Turn, heard: str) -> bytes:
        """The document of a turn, once it is noted."""
        sid, token = self.fields.get("CallSid", ""), turn.state.token
        self.here.calls.note(sid, self.line.digest, token, heard, self.asked.token)
        waits = self.line.waits_for_caller(turn)
        document = self.line.document(turn, self._caller(turn) if waits else NOBODY)
        return without_speech(document) if self._uses_keys(turn) else document

    def _uses_keys(self, turn: Turn) -> bool:
        """Whether this caller is not listened to any more: her words were not understood twice in a row."""
        return turn.preface == "use-keys" or "keys=1" in self.asked.query

    def _caller(self, turn: Turn) -> Caller:
        shown = self.fields.get("From", "")
        if isinstance(turn.state.place, ReadBack):
            shown = self.keyed or ""
        sealed = self._seal(self.keyed) if self.keyed else ""
        own_number = self.fields.get("To") or self.here.settings.twilio_from or None
        return Caller(own_number if self.holds(HIDDEN) else None, format_phone(shown), sealed, self._opens(turn))

    def _opens(self, turn: Turn) -> str:
        place, config = turn.state.place, self.line.content.config
        if not isinstance(place, CallbackOffer):
            return ""
        return hours.describe_next_opening(config, config.entry(place.entry), clock.now(), turn.state.language)

    def _seal(self, number: str) -> str:
        """The number as it travels in an address: to us only, and for this call only."""
        sealed = self.here.vault.seal(f"{self.fields.get('CallSid', '')} {number}")
        return urlsafe_b64encode(sealed).decode()

    def _open(self, held: str) -> str | None:
        try:
            call, _, number = self.here.vault.open(urlsafe_b64decode(held)).rpartition(" ")
        except (KeyError, ValueError):
            return None
        return number if call == self.fields.get("CallSid", "") else None

    def holds(self, fact: str) -> bool:
        """Whether a fact that the graph asks for holds now: who answers, and whether the caller hides her number."""
        if fact == HIDDEN:
            return not is_e164(self.fields.get("From", ""))
        config = self.line.content.config
        entry = config.entry(fact)
        return entry.e164 not in self._own_numbers() and hours.is_open(config, entry, clock.now())

    def _own_numbers(self) -> set[str]:
        """Numbers that lead back here: the line's own, and the one that forwards to it."""
        told = (self.fields.get(name, "") for name in ("To", "Called", "ForwardedFrom"))
        return {self.here.settings.twilio_from, *told}


def _held(query: str) -> str:
    """The sealed number in an address."""
    parts = (part.partition("=") for part in query.split("&"))
    return next((unquote(value) for name, _, value in parts if name == "held"), "")


def _noted(heard: Heard) -> str:
    """What was heard, without anything personal: not the digits of a number, not the words."""
    match heard:
        case Key(key):
            return f"key:{key}" if key in _KEYPAD else "key:?"
        case SpokenWords(meant):
            return f"words:{meant}"
        case ActionResult(status):
            return f"dial:{status if status in _DIALLED else '?'}"
        case NumberEntered():
            return "number"
    return "silence"
