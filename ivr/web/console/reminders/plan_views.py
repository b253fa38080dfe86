"""The plan of reminders."""

from __future__ import annotations

from flask import render_template

from ivr.web.console.context import live_line
from ivr.web.console.reminders.plan_drawing import timeline
from ivr.web.console.reminders.views import blueprint


@blueprint.get("/reminders/plan")
def plan() -> str:
    """The plan that is live, as a time line and as a table."""
    rules = live_line().content.config.reminders
    return render_template("reminders/plan.html", rules=rules, drawing=timeline(rules))
