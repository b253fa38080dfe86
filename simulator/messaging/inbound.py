"""Incoming text messages: the answers of the carrier and of the line.

Twilio handles opt-out keywords itself: https://help.twilio.com/articles/223134027. It blocks or unblocks the sender,
answers, and still posts the text to the line. A blocked sender gets no second confirmation, no answer to HELP, and
none of the line's replies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from mimetypes import guess_type
from urllib.parse import urljoin, urlsplit

from simulator.account import Account, Media, Text
from simulator.messaging.picture import CONTENT_TYPE
from simulator.messaging.receipts import deliver
from simulator.numbers import normalize, places
from simulator.resource import API_VERSION, new_sid, segments
from simulator.scheduler import Scheduler
from simulator.twiml.document import Element, TwimlError, parse, url_of
from simulator.twiml.grammar import TEXT_VERBS
from simulator.voice.leg import XML_TYPES
from simulator.webhook import Answer, NoAnswer, Webhook, path_of, send

MAX_CHARACTERS = 1600
# https://www.twilio.com/docs/api/errors/14106
MAX_DOCUMENTS = 50


@dataclass(frozen=True)
class Keyword:
    """The carrier's reaction to a keyword: block (True), unblock (False) or neither (None), and the answer."""

    blocks: bool | None
    answer: str


STOP = Keyword(
    True,
    "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe.",
)
START = Keyword(
    False,
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
)
HELP = Keyword(None, "Reply STOP to unsubscribe. Msg&Data Rates May Apply.")
KEYWORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"), STOP),
    **dict.fromkeys(("START", "YES", "UNSTOP"), START),
    **dict.fromkeys(("HELP", "INFO"), HELP),
}


@dataclass(frozen=True)
class Reply:
    """One `<Message>` of the line."""

    to: str
    body: str
    media: tuple[str, ...] = ()
    callback: str | None = None
    sender: str = ""
    sid: str = field(default_factory=lambda: new_sid("SM"))


@dataclass(frozen=True)
class _Step:
    """The next request of a conversation. params: those that it has besides the parameters of the text."""

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The result of a text: the replies that reached the sender, in order, and the line's error."""

    sid: str
    replies: list[str]
    error: str | None = None


def receive(account: Account, scheduler: Scheduler, sender: str, body: str, media: int = 0, to: str = "") -> Outcome:
    """Deliver one text to the line and return its answer. Takes at most 15 s per request.

    sender, to: in E.164. to: a number of the account, if not the line's own. media: how many pictures it has.
    """
    now = account.settings.now()
    text = account.add_text(
        Text(
            sid=new_sid("MM" if media else "SM"),
            to=to or account.settings.sender,
            sender=sender,
            body=body,
            direction="inbound",
            status="received",
            created=now,
            updated=now,
            sent=now,
            segments=segments(body),
            media=media,
            service=account.settings.messaging_service,
            attachments=[Media(CONTENT_TYPE, now) for _ in range(media)],
        )
    )
    keyword = KEYWORDS.get(body.strip().upper())
    with account.lock:
        was_blocked = sender in account.blocked
        if keyword is not None and keyword.blocks is not None:
            (account.blocked.add if keyword.blocks else account.blocked.discard)(sender)
        blocked = sender in account.blocked
    replies = [] if keyword is None else _carrier_replies(account, scheduler, sender, keyword, was_blocked)
    # If the line answers keywords, its one confirmation of a STOP must still get through.
    confirms_stop = blocked and not was_blocked and account.settings.keywords_answered_by == "line"
    line_replies, error = _answers(account, text)
    if error is not None:
        return Outcome(text.sid, replies, error)
    for reply in line_replies:
        if reply.to in account.blocked and not confirms_stop:
            continue
        _send_reply(account, scheduler, reply)
        if reply.to == sender:
            replies.append(reply.body)
    return Outcome(text.sid, replies)


def _carrier_replies(
    account: Account, scheduler: Scheduler, sender: str, keyword: Keyword, was_blocked: bool
) -> list[str]:
    silent = was_blocked and keyword is not START
    if silent or account.settings.keywords_answered_by == "line":
        return []
    _send_reply(account, scheduler, Reply(sender, keyword.answer))
    return [keyword.answer]


def _send_reply(account: Account, scheduler: Scheduler, reply: Reply) -> None:
    now = account.settings.now()
    text = account.add_text(
        Text(
            sid=reply.sid,
            to=reply.to,
            sender=reply.sender or account.settings.sender,
            body=reply.body,
            direction="outbound-reply",
            status="queued",
            created=now,
            updated=now,
            segments=segments(reply.body),
            media=len(reply.media),
            callback=reply.callback,
            attachments=[
                Media(guess_type(urlsplit(url).path)[0] or "application/octet-stream", now, url) for url in reply.media
            ],
        )
    )
    deliver(account, scheduler, text)


def _params(account: Account, text: Text) -> dict[str, str]:
    """https://www.twilio.com/docs/messaging/guides/webhook-request"""
    params = {
        "AccountSid": account.settings.account_sid,
        "ApiVersion": API_VERSION,
        "Body": text.body,
        "From": text.sender,
        "MessageSid": text.sid,
        "NumMedia": str(text.media),
        "NumSegments": str(text.segments),
        "SmsMessageSid": text.sid,
        "SmsSid": text.sid,
        "SmsStatus": "received",
        "To": text.to,
        **places(text.sender, "From"),
        **places(text.to, "To"),
    }
    if text.service:
        params["MessagingServiceSid"] = text.service
    for number, media in enumerate(text.attachments):
        params[f"MediaContentType{number}"] = media.content_type
        params[f"MediaUrl{number}"] = f"{account.address}/Messages/{text.sid}/Media/{media.sid}"
    return params


def _answers(account: Account, text: Text) -> tuple[list[Reply], str | None]:
    """The line's replies, from its fallback address if the first fails; and the error if that fails too."""
    number = account.number(text.to)
    webhook, fallback = account.text_webhook(number), number.webhook("sms_fallback_url")
    if webhook is None:
        return [], None
    params = _params(account, text)
    try:
        return _line_replies(account, text, webhook, params), None
    except (NoAnswer, TwimlError) as error:
        account.log_error(error.code, webhook.url, str(error))
        if fallback is None:
            return [], str(error)
        params |= {"ErrorCode": str(error.code), "ErrorUrl": webhook.url}
    try:
        return _line_replies(account, text, fallback, params), None
    except (NoAnswer, TwimlError) as error:
        account.log_error(error.code, fallback.url, str(error))
        return [], str(error)


def _line_replies(account: Account, text: Text, webhook: Webhook, params: dict[str, str]) -> list[Reply]:
    step = _Step(webhook.method, webhook.url)
    replies: list[Reply] = []
    for _ in range(MAX_DOCUMENTS):
        answer = send(account.origin, step.method, step.url, {**params, **step.params}, account.cookies.of(params))
        response = _parse_answer(account, answer, answer.url)
        if isinstance(response, str):
            return [*replies, *([Reply(text.sender, response, sender=text.to)] if response else [])]
        found, following = _run(account, text, response, answer.url)
        replies += found
        if following is None:
            return replies
        step = following
    _warn(account, webhook.url, NoAnswer(14106, f"More than {MAX_DOCUMENTS} documents in a row."))
    return replies


def _run(account: Account, text: Text, response: Element, url: str) -> tuple[list[Reply], _Step | None]:
    """The replies of a document, and the request that its `<Redirect>` or the action of a `<Message>` leads to."""
    replies: list[Reply] = []
    for verb in response.children:
        method = verb.get("method", "POST").upper()
        if verb.name == "Redirect":
            return replies, _Step(method, url_of(verb, url))
        try:
            reply = _reply(account, text, verb, url)
        except TwimlError as fault:
            _warn(account, url, fault)
            continue
        replies.append(reply)
        if "action" in verb.attributes:
            queued = {"MessageSid": reply.sid, "SmsSid": reply.sid, "MessageStatus": "queued", "SmsStatus": "queued"}
            return replies, _Step(method, urljoin(url, verb.attributes["action"]), queued)
    return replies, None


def _warn(account: Account, url: str, fault: TwimlError | NoAnswer) -> None:
    """Log a fault for which Twilio leaves out one reply. Raises it if strict."""
    if account.settings.strict:
        raise fault
    account.log_warning(fault.code, url, str(fault))


def _parse_answer(account: Account, answer: Answer, url: str) -> Element | str:
    """The `<Response>` of TwiML, or plain text; "" for an empty body."""
    if not 200 <= answer.status < 300:
        raise NoAnswer(11200, f"The line answered {answer.status} to {path_of(url)}.")
    if not answer.body.strip():
        return ""
    if answer.media_type == "text/plain":
        return answer.body.decode("utf-8", "replace").strip()
    if answer.media_type not in XML_TYPES:
        raise NoAnswer(12300, f"The line answered with {answer.media_type or 'no content type'}, not TwiML.")
    warnings: list[TwimlError] | None = None if account.settings.strict else []
    response = parse(answer.body, TEXT_VERBS, url, warnings)
    for warning in warnings or ():
        account.log_warning(warning.code, url, str(warning))
    return response


def _reply(account: Account, text: Text, message: Element, url: str) -> Reply:
    bodies = [part.raw_text for part in message.children if part.name == "Body"]
    media = tuple(url_of(part, url, requested=False) for part in message.children if part.name == "Media")
    body = "\n".join(bodies) if bodies else message.raw_text
    to = normalize(message.get("to", text.sender))
    if to is None:
        raise TwimlError(message.line, f'<Message> to="{message.get("to", "")}" is not a phone number.', 14101)
    sender = message.get("from", text.to)
    if sender not in account.numbers:
        raise TwimlError(message.line, "<Message> from is not a number of this account.", 14102)
    if not body and not media:
        raise TwimlError(message.line, "<Message> is empty; it takes text, <Body> or <Media>.", 14103)
    if len(body) > MAX_CHARACTERS:
        raise TwimlError(message.line, f"<Message> has {len(body)} characters; it takes {MAX_CHARACTERS}.", 14103)
    callback = message.attributes.get("statusCallback")
    sid = new_sid("MM" if media else "SM")
    return Reply(to, body, media, None if callback is None else urljoin(url, callback), sender, sid)
