"""For administrators: users, API keys, alarms and their history, versions, the check of the line, and the audit log."""

from ivr.web.console.access import ADMINS
from ivr.web.console.settings import alarm_views as alarm_views
from ivr.web.console.settings import audit_views as audit_views
from ivr.web.console.settings import doctor_views as doctor_views
from ivr.web.console.settings import key_views as key_views
from ivr.web.console.settings.views import blueprint

ACCESS = {
    "settings.show": ADMINS,
    "settings.users": ADMINS,
    "settings.add_user": ADMINS,
    "settings.user": ADMINS,
    "settings.invite": ADMINS,
    "settings.set_active": ADMINS,
    "settings.set_role": ADMINS,
    "settings.keys": ADMINS,
    "settings.add_key": ADMINS,
    "settings.revoke_key": ADMINS,
    "settings.alarms": ADMINS,
    "settings.audit_log": ADMINS,
    "settings.audit_csv": ADMINS,
    "settings.doctor": ADMINS,
    "settings.doctor_live": ADMINS,
    "settings.run_doctor": ADMINS,
}

__all__ = ["ACCESS", "blueprint"]
