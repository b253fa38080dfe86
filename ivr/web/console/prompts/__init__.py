"""The words of the line: read, edit in the shared draft, listen, publish, roll back, and teach."""

from ivr.web.console.access import ALL, OPERATORS
from ivr.web.console.prompts import draft_views as draft_views
from ivr.web.console.prompts import history_views as history_views
from ivr.web.console.prompts import question_views as question_views
from ivr.web.console.prompts.views import blueprint

ACCESS = {
    "prompts.topics": ALL,
    "prompts.editor": ALL,
    "prompts.listen": ALL,
    "prompts.proof": OPERATORS,
    "prompts.save": OPERATORS,
    "prompts.sign_off": OPERATORS,
    "prompts.draft": ALL,
    "prompts.discard": OPERATORS,
    "prompts.publish": OPERATORS,
    "prompts.publishing": OPERATORS,
    "prompts.history": ALL,
    "prompts.ask_roll_back": OPERATORS,
    "prompts.roll_back": OPERATORS,
    "prompts.unanswered": OPERATORS,
    "prompts.teach": OPERATORS,
}

__all__ = ["ACCESS", "blueprint"]
