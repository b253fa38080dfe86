"""Whom a `<Dial>` connects to: https://www.twilio.com/docs/voice/twiml/dial"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from simulator.numbers import normalize
from simulator.twiml.document import Element, TwimlError
from simulator.webhook import Webhook

MAX_NUMBERS = 10
CONFERENCE = "conference:"


@dataclass(frozen=True)
class Destination:
    """What a `<Dial>` connects to. number: in E.164, client:NAME, sip:USER@HOST or conference:NAME.

    whisper: the URL of its whisper document, if any. callback, events: where its changes are posted, and which.
    keys: those that the phone hears when it is picked up.
    """

    number: str
    whisper: str | None = None
    method: str = "POST"
    callback: Webhook | None = None
    events: tuple[str, ...] = ()
    keys: str = ""


def destinations_of(dial: Element, base: str) -> list[Destination]:
    """Whom a `<Dial>` connects to: its children, or its own text. base: what whispers are relative to."""
    elements = dial.children or ([dial] if dial.text else [])
    if not elements:
        raise TwimlError(dial.line, "<Dial> has no number; it takes one number or up to 10 <Number>.", 13223)
    if len(elements) > MAX_NUMBERS:
        raise TwimlError(dial.line, f"<Dial> has {len(elements)} numbers; it takes at most {MAX_NUMBERS}.")
    if dial.children and "".join(part for part in dial.content if isinstance(part, str)).strip():
        raise TwimlError(dial.line, "<Dial> takes text or a noun such as <Number>, not both.")
    rooms = [element for element in elements if element.name == "Conference"]
    if rooms and len(elements) > 1:
        raise TwimlError(rooms[0].line, "<Conference> must be alone in a <Dial>.", 13000)
    return [_NOUNS.get(element.name, _number)(element, base) for element in elements]


def _number(element: Element, base: str) -> Destination:
    number = normalize(element.text)
    if number is None:
        raise TwimlError(
            element.line, f"<{element.name}> {element.text!r} is not a phone number; it takes E.164.", 13224
        )
    if element.name == "Dial":
        return Destination(number)
    return _with_whisper(number, element, base)


def _client(client: Element, base: str) -> Destination:
    """https://www.twilio.com/docs/voice/twiml/client"""
    identities = [child.text for child in client.children if child.name == "Identity"]
    identity = identities[0] if identities else client.raw_text
    if not identity:
        raise TwimlError(client.line, "<Client> has no identity.")
    return _with_whisper(f"client:{identity}", client, base)


def _sip(sip: Element, base: str) -> Destination:
    if not re.fullmatch(r"sips?:\S+@\S+", sip.text):
        raise TwimlError(sip.line, f"<Sip> {sip.text!r} is not a SIP address; it takes sip:user@host.", 13243)
    return _with_whisper(sip.text, sip, base)


def _conference(conference: Element, _base: str) -> Destination:
    if not conference.text:
        raise TwimlError(conference.line, "<Conference> has no name.", 13237)
    return Destination(CONFERENCE + conference.text)


def _with_whisper(number: str, element: Element, base: str) -> Destination:
    whisper, callback = element.attributes.get("url"), element.attributes.get("statusCallback")
    callback_method = element.get("statusCallbackMethod", "POST").upper()
    return Destination(
        number,
        None if whisper is None else urljoin(base, whisper),
        element.get("method", "POST").upper(),
        None if callback is None else Webhook(urljoin(base, callback), callback_method),
        tuple(element.get("statusCallbackEvent", "completed").split()),
        element.get("sendDigits", ""),
    )


_NOUNS: dict[str, Callable[[Element, str], Destination]] = {
    "Client": _client,
    "Sip": _sip,
    "Conference": _conference,
}


def time_limit_of(dial: Element | None) -> int | None:
    """For how many seconds a `<Dial>` connects at most; None if it does not say."""
    limit = None if dial is None else dial.attributes.get("timeLimit")
    return int(limit) if limit else None


def conference_of(dial: Element | None) -> Element | None:
    """The `<Conference>` of a `<Dial>`, if it has one."""
    if dial is None or dial.name != "Dial":
        return None
    return next((child for child in dial.children if child.name == "Conference"), None)
