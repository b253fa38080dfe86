"""A message and the mapping to the cells of a row, as the readers of files yield them."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.feeds.hl7.mapping import FeedMapping, FieldPath, Paths
from ivr.feeds.hl7.message import BOOKING_TRIGGERS, TRIGGERS, Message, parse_time
from ivr.reminders.imports.statuses import parse_status

Cells = dict[str, str]


def cells_of(message: Message, mapping: FeedMapping) -> Cells | None:
    """The cells of the appointment's row; None if the mapping leaves its site or its type out."""
    site, kind = _first(message, mapping.site), _first(message, mapping.type)
    if (mapping.sites and site not in mapping.sites) or (mapping.types and kind not in mapping.types):
        return None
    return {
        "appointment_id": _first(message, mapping.appointment_id),
        "phone": _first(message, mapping.phone) or _phone_in_parts(message, mapping.phone),
        "starts_at": _time(_first(message, mapping.starts_at)),
        "site": mapping.sites.get(site, site),
        "language": _first(message, mapping.language),
        "first_name": _first(message, mapping.first_name),
        "status": TRIGGERS[message.header.event] or _status(message, mapping),
        "timezone": mapping.timezone,
    }


def _status(message: Message, mapping: FeedMapping) -> str:
    """The status in SCH-25. An unknown word is rejected, as in a file, unless the event says what it means."""
    word = _first(message, mapping.status)
    status: str = mapping.statuses.get(word, word)
    is_unknown = bool(status) and parse_status(status) is None
    return "" if is_unknown and message.header.event in BOOKING_TRIGGERS else status


def _time(text: str) -> str:
    """A time in ISO format; anything else unchanged, to be rejected as a time."""
    moment = parse_time(text)
    return moment.isoformat() if moment else text


def _first(message: Message, paths: Paths) -> str:
    return next((value for path in paths for value in _values(message, path) if value), "")


def _phone_in_parts(message: Message, paths: Paths) -> str:
    """A number whose area code and local number are components 6 and 7 (HL7 v2.3, 2.8.44)."""
    for path in paths:
        area = next(_values(message, path._replace(component=6)), "")
        local = next(_values(message, path._replace(component=7)), "")
        if area and local:
            return f"{area} {local}"
    return ""


def _values(message: Message, path: FieldPath) -> Iterator[str]:
    """The values of a field, in the repetitions that meet the condition."""
    return message.segments.values(*path) if message.segments else iter(())
