"""Appointment files: upload, check, import, watch, pause and cancel; the plan of reminders."""

from ivr.web.console.access import ALL
from ivr.web.console.reminders.views import blueprint

ACCESS = {"reminders.batches": ALL}

__all__ = ["ACCESS", "blueprint"]
