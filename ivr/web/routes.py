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
    CONSOLE = "console"
    API = "api"


LANES = {
    "voice": Lane.CALLS,
    "audio": Lane.RECORDINGS,
    "healthz": Lane.OPERATIONS,
    "readyz": Lane.OPERATIONS,
    "metrics": Lane.OPERATIONS,
    "console": Lane.CONSOLE,
    "api": Lane.API,
}
APART = frozenset({Lane.CONSOLE, Lane.API})
"""Lanes whose requests take long, and go to a process of their own where there is one."""
MAX_BODY = 64 * 1024
"""The most bytes of a request's body: webhooks are small."""
MAX_CONSOLE_BODY = 22 * 1024 * 1024
"""The same for the console, which takes appointment files and recordings."""
MAX_API_BODY, MAX_API_FILE = 1_000_000, 20_000_000
"""The same for the API, and for its paths that take files."""
API_FILES = frozenset({"/api/v1/batches", "/api/v1/fhir"})
BODY_SECONDS, CONSOLE_BODY_SECONDS = 10.0, 300.0
"""How long a client may take to send a body."""
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


def body_limits(path: str) -> tuple[int, float]:
    """Return the most bytes of a request's body, and how many seconds sending it may take."""
    lane = lane_of(path)
    if lane is Lane.CONSOLE:
        return MAX_CONSOLE_BODY, CONSOLE_BODY_SECONDS
    if lane is Lane.API:
        return MAX_API_FILE if path in API_FILES else MAX_API_BODY, CONSOLE_BODY_SECONDS
    return MAX_BODY, BODY_SECONDS
