"""What the server must know about the routes before their body is read: who is refused, and who waits for whom."""

from __future__ import annotations

from enum import StrEnum

SIGNED = frozenset({"voice", "sms", "receipts"})
"""First path segments of Twilio's webhooks. All of them are POST requests with a signature."""


class Lane(StrEnum):
    """Requests of one lane share threads, so that they never wait for those of another."""

    CALLS = "calls"
    RECORDINGS = "recordings"
    OPERATIONS = "operations"
    DATABASE = "database"
    WITHOUT_DATABASE = "without_database"


LANES = {
    "voice": Lane.CALLS,
    "audio": Lane.RECORDINGS,
    "healthz": Lane.OPERATIONS,
    "readyz": Lane.OPERATIONS,
    "metrics": Lane.OPERATIONS,
}
ROUTES = SIGNED | LANES.keys()


def first_segment(path: str) -> str:
    """Return the part of a path between its first two slashes."""
    return path[1:].partition("/")[0]


def lane_of(path: str) -> Lane:
    """Return the lane of a path. Any request that is not in the table may wait for the database."""
    return LANES.get(first_segment(path), Lane.DATABASE)


def route_of(path: str) -> str:
    """Return the name of a path's route in logs and metrics: nothing that a client chose."""
    segment = first_segment(path)
    return segment if segment in ROUTES else "other"
