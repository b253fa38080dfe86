"""The words of the line: edit, listen, check, publish, sign off, roll back; hours, directory, menus, teaching."""

from ivr.web.console.access import ALL
from ivr.web.console.prompts.views import blueprint

ACCESS = {"prompts.topics": ALL}

__all__ = ["ACCESS", "blueprint"]
