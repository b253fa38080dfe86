"""One patient: appointments, texts, consent, language; found by appointment id or by number."""

from ivr.web.console.access import ALL
from ivr.web.console.people.views import blueprint

ACCESS = {"people.find": ALL}

__all__ = ["ACCESS", "blueprint"]
