"""What `infoline doctor` finds on this machine."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from markupsafe import Markup

from ivr.web.console.context import services
from ivr.web.console.settings.doctor_report import DoctorReports
from ivr.web.console.settings.views import blueprint
from ivr.web.console.words import gettext

# What `infoline doctor` checks, by the names that its report has for programs.
TITLES = {
    "version": lazy_gettext("Version"),
    "settings": lazy_gettext("Settings"),
    "ledger": lazy_gettext("Database"),
    "keys": lazy_gettext("Keys that encrypt phone numbers"),
    "alarms": lazy_gettext("Problems that go on"),
    "queue": lazy_gettext("List of work to do (Redis)"),
    "workers": lazy_gettext("Programs that send texts"),
    "clock": lazy_gettext("Program that starts reminders"),
    "feeds": lazy_gettext("Programs that receive appointments"),
    "files": lazy_gettext("Who can open the files"),
    "disk": lazy_gettext("Free space on the disk"),
    "backup": lazy_gettext("Newest backup"),
    "spool": lazy_gettext("What waits for the database"),
    "pg_dump": lazy_gettext("Program that makes backups"),
    "prompts": lazy_gettext("Files with the prompts"),
    "release": lazy_gettext("Published prompts"),
    "hours": lazy_gettext("Opening hours and closed days"),
    "sign-offs": lazy_gettext("Sign-offs and translations"),
    "directory": lazy_gettext("Phone numbers of offices"),
    "carrier": lazy_gettext("Account at Twilio"),
    "clock skew": lazy_gettext("Time of this machine"),
    "message log": lazy_gettext("Sent texts at Twilio"),
    "webhooks": lazy_gettext("Numbers at Twilio that lead here"),
    "fallback": lazy_gettext("What callers hear if this line does not answer"),
    "sender": lazy_gettext("Registration of the sender"),
    "signature": lazy_gettext("Proof that Twilio sends a request"),
    "certificate": lazy_gettext("Certificate of the address"),
}


def _reports() -> DoctorReports:
    return DoctorReports(services().settings.var_dir)


def _render(template: str) -> str:
    reports = _reports()
    # In this order: a report that ends between the two looks has been saved before.
    running = reports.is_running()
    return render_template(template, running=running, report=reports.latest(), level_name=level_name, title_of=title_of)


def level_name(level: str) -> str:
    """The name of a level in the language of the user."""
    return {"ok": gettext("in order"), "warning": gettext("warning")}.get(level, gettext("problem"))


def title_of(name: str) -> str:
    """What a check looks at, in the language of the user; its own name, if a newer version has made the report."""
    return str(TITLES[name]) if name in TITLES else Markup('<span lang="en">{}</span>').format(name)


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
