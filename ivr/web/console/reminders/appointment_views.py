"""All appointments ahead, by day."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from flask import abort, render_template, request, url_for

from ivr import clock
from ivr.web.console.context import content_or_none, hospital_zone, services
from ivr.web.console.dates import time_of_day
from ivr.web.console.language import language
from ivr.web.console.reminders.appointment_queries import DAYS_ON_A_PAGE, count_days, next_day, of_day
from ivr.web.console.reminders.views import blueprint, page_number, parse_day


@blueprint.get("/reminders/appointments")
def appointments() -> str:
    """How many appointments each of the next days has."""
    now, zone = clock.now(), hospital_zone()
    today = now.astimezone(zone).date()
    first = max(today, parse_day(request.args.get("from", "")) or today)
    with services().ledger.read() as connection:
        days = count_days(connection, first, zone, now)
        later = next_day(connection, days[-1].day, zone)
    span = timedelta(days=DAYS_ON_A_PAGE)
    return render_template(
        "reminders/appointments.html",
        days=days,
        most=max(day.appointments for day in days),
        today=today,
        first=first,
        earlier=max(today, first - span) if first > today else None,
        later=later,
    )


@blueprint.get("/reminders/appointments/<day>")
def appointments_of_day(day: str) -> str:
    """The appointments of one day."""
    wanted = parse_day(day) or abort(404)
    zone, content, page = hospital_zone(), content_or_none(), page_number()
    with services().ledger.read() as connection:
        rows, more = of_day(connection, wanted, zone, page)
    code = language()
    return render_template(
        "reminders/day.html",
        day=wanted,
        rows=[
            (row, _clock(row.starts_at, zone), url_for("people.appointment", appointment_id=row.appointment_id))
            for row in rows
        ],
        sites={site.id: site.name.get(code, site.id) for site in (content.config.sites if content else ())},
        page=page,
        more=more,
    )


def _clock(moment: datetime, zone: tzinfo) -> str:
    """The time of day, as the language of the user writes it."""
    return time_of_day(moment.astimezone(zone))
