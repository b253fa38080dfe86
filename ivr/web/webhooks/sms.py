"""Answers an incoming text. Earlier texts matter only for redelivery (same answer again) and for loop protection.

`answer_text` uses the database, or the spool while it is down; `answer_text_without_database` never waits for it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from werkzeug.exceptions import ServiceUnavailable

from ivr import clock
from ivr.carrier.twilio.forms import IncomingText
from ivr.ledger import LedgerUnavailable
from ivr.line.nlu.matcher import AMBIGUOUS
from ivr.line.twiml.documents import text_document as render_document
from ivr.line.twiml.release import CompiledLine
from ivr.people.inbound.incoming import AnsweredText
from ivr.people.inbound.loops import NO_MATCH, SILENCED, URGENT, LoopVerdict, loop_verdict, repeats_urgent
from ivr.people.inbound.outcome import ALWAYS_ANSWERED, decide_outcome, parse_text
from ivr.people.inbound.unanswered import UnansweredQuestion
from ivr.people.phones import is_e164, is_reachable
from ivr.people.replies import last_reminder_step
from ivr.web.events import INCOMING_TEXTS, UNDERSTANDING, understanding
from ivr.web.services import Services
from ivr.web.webhooks.sms_replies import ReceivedText, reply_to
from ivr.web.webhooks.webhook import Webhook

# A few hundred answers cover most texts; answers that name an appointment are soon evicted.
text_document = lru_cache(1000)(render_document)
_NO_REPLY = text_document(())
# How a text is counted, by the verdict of the loop protection and whether it got a reply.
_REPLIES = {
    ("answer", True): "answered",
    ("answer", False): "no_reply_needed",
    ("last", True): "last_answer",
    ("last", False): "last_answer",
    ("silence", True): "answered",
    ("silence", False): "silenced",
}


def answer_text(services: Services, webhook: Webhook) -> bytes:
    """Return the TwiML for a text that came in. Raises ServiceUnavailable without any release."""
    return _answer(services, webhook, waits=True)


def answer_text_without_database(services: Services, webhook: Webhook) -> bytes:
    """Do the same from memory, and spool what the text asks for. Raises ServiceUnavailable without any release."""
    return _answer(services, webhook, waits=False)


def _answer(services: Services, webhook: Webhook, *, waits: bool) -> bytes:
    line = services.releases.live
    if line is None:
        raise ServiceUnavailable
    text = _receive(services, line, IncomingText.from_form(webhook.fields), waits=waits)
    if text is None:
        services.requests.note(INCOMING_TEXTS, "not_answerable")
        return _NO_REPLY
    redelivered = next((earlier for earlier in text.profile.recent if earlier.id == text.id), None)
    if redelivered:
        services.requests.note(INCOMING_TEXTS, "repeated")
        return text_document(redelivered.replies)
    opted_out = text.profile.opted_out_at is not None
    reminder_asks = text.parsed.depends_on_reminder and not opted_out and _last_reminder_asks(text)
    if reminder_asks and text.parsed.while_asked:
        text = replace(text, parsed=text.parsed.while_asked)
    outcome = decide_outcome(text.parsed, opted_out=opted_out, reminder_asks=reminder_asks)
    if not opted_out and repeats_urgent(text.profile.recent, outcome, text.now):
        outcome = URGENT
    verdict = loop_verdict(text.profile.recent, text.body_hash, outcome, text.now, services.loop_limits)
    # What a text asks for is recorded, but a reply to a foreign or premium-rate number would cost too much.
    is_costly = not is_reachable(text.sender, line.content.config.reminders.countries)
    is_limited = verdict == "answer" and outcome not in ALWAYS_ANSWERED and not is_costly
    is_capped = is_limited and not services.answers.admit(text.now)
    if is_capped:
        verdict = "silence"
    replies = tuple(reply_to(text, outcome, verdict))
    if is_costly:
        replies = ()
    if replies and not is_limited:
        # Sent in any case, but forged numbers can ask for these too: they count, and raise the alarm.
        services.answers.admit(text.now)
    counted = "not_allowed" if is_costly else "capped" if is_capped else _REPLIES[verdict, bool(replies)]
    services.requests.note(INCOMING_TEXTS, counted)
    _note_understanding(text, outcome)
    _remember(text, outcome, verdict, replies)
    return text_document(replies)


def _receive(services: Services, line: CompiledLine, incoming: IncomingText, *, waits: bool) -> ReceivedText | None:
    """Parse a text. None if it comes from a short code or one of our own numbers, which get no answer."""
    now, sender, config = clock.now(), incoming.sender, line.content.config
    is_ours = sender in config.own_numbers or sender in (incoming.to, services.settings.twilio_from)
    if not is_e164(sender) or is_ours:
        return None
    phone_hash = services.vault.hash(sender)
    text_id = services.vault.hash(incoming.message_sid or f"{now.isoformat()} {sender}")[:32]
    read = services.profiles.profile if waits else services.profiles.without_database
    profile = read(phone_hash, now, text_id)
    language = profile.language if profile.language in config.languages else None
    parsed = parse_text(line.matcher, incoming.body, incoming.opt_out_type, incoming.has_media, language)
    return ReceivedText(
        services=services,
        line=line,
        id=text_id,
        sender=sender,
        phone_hash=phone_hash,
        body_hash=services.vault.hash(parsed.normalized)[:32],
        parsed=parsed,
        profile=profile,
        now=now,
        waits=waits,
    )


def _last_reminder_asks(text: ReceivedText) -> bool:
    """Return whether the last reminder within 72 hours asked for a confirmation. False without the database."""
    if not text.profile.is_known:
        return False
    try:
        with text.services.ledger.read() as connection:
            last = last_reminder_step(connection, text.services.vault, text.sender, text.now)
    except LedgerUnavailable:
        return False
    return any(step.id == last and step.asks for step in text.line.content.config.reminders.plan)


def _note_understanding(text: ReceivedText, outcome: str) -> None:
    """Count what a text was taken for. If the line may have no answer, the text was not understood."""
    understood = NO_MATCH if outcome == AMBIGUOUS and text.parsed.match.or_none else outcome
    if text.parsed.keyword is None:
        text.services.requests.note(UNDERSTANDING, "text", understanding(text.line, understood))
    if understood == NO_MATCH and text.parsed.body.strip():
        text.services.unanswered.add(UnansweredQuestion(text.now, "text", text.language, text.parsed.body))


def _remember(text: ReceivedText, outcome: str, verdict: LoopVerdict, replies: tuple[str, ...]) -> None:
    logged = (SILENCED if verdict == "last" else outcome)[:20]
    text.services.texts.remember(AnsweredText(text.id, text.phone_hash, text.now, text.body_hash, logged, replies))
