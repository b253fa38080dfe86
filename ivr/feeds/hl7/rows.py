"""A message and the mapping to the cells of a row, as the readers of files yield them."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.feeds.hl7.mapping import FeedMapping, FieldPath, Paths
from ivr.feeds.hl7.message import TRIGGERS, Message, parse_time
from ivr.reminders.imports.statuses import parse_status

Cells = dict[str, str]


def cells_of(message: Message, mapping: FeedMapping) -> Cells | None:
    """The cells of the appointment's row; None if the mapping leaves its site or its type out."""
    site, kind = _first(message, mapping.site), _first(message, mapping.type)
    if (mapping.sites and site not in mapping.sites) or (mapping.types and kind not in mapping.types):
        return None
    status = TRIGGERS[message.header.event] or _first(message, mapping.status)
    return {
        "appointment_id": _first(message, mapping.appointment_id),
        "phone": _first(message, mapping.phone) or _phone_in_parts(message, mapping.phone),
        "starts_at": _time(_first(message, mapping.starts_at)),
        "site": mapping.sites.get(site, site),
        "language": _first(message, mapping.language),
        "first_name": _first(message, mapping.first_name),
        # Systems put codes of their own into SCH-25; the event decides then.
        "status": status if parse_status(status) else "",
        "timezone": mapping.timezone,
    }


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
