"""A person's text on its way to the line, and what comes back: from the carrier itself, and from the line.

Words that Twilio acts on by itself: https://help.twilio.com/articles/223134027. It blocks or unblocks the
sender, answers, and still posts the text to the line. A blocked sender gets no second answer and no help,
and nothing that the line says.
"""

from dataclasses import dataclass
from urllib.parse import urljoin

from simulator.account import Account, Text
from simulator.document import Element, TwimlError, parse
from simulator.grammar import TEXT_VERBS
from simulator.loopback import is_loopback
from simulator.numbers import normalised, places
from simulator.receipts import Postman, send_on_its_way
from simulator.resource import API_VERSION, new_sid, segments
from simulator.twiml import MOST_JUMPS, XML_TYPES
from simulator.webhook import Answer, NoAnswer, path_of, send

MOST_CHARACTERS = 1600


@dataclass(frozen=True)
class Keyword:
    """What the carrier does for a word: block (True), unblock (False) or neither, and what it answers."""

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
    """One `<Message>` of the line's answer."""

    to: str
    body: str
    media: int = 0
    callback: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a text led to: the replies that reached the sender, in order, and what went wrong with the
    line.
    """

    sid: str
    replies: list[str]
    error: str | None = None


def receive(account: Account, postman: Postman, sender: str, body: str, media: int = 0) -> Outcome:
    """Carry one text to the line. `sender` is E.164; returns after the line has answered, 15 s at most a
    request.
    """
    now = account.settings.now()
    text = account.keep(
        Text(
            sid=new_sid("MM" if media else "SM"),
            to=account.settings.sender,
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
        )
    )
    keyword = KEYWORDS.get(body.strip().upper())
    with account.lock:
        was_blocked = sender in account.blocked
        if keyword is not None and keyword.blocks is not None:
            (account.blocked.add if keyword.blocks else account.blocked.discard)(sender)
        blocked = sender in account.blocked
    replies = [] if keyword is None else _carrier_answers(account, postman, sender, keyword, was_blocked)
    # With the line answering, its one confirmation of a STOP must still get through.
    last_word = blocked and not was_blocked and account.settings.keywords_answered_by == "line"
    try:
        answers = _line_answers(account, text)
    except (NoAnswer, TwimlError) as trouble:
        account.trouble(trouble.code, account.settings.sms_url(), str(trouble))
        return Outcome(text.sid, replies, str(trouble))
    for reply in answers:
        if reply.to in account.blocked and not last_word:
            continue
        _deliver(account, postman, reply)
        if reply.to == sender:
            replies.append(reply.body)
    return Outcome(text.sid, replies)


def _carrier_answers(account: Account, postman: Postman, sender: str, keyword: Keyword, was_blocked: bool) -> list[str]:
    silent = was_blocked and keyword is not START
    if silent or account.settings.keywords_answered_by == "line":
        return []
    _deliver(account, postman, Reply(sender, keyword.answer))
    return [keyword.answer]


def _deliver(account: Account, postman: Postman, reply: Reply) -> None:
    now = account.settings.now()
    text = account.keep(
        Text(
            sid=new_sid("MM" if reply.media else "SM"),
            to=reply.to,
            sender=account.settings.sender,
            body=reply.body,
            direction="outbound-reply",
            status="queued",
            created=now,
            updated=now,
            segments=segments(reply.body),
            media=reply.media,
            callback=reply.callback,
        )
    )
    send_on_its_way(account, postman, text)


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
    for number in range(text.media):
        params[f"MediaContentType{number}"] = "image/jpeg"
        params[f"MediaUrl{number}"] = (
            f"https://api.twilio.com/{API_VERSION}/Accounts/{account.settings.account_sid}"
            f"/Messages/{text.sid}/Media/{new_sid('ME')}"
        )
    return params


def _line_answers(account: Account, text: Text) -> list[Reply]:
    params = _params(account, text)
    method, url = "POST", account.settings.sms_url()
    replies: list[Reply] = []
    for _ in range(MOST_JUMPS):
        answer = send(account.settings.auth_token, method, url, params)
        response = _read(answer, url)
        if isinstance(response, str):
            return [*replies, *([Reply(text.sender, response)] if response else [])]
        redirect = next((verb for verb in response.children if verb.name == "Redirect"), None)
        replies += _replies(account, text, response, redirect, url)
        if redirect is None:
            return replies
        method, url = redirect.get("method", "POST"), urljoin(url, redirect.words)
        if not is_loopback(url):
            raise TwimlError(redirect.line, f"<Redirect> {redirect.words!r} is not on this machine.", 11100)
    raise NoAnswer(11100, f"More than {MOST_JUMPS} documents in a row.")


def _read(answer: Answer, url: str) -> Element | str:
    """TwiML as its `<Response>`, plain text as itself, nothing as ""."""
    if not 200 <= answer.status < 300:
        raise NoAnswer(11200, f"The line answered {answer.status} to {path_of(url)}.")
    if not answer.body.strip():
        return ""
    if answer.media_type == "text/plain":
        return answer.body.decode("utf-8", "replace").strip()
    if answer.media_type not in XML_TYPES:
        raise NoAnswer(12300, f"The line answered with {answer.media_type or 'no content type'}, not TwiML.")
    return parse(answer.body, TEXT_VERBS, url)


def _replies(account: Account, text: Text, response: Element, redirect: Element | None, url: str) -> list[Reply]:
    """The `<Message>`s up to a `<Redirect>`: nothing after that one runs."""
    verbs = response.children
    verbs = verbs if redirect is None else verbs[: verbs.index(redirect)]
    return [_reply(account, text, verb, url) for verb in verbs]


def _reply(account: Account, text: Text, message: Element, url: str) -> Reply:
    bodies = [part.kept_words for part in message.children if part.name == "Body"]
    media = sum(part.name == "Media" for part in message.children)
    body = "\n".join(bodies) if bodies else message.kept_words
    to = normalised(message.get("to", text.sender))
    if to is None:
        raise TwimlError(message.line, f'<Message> to="{message.get("to", "")}" is not a phone number.', 14101)
    if message.get("from", account.settings.sender) != account.settings.sender:
        raise TwimlError(message.line, "<Message> from is not this account's number.", 14102)
    if not body and not media:
        raise TwimlError(message.line, "<Message> is empty; it takes words, <Body> or <Media>.", 14103)
    if len(body) > MOST_CHARACTERS:
        raise TwimlError(message.line, f"<Message> has {len(body)} characters; it takes {MOST_CHARACTERS}.", 21617)
    callback = message.attributes.get("statusCallback")
    return Reply(to, body, media, None if callback is None else urljoin(url, callback))
