"""Appointment files: upload, check, import, watch, pause and cancel; the plan of reminders."""

from ivr.web.console.access import ALL, SCHEDULERS
from ivr.web.console.reminders import appointment_views, batch_views, plan_views, upload_views
from ivr.web.console.reminders.views import blueprint

ACCESS = {
    "reminders.batches": ALL,
    "reminders.batch": ALL,
    "reminders.batch_live": ALL,
    "reminders.download": ALL,
    "reminders.change_batch": SCHEDULERS,
    "reminders.ask_to_cancel": SCHEDULERS,
    "reminders.download_numbers": SCHEDULERS,
    # An uploaded file is not checked yet, and its faults show its cells.
    "reminders.upload": SCHEDULERS,
    "reminders.receive": SCHEDULERS,
    "reminders.found": SCHEDULERS,
    "reminders.progress": SCHEDULERS,
    "reminders.act": SCHEDULERS,
    "reminders.rows_to_mend": SCHEDULERS,
    "reminders.appointments": ALL,
    "reminders.appointments_of_day": ALL,
    "reminders.plan": ALL,
    "reminders.save_plan": SCHEDULERS,
}

__all__ = ["ACCESS", "appointment_views", "batch_views", "blueprint", "plan_views", "upload_views"]
