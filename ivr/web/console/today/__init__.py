"""The first page after the sign-in: what needs a person now, and how the line is used."""

from ivr.web.console.access import ALL
from ivr.web.console.today.views import blueprint

ACCESS = dict.fromkeys(("today.show", "today.waiting", "today.numbers_block", "today.line", "today.see_alarm"), ALL)

__all__ = ["ACCESS", "blueprint"]
