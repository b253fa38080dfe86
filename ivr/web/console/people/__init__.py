"""One patient: appointments, texts, consent, language; found by appointment id or by number."""

from ivr.web.console.access import ALL, SCHEDULERS
from ivr.web.console.people import appointment_views, person_views
from ivr.web.console.people.views import blueprint

ACCESS = {
    "people.find": ALL,
    "people.look_up": ALL,
    "people.show": ALL,
    # Operators see the number of a call-back that they have taken: work.show_callback_number.
    "people.show_number": SCHEDULERS,
    "people.appointment": ALL,
    "people.consent": SCHEDULERS,
    "people.change_consent": SCHEDULERS,
    "people.change_language": SCHEDULERS,
    "people.act_on_text": SCHEDULERS,
}

__all__ = ["ACCESS", "appointment_views", "blueprint", "person_views"]
