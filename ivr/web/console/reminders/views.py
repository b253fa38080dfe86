"""The list of batches, and the blueprint of this area."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from ivr.web.console.context import services
from ivr.web.console.reminders.batch_queries import batches_page
from ivr.web.console.reminders.state_words import bar

blueprint = Blueprint("reminders", __name__, template_folder="templates")


@blueprint.get("/reminders")
def batches() -> str:
    """The batches, newest first."""
    page = page_number()
    with services().ledger.read() as connection:
        listed, more = batches_page(connection, page)
    return render_template("reminders/batches.html", batches=listed, page=page, more=more, bar=bar)


def page_number() -> int:
    """The page of a list that the address asks for, from 1."""
    return min(max(request.args.get("page", 1, type=int), 1), 100_000)
