"""Which of two changes to an appointment is the newer one: the same rule for files, the API, FHIR, and HL7.

A change counts from when its sender made it, and from its receipt if the sender gives no time. Of two changes of the
same time, the one that is imported last wins.
"""

from __future__ import annotations

from datetime import UTC, datetime


def changed_at(sent_at: datetime | None, received_at: datetime) -> datetime:
    """When a change counts as made. A sender's clock that is ahead must not keep later changes out."""
    return min(sent_at, received_at) if sent_at else received_at


def is_older(change_at: datetime, known_at: datetime | None) -> bool:
    """Whether something newer is known. known_at: None for appointments from before these times were stored."""
    return known_at is not None and change_at < known_at


def parse_sent_at(text: str) -> datetime | None:
    """A time with its zone in ISO 8601, such as FHIR's instant, in UTC; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
