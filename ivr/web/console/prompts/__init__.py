"""The words of the line: read, edit in the shared draft, listen, record, publish, roll back, and teach."""

from ivr.web.console.access import ALL, OPERATORS
from ivr.web.console.prompts import question_views, topic_views
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.editing import editor_views, preview_views, recording_views, sign_off_views
from ivr.web.console.prompts.line import day_views, hours_views, menu_views, office_views
from ivr.web.console.prompts.publishing import draft_views, history_views

_VIEWS = (
    day_views,
    draft_views,
    editor_views,
    history_views,
    hours_views,
    menu_views,
    office_views,
    preview_views,
    question_views,
    recording_views,
    sign_off_views,
    topic_views,
)

ACCESS = {
    "prompts.topics": ALL,
    "prompts.try_question": ALL,
    "prompts.editor": ALL,
    "prompts.listen": ALL,
    "prompts.recording": ALL,
    "prompts.proof": OPERATORS,
    "prompts.preview": OPERATORS,
    "prompts.try_words": OPERATORS,
    "prompts.kept_sound": OPERATORS,
    "prompts.save": OPERATORS,
    "prompts.record": OPERATORS,
    "prompts.both_recordings": OPERATORS,
    "prompts.remove_recording": OPERATORS,
    "prompts.ask_sign_off": OPERATORS,
    "prompts.sign_off": OPERATORS,
    "prompts.up_to_date": OPERATORS,
    "prompts.draft": ALL,
    "prompts.check": OPERATORS,
    "prompts.checked": ALL,
    "prompts.discard": OPERATORS,
    "prompts.keep": OPERATORS,
    "prompts.publish": OPERATORS,
    "prompts.publishing": OPERATORS,
    "prompts.history": ALL,
    "prompts.release": ALL,
    "prompts.ask_roll_back": OPERATORS,
    "prompts.roll_back": OPERATORS,
    "prompts.unanswered": OPERATORS,
    "prompts.teach": OPERATORS,
    "prompts.ignore": OPERATORS,
    "prompts.hours": ALL,
    "prompts.save_hours": OPERATORS,
    "prompts.add_office": OPERATORS,
    "prompts.save_office": OPERATORS,
    "prompts.ask_remove_office": OPERATORS,
    "prompts.remove_office": OPERATORS,
    "prompts.day": ALL,
    "prompts.save_holiday": OPERATORS,
    "prompts.menus": ALL,
    "prompts.move_choice": OPERATORS,
}

__all__ = ["ACCESS", "blueprint"]
