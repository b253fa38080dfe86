"""What the page can change: the hour that the line sees, and how texts to a phone fail."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from simulator.account import Account
from simulator.numbers import TextOutcome
from simulator.voice.call import InvalidInput, InvalidState

FAILURES = {
    "unreachable": TextOutcome("undelivered", 30003),
    "landline": TextOutcome("undelivered", 30006),
    "unregistered": TextOutcome("undelivered", 30034),
}
TOO_MANY = {"429": 1.0}
# The first hour of a weekday, and of a Sunday, at which a reader expects an office to be open.
MORNING = 10


def local_time(account: Account) -> datetime:
    """The time of the line, in its zone."""
    return account.settings.now().astimezone(account.settings.time_zone)


def hour_of(account: Account, wanted: object) -> datetime | None:
    """The moment that a choice of the page stands for; None for the real time. Raises `InvalidInput`.

    wanted: now, weekday, night, sunday, holiday, or a local date and time in ISO 8601.
    """
    zone = account.settings.time_zone
    today = datetime.now(UTC).astimezone(zone).date()
    days = {
        "weekday": _next(today, 2),
        "night": today,
        "sunday": _next(today, 6),
        "holiday": date(today.year + (today >= date(today.year, 12, 25)), 12, 25),
    }
    if wanted == "now":
        return None
    if wanted in days:
        return datetime.combine(days[str(wanted)], datetime.min.time(), zone).replace(
            hour=23 if wanted == "night" else MORNING
        )
    try:
        moment = datetime.fromisoformat(str(wanted))
    except ValueError:
        raise InvalidInput("The hour must be a date and a time, such as 2026-12-06T23:00.") from None
    if not 2000 <= moment.year <= 2100:
        raise InvalidInput("The year must be from 2000 to 2100.")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def set_hour(account: Account, wanted: object) -> None:
    """Shift the clock of the line and of this account. Raises `InvalidInput`, or `InvalidState` if the line cannot."""
    path = account.settings.clock_file
    if path is None:
        raise InvalidState("Only a line that `infoline run` started can change its clock.")
    moment = hour_of(account, wanted)
    shift = 0.0 if moment is None else round((moment - datetime.now(UTC)) / timedelta(seconds=1), 3)
    # The line's processes read the file at any moment.
    file = Path(path)
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.write_text(str(shift))
    temporary.replace(file)
    account.settings.clock.seconds = shift


def set_failure(account: Account, number: str, wanted: object) -> None:
    """How texts to a phone end: "" for delivered, a name in FAILURES, or opted-out. Raises `InvalidInput`."""
    if wanted not in ("", "opted-out", *FAILURES):
        raise InvalidInput(f"A phone can be {', '.join(FAILURES)}, opted-out, or reachable.")
    with account.lock:
        account.outcomes.pop(number, None)
        account.blocked.discard(number)
        if wanted == "opted-out":
            account.blocked.add(number)
        elif wanted:
            account.outcomes[number] = FAILURES[str(wanted)]


def failure_of(account: Account, number: str) -> str:
    """The name of what `set_failure` chose; "" for a reachable phone."""
    if number in account.blocked:
        return "opted-out"
    outcome = account.outcomes.get(number)
    return next((name for name, failure in FAILURES.items() if failure == outcome), "")


def set_too_many(account: Account, active: object) -> None:
    """Whether Twilio refuses every new text with 429."""
    account.fault_injector.set_faults(dict[str, Any](TOO_MANY) if active else {})


def refuses_too_many(account: Account) -> bool:
    return account.fault_injector.faults.requested.get("429") == TOO_MANY["429"]


def _next(today: date, weekday: int) -> date:
    """The next day, today included, with this weekday; Monday is 0."""
    return today + timedelta(days=(weekday - today.weekday()) % 7)
