"""What staff must handle: call-backs, change requests, wrong numbers, landlines, messages that cannot be read."""

from ivr.web.console.access import ALL, SCHEDULERS
from ivr.web.console.people import ACCESS as PEOPLE
from ivr.web.console.work import item_views, message_views
from ivr.web.console.work.views import blueprint

ACCESS = {
    "work.callbacks": ALL,
    "work.items": ALL,
    "work.landlines": ALL,
    "work.done": ALL,
    "work.show_callback": ALL,
    "work.show_item": ALL,
    "work.messages": ALL,
    "work.show_message": ALL,
    # What a message says is shown to those who may see numbers.
    "work.show_message_text": PEOPLE["people.show_number"],
    "work.show_callback_number": ALL,
    "work.change_callback": ALL,
    "work.note_callback": ALL,
    "work.note_outcome": ALL,
    # Appointments are the schedulers' work.
    "work.change_item": SCHEDULERS,
    "work.note_item": SCHEDULERS,
    "work.claim_landline": SCHEDULERS,
    "work.change_message": SCHEDULERS,
    "work.note_message": SCHEDULERS,
}

__all__ = ["ACCESS", "blueprint", "item_views", "message_views"]
