"""The pages of this area."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("reminders", __name__, template_folder="templates")


@blueprint.get("/reminders")
def batches() -> str:
    return render_template("reminders/batches.html")
