"""Answers calls. The state is in the URL and the TwiML is rendered beforehand, so only tasks need the database."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import parse_qs

from werkzeug.exceptions import ServiceUnavailable

from ivr import clock, log
from ivr.carrier.twilio.forms import CallTurn
from ivr.carrier.twilio.statuses import DIAL_STATUSES
from ivr.ledger.vault import UnknownKey
from ivr.line.callflow import hours
from ivr.line.callflow.states import (
    HIDDEN,
    UNREACHABLE,
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
    Transfer,
    Turn,
    carries_number,
)
from ivr.line.callflow.transfers import ANSWERED
from ivr.line.twiml.documents import BUSY, without_speech
from ivr.line.twiml.release import NO_VALUES, CompiledLine, TurnValues
from ivr.people.inbound.unanswered import UnansweredQuestion
from ivr.people.phones import PhoneNumber, format_phone, is_e164, is_reachable, parse_phone
from ivr.web.call_tasks import ActiveCall
from ivr.web.events import CALL_TASKS, CALLS, UNDERSTANDING, understanding
from ivr.web.services import Services
from ivr.web.webhooks.webhook import Webhook

_KEYPAD = frozenset("0123456789*#")


def answer_call(services: Services, webhook: Webhook, release: str = "", state: str = "") -> bytes:
    """Return the TwiML for a new call, or for the input at a state of a release; the welcome if either is unknown.

    After any failure the caller hears our phone numbers instead of Twilio's error message. Raises ServiceUnavailable
    if no release is loaded.
    """
    live = services.releases.live
    if live is None:
        raise ServiceUnavailable
    try:
        line = services.releases.get(release) if release else None
        if line is None:
            return _begin(_Call(services, live, webhook))
        whisper = line.whispers.get(state)
        return whisper if whisper is not None else _Call(services, line, webhook).turn(state)
    except Exception:  # noqa: BLE001 - no failure may end the call
        log.get_logger().exception("voice_turn_failed")
        return live.unavailable


def _begin(call: _Call) -> bytes:
    """Return the welcome, or refuse the call without an answer, which costs nothing, if there are too many."""
    services, form = call.services, call.form
    refusal = services.call_limit.admit(form.call_sid, call.number, clock.now().timestamp())
    if refusal:
        services.requests.note(CALLS, "refused", refusal)
        return BUSY
    services.requests.note(CALLS, "started", "")
    return call.document(call.line.graph.start(), "start")


@dataclass
class _Call:
    """One turn of a call. keyed: the number that the caller keyed in. language: the language that the caller spoke.

    caution: the prompt that precedes the answer, because the caller's words may be a red flag.
    """

    services: Services
    line: CompiledLine
    webhook: Webhook
    keyed: str | None = None
    also_stop: bool = False
    language: str | None = None
    caution: str | None = None

    def __post_init__(self) -> None:
        self.form = CallTurn.from_form(self.webhook.fields)

    @property
    def number(self) -> str:
        """The caller's number; empty if it is withheld."""
        return self.form.caller if is_e164(self.form.caller) else ""

    def turn(self, state: str) -> bytes:
        heard = self._input_at(state)
        turn = self._resolve(self.line.next_turn(state, heard, self.holds, self.language))
        self.services.call_limit.touch(self.form.call_sid, clock.now().timestamp())
        self._count(heard)
        return self.document(self._within_limits(turn), _log_entry(heard))

    def _within_limits(self, turn: Turn) -> Turn:
        """Return the turn, or the number to call and a call-back instead of one transfer too many."""
        node = turn.state.node
        if not isinstance(node, Transfer):
            return turn
        refusal = self.services.transfer_limit.admit(self.number, clock.now().timestamp())
        if not refusal:
            return turn
        self.services.requests.note(CALLS, "refused", refusal)
        return self.line.graph.transfers.no_one_free(turn.state, node, self.holds)

    def _count(self, heard: Heard) -> None:
        """Count what the metrics show. Called once a turn has been resolved, because until then it may start over."""
        if isinstance(heard, SpokenWords):
            self.services.requests.note(UNDERSTANDING, "call", understanding(self.line, heard.outcome))
        elif isinstance(heard, ActionResult):
            status = heard.status if heard.status in DIAL_STATUSES else "unknown"
            self.services.requests.note(CALLS, "transferred", status)

    def _input_at(self, token: str) -> Heard:
        form, state = self.form, self.line.states.get(token)
        if state and carries_number(state.node):
            self.keyed = self._unseal(parse_qs(self.webhook.query).get("held", [""])[0])
        if form.dial_status is not None:
            declined = form.dial_status in ANSWERED and not form.bridged
            return ActionResult("no-answer" if declined else form.dial_status)
        enters_number = state is not None and isinstance(state.node, EnterNumber)
        if form.digits:
            return self._number_or_key(form.digits) if enters_number else Key(form.digits)
        if form.speech and state and not enters_number:
            return self._understand(form.speech, state.language)
        return Silence()

    def _understand(self, speech: str, language: str) -> Heard:
        meaning = self.line.spoken_input.interpret(speech, language)
        self.also_stop, self.language, self.caution = meaning.also_stop, meaning.language, meaning.caution
        if meaning.heard == SpokenWords("none"):
            self.services.unanswered.add(UnansweredQuestion(clock.now(), "call", language, speech))
        return meaning.heard

    def _number_or_key(self, digits: str) -> Heard:
        phone = parse_phone(digits, self.line.content.config.reminders.countries)
        if isinstance(phone, PhoneNumber) and not self._is_own(phone.e164):
            self.keyed = phone.e164
            return NumberEntered()
        return Key(digits)

    def _resolve(self, turn: Turn) -> Turn:
        """Perform the task of a turn and return the turn that follows; ask again for a keyed number that was lost."""
        state = turn.state
        if self.also_stop:
            self.services.tasks.stop_later(self._active_call(state.language))
        if isinstance(state.node, Task):
            outcome = self.services.tasks.perform(state.node, self._active_call(state.language))
            self.services.requests.note(CALL_TASKS, state.node.kind, outcome)
            turn = self.line.graph.next_turn(state, ActionResult(outcome), self.holds)
        elif carries_number(state.node) and self.keyed is None:
            turn = Turn(state.enter(EnterNumber(state.node.entry)))
        return turn

    def _active_call(self, language: str) -> ActiveCall:
        token, reachable = self.webhook.request_token, not self.holds(UNREACHABLE)
        return ActiveCall(self.form.call_sid, language, self.form.caller, self.keyed, token, reachable)

    def document(self, turn: Turn, heard: str) -> bytes:
        """Log a turn and return its TwiML."""
        token = turn.state.token
        self.services.calls.note(self.form.call_sid, self.line.digest, token, heard, self.webhook.request_token)
        values = self._turn_values(turn) if self.line.needs_turn_values(turn) else NO_VALUES
        document = self.line.document(turn, values)
        if self.caution:
            document = self.line.with_caution(document, turn.state.language, self.caution)
        if self.line.offers_text(turn) and self.holds(UNREACHABLE):
            document = self.line.without_text_offer(document)
        # After two no-matches of speech in a row, the call continues with keys only.
        keys_only = turn.preface == "use-keys" or "keys=1" in self.webhook.query
        return without_speech(document) if keys_only else document

    def _turn_values(self, turn: Turn) -> TurnValues:
        shown = self.keyed or "" if isinstance(turn.state.node, ReadBack) else self.form.caller
        own_number = self.form.called or self.services.settings.twilio_from or None
        sealed = self._seal(self.keyed) if self.keyed else ""
        return TurnValues(own_number if self.holds(HIDDEN) else None, format_phone(shown), sealed, self._opening(turn))

    def _opening(self, turn: Turn) -> str:
        """Return when the destination of a call-back offer opens next, or an empty string."""
        offer, config = turn.state.node, self.line.content.config
        if not isinstance(offer, CallbackOffer):
            return ""
        return hours.describe_next_opening(config, config.entry(offer.entry), clock.now(), turn.state.language)

    def _seal(self, number: str) -> str:
        """Encrypt a number for the URL, so that only this call can decrypt it."""
        return urlsafe_b64encode(self.services.vault.seal(f"{self.form.call_sid} {number}")).decode()

    def _unseal(self, sealed: str) -> str | None:
        try:
            call, _, number = self.services.vault.open(urlsafe_b64decode(sealed)).rpartition(" ")
        except (UnknownKey, ValueError):
            return None
        return number if call == self.form.call_sid else None

    def holds(self, fact: str) -> bool:
        """Return whether a fact of the graph is true; a directory entry must be open, and not the line itself."""
        if fact == HIDDEN:
            return not self.number
        config = self.line.content.config
        if fact == UNREACHABLE:
            return not is_reachable(self.form.caller, config.reminders.countries)
        entry = config.entry(fact)
        return not self._is_own(entry.e164) and hours.is_open(config, entry, clock.now())

    def _is_own(self, number: str) -> bool:
        """Return whether a number leads back to the line."""
        return number == self.services.settings.twilio_from or number in self.form.own_numbers


def _log_entry(heard: Heard) -> str:
    """Describe the input for the call log, without personal data: no digits of a number, no transcript."""
    match heard:
        case Key(key):
            return f"key:{key}" if key in _KEYPAD else "key:?"
        case SpokenWords(outcome):
            return f"words:{outcome}"
        case ActionResult(status):
            return f"dial:{status if status in DIAL_STATUSES else '?'}"
        case NumberEntered():
            return "number"
    return "silence"
