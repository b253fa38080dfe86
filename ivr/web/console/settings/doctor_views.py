"""What `infoline doctor` finds on this machine."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ivr.web.console.context import services
from ivr.web.console.settings.doctor_report import DoctorReports
from ivr.web.console.settings.views import blueprint
from ivr.web.console.words import gettext


def _reports() -> DoctorReports:
    return DoctorReports(services().settings.var_dir)


def _render(template: str) -> str:
    reports = _reports()
    # In this order: a report that ends between the two looks has been saved before.
    running = reports.is_running()
    return render_template(template, running=running, report=reports.latest(), level_name=level_name)


def level_name(level: str) -> str:
    """The name of a level in the language of the user."""
    return {"ok": gettext("in order"), "warning": gettext("warning")}.get(level, gettext("problem"))


@blueprint.get("/settings/doctor")
def doctor() -> str:
    """The last report, and a button for a new one."""
    return _render("settings/doctor.html")


@blueprint.get("/settings/doctor/live")
def doctor_live() -> str:
    """The part of the page that changes while a report is being made."""
    return _render("settings/_doctor.html")


@blueprint.post("/settings/doctor")
def run_doctor() -> ResponseReturnValue:
    """Begin a report. If one is being made, that one is shown."""
    _reports().start()
    return redirect(url_for("settings.doctor"), 303)
