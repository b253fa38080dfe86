"""The database, its keys and alarms, the queue, and the processes that report to them."""

from __future__ import annotations

from ivr import clock, queues
from ivr.doctor.result import Line, Result, ok, problem, warning
from ivr.ledger import LedgerUnavailable, NewerTables, Vault
from ivr.ledger.engine import latest_migration
from ivr.ledger.keys import WrongKeys, refuse_wrong_keys
from ivr.reminders.alarms import raised
from ivr.reminders.feed_heartbeats import COMMANDS, last_reports, silent_feeds
from ivr.reminders.outbox.monitor import clock_age, oldest_due

CLOCK_SILENT_SECONDS = 60.0
_NO_DATABASE = "Unknown, because the database does not answer."


def check_ledger(line: Line) -> Result:
    """Whether the database answers, and has the tables of this version."""
    try:
        line.ledger.check()
    except NewerTables as error:
        return warning(str(error))
    except LedgerUnavailable as error:
        return problem(str(error))
    kind = "SQLite" if line.ledger.is_sqlite else "PostgreSQL"
    return ok(f"{kind} answers, with the tables of this version ({latest_migration()}).")


def check_keys(line: Line) -> Result:
    """Whether PHONE_KEY and PHONE_HASH_KEY are those that the data needs."""
    settings = line.settings
    if not settings.phone_keys:
        return problem("There are no keys in VAR_DIR: `infoline run` and `infoline db upgrade` create them.")
    try:
        refuse_wrong_keys(settings.database_url, Vault.of(settings))
    except WrongKeys as error:
        return problem(str(error))
    return ok("PHONE_KEY and PHONE_HASH_KEY fit the database.")


def check_alarms(line: Line) -> Result:
    """Alarms that are active."""
    try:
        with line.ledger.read() as connection:
            names = sorted(raised(connection))
    except LedgerUnavailable:
        return problem(_NO_DATABASE)
    if names:
        return problem(f"Active: {', '.join(names)}. See the table of alarms in docs/operations/watch.md.")
    return ok("None is active.")


def check_queue(line: Line) -> Result:
    """Whether the queue server answers."""
    if not line.redis_url:
        return problem("REDIS_URL is not set, so no reminders go out. `infoline run` starts its own queue.")
    depth = queues.queue_depth(line.redis_url)
    if depth is None:
        return problem("The server at REDIS_URL does not answer: start it, or correct REDIS_URL.")
    return ok(f"The queue server answers; {depth} jobs wait.")


def check_workers(line: Line) -> Result:
    """Whether a worker has reported lately."""
    alive = queues.live_workers(line.redis_url)
    if alive is None:
        return Result(line.not_running, "Unknown, because the queue server does not answer.")
    if not alive:
        return Result(line.not_running, "No worker runs, so no text goes out: start `infoline worker`.")
    return ok(f"{alive} running.")


def check_clock(line: Line) -> Result:
    """Whether a clock process has reported lately, and whether what it queued is done."""
    now = clock.now()
    try:
        age, waiting = clock_age(line.ledger, now), oldest_due(line.ledger, now)
    except LedgerUnavailable:
        return Result(line.not_running, _NO_DATABASE)
    silent = max(CLOCK_SILENT_SECONDS, 12 * line.settings.clock_seconds)
    if age is None or age > silent:
        return Result(line.not_running, "No clock process runs, so no reminder goes out: start `infoline clock`.")
    return ok(f"It reported {max(age, 0):.0f} s ago; the oldest due reminder has waited {waiting:.0f} s.")


def check_feeds(line: Line) -> Result:
    """Whether each feed that should run has reported lately."""
    now = clock.now()
    try:
        reports = last_reports(line.ledger, line.settings)
        silent = silent_feeds(line.ledger, line.settings, now)
    except LedgerUnavailable:
        return Result(line.not_running, _NO_DATABASE)
    if silent:
        commands = " and ".join(COMMANDS[feed] for feed in silent)
        return Result(line.not_running, f"No process of a feed has worked lately: start {commands}, or read its log.")
    if not reports:
        return ok("No feed is set up.")
    ages = {feed: max((now - last).total_seconds(), 0) for feed, last in reports.items() if last}
    return ok(f"{', '.join(f'{feed} reported {age:.0f} s ago' for feed, age in ages.items())}.")
