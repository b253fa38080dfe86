"""What the pages of prompts show while there is nothing to read or to change: what to do first."""

from __future__ import annotations

from flask import render_template, request

from ivr.line.content.loader import LINE_FILE
from ivr.releases.drafts import NoDraft
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import saved_by
from ivr.web.console.prompts.drafted import open_draft
from ivr.web.console.words import gettext


class UnreadableLineFile(Exception):
    """line.yaml in the draft has an error, so that its hours, numbers, and menus are not known."""


@blueprint.errorhandler(NoDraft)
def nothing_published(_error: NoDraft) -> tuple[str, int]:
    """Before the first release is published."""
    sentence = gettext(
        "The line answers with the words that it came with. Before they can be changed here, your IT department"
        " publishes them once, with this command: infoline prompts publish. Then reload this page."
    )
    return _page(gettext("Nothing has been published yet"), sentence)


@blueprint.errorhandler(UnreadableLineFile)
def line_file_unreadable(_error: UnreadableLineFile) -> tuple[str, int]:
    """While the draft of line.yaml has an error, which no form of the console saves."""
    sentence = gettext(
        "%(name)s saved a file line.yaml with an error in the draft, so hours, numbers, and menus cannot be shown. Ask"
        " them to correct it, or throw this change away on the page of the draft. Callers hear the live words.",
        name=saved_by(open_draft(), LINE_FILE),
    )
    return _page(gettext("The draft has an error"), sentence, has_draft=True)


def _page(title: str, sentence: str, *, has_draft: bool = False) -> tuple[str, int]:
    page = render_template("prompts/unready.html", title=title, sentence=sentence, has_draft=has_draft)
    return page, 200 if request.method == "GET" else 409
