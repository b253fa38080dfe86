"""For administrators: users, alarms, the report of the doctor command, versions, the audit log."""

from ivr.web.console.access import ADMINS
from ivr.web.console.settings.views import blueprint

ACCESS = {"settings.show": ADMINS}

__all__ = ["ACCESS", "blueprint"]
