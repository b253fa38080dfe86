"""The list of all prompts in all languages, and what the live line understands of some words."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.drafted import language_name, languages_of, open_draft, readable_content
from ivr.web.console.prompts.filters import TITLES, chosen_filter, counts, filtered
from ivr.web.console.prompts.tree import groups_of
from ivr.web.console.prompts.understanding import MOST_CHARACTERS, Understood, understood_live
from ivr.web.console.security.form_pages import HTMX
from ivr.web.console.security.kept_forms import kept_values


@blueprint.get("/prompts")
def topics() -> str:
    """All prompts with their state; with `?show=`, those that match a filter."""
    return _page(kept_values().get("question", ""), None)


@blueprint.post("/prompts")
def try_question() -> ResponseReturnValue:
    """What the live line would understand and answer. By POST, because a question may name a person."""
    question = request.form.get("question", "").strip()[:MOST_CHARACTERS]
    understood = understood_live(question) if question else None
    if request.headers.get(HTMX):
        return render_template("prompts/_understood.html", understood=understood)
    return _page(question, understood)


def _page(question: str, understood: Understood | None) -> str:
    draft, show = open_draft(), chosen_filter()
    groups = groups_of(draft, readable_content(draft))
    return render_template(
        "prompts/topics.html",
        groups=filtered(groups, show),
        show=show,
        filters=TITLES,
        counts=counts(groups),
        languages=[(code, language_name(code)) for code in languages_of(draft)],
        draft=draft,
        question=question,
        understood=understood,
    )
