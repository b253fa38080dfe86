"""Texts. Each is answered by itself: a number or free words give a topic. What came in is remembered, so that the
same text again gets the same answer, and two machines do not answer each other for ever."""

from __future__ import annotations

from functools import lru_cache

from flask import Response, abort

from ivr import clock
from ivr.line.text.normalize import normalize
from ivr.line.twiml.documents import text_document as make_document
from ivr.line.twiml.release import CompiledLine
from ivr.people.inbound.incoming import AnsweredText
from ivr.people.inbound.loops import SILENCED, loop_verdict
from ivr.people.inbound.unanswered import UnansweredQuestion
from ivr.people.keywords import carrier_keyword, is_yes, parse_reminder_reply
from ivr.people.phones import is_e164
from ivr.reminders.asking import asks
from ivr.web.services import Services, services
from ivr.web.sms_replies import ACTIONS, ReceivedText, topic_reply, with_first_time_hint
from ivr.web.webhook import Webhook, signed_blueprint, twiml, webhook

blueprint = signed_blueprint("sms", __name__)
# Whatever else holds, these are answered.
_ALWAYS = frozenset({"urgent", "person-soon", "stop"})
# "I will be there" is an answer to a reminder, as C is.
_SAME_AS = {"confirm": "confirmed"}
# Most answers are the same few hundred; one that tells of a visit is pushed out by them soon.
text_document = lru_cache(1000)(make_document)
_NOTHING = text_document(())


@blueprint.post("/sms")
def text_comes_in() -> Response:
    return twiml(answer_text(services(), webhook()))


def answer_text(here: Services, asked: Webhook) -> bytes:
    """The document for a text that came in. Raises 503 without any release."""
    line = here.shelf.live
    if line is None:
        abort(503)
    text = _read(here, line, asked.fields)
    if text is None:
        return _NOTHING
    again = next((one for one in text.known.past if one.id == text.id), None)
    if again is not None:
        return text_document(again.replies)
    outcome = _outcome(text)
    replies = _answer(text, outcome)
    _remember(text, outcome, replies)
    return text_document(tuple(replies))


def _read(here: Services, line: CompiledLine, fields: dict[str, str]) -> ReceivedText | None:
    """The text that came in; None for one that nobody must answer: a short code's, or one of our own numbers'."""
    now = clock.now()
    sender, body = fields.get("From", ""), fields.get("Body", "")
    ours = {fields.get("To"), here.settings.twilio_from, *(entry.e164 for entry in line.content.config.directory)}
    if not is_e164(sender) or sender in ours:
        return None
    phone_hash = here.vault.hash(sender)
    known = here.known.of(phone_hash, now)
    sid = fields.get("MessageSid", "") or fields.get("SmsSid", "") or f"{now.isoformat()} {sender}"
    spoken = known.language if known.language in line.content.config.languages else None
    return ReceivedText(
        here=here,
        line=line,
        id=here.vault.hash(sid)[:32],
        sender=sender,
        phone_hash=phone_hash,
        body=body,
        keyword=carrier_keyword(body, fields.get("OptOutType", "")),
        has_media=fields.get("NumMedia", "0") not in ("", "0"),
        known=known,
        understood=line.matcher.ask(body, spoken),
        now=now,
    )


def _outcome(text: ReceivedText) -> str:
    """What a text asks for: the carrier's words first, then a reminder's answers, then everything else."""
    if text.keyword and not (text.keyword == "start" and is_yes(text.body) and not text.known.opted_out_at):
        return text.keyword
    if text.understood.topic in _ALWAYS:
        return text.understood.topic
    answer = parse_reminder_reply(text.body)
    if answer:
        return answer.answer
    if is_yes(text.body):
        return _yes(text)
    if text.has_media and text.understood.topic in ("menu", "none"):
        return "media"
    return _SAME_AS.get(text.understood.topic, text.understood.topic)


def _yes(text: ReceivedText) -> str:
    """A bare yes: to a reminder that asked, or to our texts, from somebody who ended them."""
    if text.known.opted_out_at:
        return "start"
    here = text.here
    asked = asks(here.ledger, here.vault, text.line.content, text.sender, text.now)
    return "confirmed" if asked else "menu"


def _answer(text: ReceivedText, outcome: str) -> list[str]:
    asked = text.here.vault.hash(normalize(text.body))[:32]
    said = loop_verdict(text.known.past, asked, outcome, text.now) if outcome not in _ALWAYS else "answer"
    text.asked = asked
    act = ACTIONS.get(outcome)
    # The line may fall silent, but what somebody wants written down is written.
    replies = act(text) if act else []
    if said == "silence":
        return []
    if said == "last":
        text.silenced = True
        return [text.line.text(text.language, SILENCED)]
    replies = replies if act else topic_reply(text, outcome)
    if text.keyword and text.here.settings.keywords_answered_by == "carrier" and outcome == text.keyword:
        # The carrier has answered already.
        return []
    return replies if outcome in _ALWAYS else with_first_time_hint(text, replies)


def _remember(text: ReceivedText, outcome: str, replies: list[str]) -> None:
    here = text.here
    kind = SILENCED if text.silenced else outcome
    here.texts.received(AnsweredText(text.id, text.phone_hash, text.now, text.asked, kind[:20], tuple(replies)))
    if outcome == "none" and text.body.strip():
        here.unanswered.add(UnansweredQuestion(text.now, "text", text.language, text.body))
