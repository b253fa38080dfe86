"""Texts. Each is answered by itself: a number or free words give a topic; STOP, START and replies to
reminders are written down first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, abort

from ivr import clock, log
from ivr.ledger import LedgerAway
from ivr.line.compiled import Line
from ivr.line.gsm import fold
from ivr.line.twiml import text_document
from ivr.people import languages, persons, replies
from ivr.people.keywords import Answer, Keyword, carrier_keyword, reminder_answer
from ivr.people.phones import is_e164
from ivr.reminders.wording import visit_values
from ivr.web.carrier_door import carrier_door, form, twiml
from ivr.web.services import services

door = carrier_door("sms", __name__)
_PROMPTS = {"confirmed": "confirm", "change": "change"}


@dataclass(frozen=True)
class _Text:
    """A text that came in, and what was understood of it."""

    line: Line
    sender: str
    body: str
    language: str


Reply = list[str]


@door.post("/sms")
def text_comes_in() -> Response:
    line = services().shelf.live
    if line is None:
        abort(503)
    fields = form()
    sender, body = fields.get("From", ""), fields.get("Body", "")
    if not is_e164(sender) or sender == fields.get("To"):
        return twiml(_document([]))
    understood = line.matcher.ask(body)
    if not understood.scores:
        understood = line.matcher.ask(body, _language_of(line, sender))
    text = _Text(line, sender, body, understood.language)
    keyword = carrier_keyword(body, fields.get("OptOutType", ""))
    if keyword:
        return twiml(_document(_carrier_keyword(text, keyword)))
    outcome = reminder_answer(body) or understood.topic
    act = _ACTS.get(outcome)
    if act is not None:
        return twiml(_document(act(text)))
    if understood.also_stop:
        return twiml(_document([line.text(text.language, outcome), *_stop(text)]))
    return twiml(line.text_document(text.language, outcome))


def _language_of(line: Line, sender: str) -> str | None:
    """The language to answer a bare number in, which tells none by itself."""
    here = services()
    try:
        with here.ledger.read() as connection:
            spoken = languages.spoken_with(connection, here.vault, sender)
    except LedgerAway:
        return None
    return spoken if spoken in line.content.config.languages else None


def _document(reply: Reply) -> bytes:
    return text_document(reply)


def _carrier_keyword(text: _Text, keyword: Keyword) -> Reply:
    """Record what the carrier's word asks for; answer only when the carrier leaves that to the line."""
    reply = _ACTS[keyword](text) if keyword in _ACTS else [text.line.text(text.language, keyword)]
    return [] if services().settings.keywords_answered_by == "carrier" else reply


def _stop(text: _Text) -> Reply:
    return _consent(text, persons.opt_out, "stop")


def _start(text: _Text) -> Reply:
    return _consent(text, persons.opt_in, "start")


def _consent(text: _Text, record: Callable[..., bool], prompt: str) -> Reply:
    here = services()
    try:
        with here.ledger.write() as connection:
            record(connection, here.vault, text.sender, clock.now(), "text", text.body)
    except LedgerAway:
        log.get().error("consent_not_recorded", kind=prompt)
        return [text.line.text(text.language, "help")]
    return [text.line.text(text.language, prompt)]


def _switch_language(text: _Text) -> Reply:
    """The language that somebody asks for stays hers; what cannot be kept is not promised."""
    here = services()
    try:
        with here.ledger.write() as connection:
            languages.remember_language(connection, here.vault, text.sender, text.language, clock.now())
    except LedgerAway:
        log.get().error("language_not_kept")
        return [text.line.text(text.language, "menu")]
    return [text.line.text(text.language, "language")]


def _wrong_number(text: _Text) -> Reply:
    """Nothing is promised that is not written down."""
    here = services()
    try:
        with here.ledger.write() as connection:
            here.ledger.turnstile(connection)
            replies.not_hers(connection, here.vault, text.sender, clock.now())
    except LedgerAway:
        log.get().error("wrong_number_not_recorded")
        return [text.line.text(text.language, "help")]
    return [text.line.text(text.language, "wrong-number")]


def _confirmed(text: _Text) -> Reply:
    return _answer_visit(text, "confirmed")


def _change(text: _Text) -> Reply:
    return _answer_visit(text, "change")


def _answer_visit(text: _Text, answer: Answer) -> Reply:
    """Nothing is called confirmed that is not written down."""
    here = services()
    content = text.line.content
    try:
        with here.ledger.write() as connection:
            visit = replies.answer_next_visit(connection, here.vault, text.sender, clock.now(), answer)
    except LedgerAway:
        return [text.line.text(text.language, "change")]
    if visit is None:
        return [text.line.text(text.language, "no-visit")]
    language = visit.language or text.language
    values = visit_values(content, language, visit.starts_at, visit.timezone, visit.site)
    return [fold(content.texted(language, _PROMPTS[answer], **values))]


_ACTS: dict[str, Callable[[_Text], Reply]] = {
    "stop": _stop,
    "start": _start,
    "language": _switch_language,
    "wrong-number": _wrong_number,
    "confirmed": _confirmed,
    "change": _change,
}
