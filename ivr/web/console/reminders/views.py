"""The list of batches, and the blueprint of this area."""

from __future__ import annotations

from datetime import MAXYEAR, date

from flask import Blueprint, render_template, request

from ivr.web.console.context import hospital_zone, services, staff_user
from ivr.web.console.reminders.appointment_queries import day_bounds
from ivr.web.console.reminders.batch_queries import BATCHES_ON_A_PAGE, Wanted, batches_page
from ivr.web.console.reminders.import_work import files_to_mend
from ivr.web.console.reminders.state_words import PHASES, bar, left_out_words
from ivr.web.console.reminders.uploads import Uploads

blueprint = Blueprint("reminders", __name__, template_folder="templates")


@blueprint.get("/reminders")
def batches() -> str:
    """The batches, newest first, and the user's files that are not imported yet."""
    page, shared = page_number(), services()
    file, day = request.args.get("file", "").strip()[:200], parse_day(request.args.get("day", ""))
    uploads = Uploads(shared.settings.var_dir, shared.vault)
    wanted = Wanted(file, day_bounds(day, hospital_zone()) if day else None)
    with shared.ledger.read() as connection:
        listed, count = batches_page(connection, wanted, page)
    return render_template(
        "reminders/batches.html",
        batches=listed,
        page=page,
        last=max(1, -(-count // BATCHES_ON_A_PAGE)),
        file=file,
        day=day.isoformat() if day else "",
        bar=bar,
        uploads=uploads.unfinished(staff_user().id),
        to_mend=files_to_mend(uploads, staff_user().id, batch=None),
        left_out_words=left_out_words,
        phases=PHASES,
    )


def parse_day(text: str) -> date | None:
    """A day as in an address; None if it is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < MAXYEAR - 1 else None


def page_number() -> int:
    """The page of a list that the address asks for, from 1."""
    return min(max(request.args.get("page", 1, type=int), 1), 100_000)
