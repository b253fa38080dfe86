"""What staff must handle: call-backs, change requests, wrong numbers, landlines."""

from ivr.web.console.access import ALL, SCHEDULERS
from ivr.web.console.work import item_views
from ivr.web.console.work.views import blueprint

ACCESS = {
    "work.callbacks": ALL,
    "work.items": ALL,
    "work.landlines": ALL,
    "work.done": ALL,
    "work.show_callback": ALL,
    "work.show_item": ALL,
    "work.change_callback": ALL,
    "work.note_callback": ALL,
    # Appointments are the schedulers' work.
    "work.change_item": SCHEDULERS,
    "work.note_item": SCHEDULERS,
    "work.claim_landline": SCHEDULERS,
}

__all__ = ["ACCESS", "blueprint", "item_views"]
