"""What staff must handle: call-backs, change requests, wrong numbers, landlines."""

from ivr.web.console.access import ALL
from ivr.web.console.work.views import blueprint

ACCESS = {"work.callbacks": ALL}

__all__ = ["ACCESS", "blueprint"]
