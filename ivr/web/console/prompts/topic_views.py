"""The list of all prompts in all languages, and what the live line understands of some words."""

from __future__ import annotations

from babel.lists import format_list
from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from ivr.line.nlu.matcher import NONE, ambiguous_reply
from ivr.web.console.context import live_line
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.drafted import language_name, languages_of, open_draft, readable_content
from ivr.web.console.prompts.tree import Understood, groups_of, title_of
from ivr.web.console.security.gate import HTMX

_MOST_CHARACTERS = 500
_SHOWN_PERCENT = 1
# The reply to a sender who has no known appointment.
_WITHOUT_APPOINTMENT = {"confirm": "no-visit", "change": "no-visit"}


@blueprint.get("/prompts")
def topics() -> str:
    """All prompts with their state."""
    return _page("", None)


@blueprint.post("/prompts")
def try_question() -> ResponseReturnValue:
    """What the live line would understand and answer. By POST, because a question may name a person."""
    question = request.form.get("question", "").strip()[:_MOST_CHARACTERS]
    understood = _understood(question) if question else None
    if request.headers.get(HTMX):
        return render_template("prompts/_understood.html", understood=understood)
    return _page(question, understood)


def _page(question: str, understood: Understood | None) -> str:
    draft = open_draft()
    return render_template(
        "prompts/topics.html",
        groups=groups_of(draft, readable_content(draft)),
        languages=[(code, language_name(code)) for code in languages_of(draft)],
        draft=draft,
        question=question,
        understood=understood,
    )


def _understood(question: str) -> Understood:
    line = live_line()
    match = line.matcher.match_uncached(question)
    content, language = line.content, match.language

    def title(name: str) -> str:
        return title_of(content, name)

    if match.between:
        reply = ambiguous_reply(content, language, match.between)
    else:
        reply = line.text(language, _WITHOUT_APPOINTMENT.get(match.topic, match.topic))
    return Understood(
        name=match.topic if (content.config.default_language, match.topic) in content.prompts else "",
        title=title(match.topic),
        is_none=match.topic == NONE,
        between=format_list([f"“{title(name)}”" for name in match.between or ()], "or", locale=get_locale() or "en"),
        language=language,
        language_name=language_name(language),
        reply=reply,
        chances=tuple((title(name), round(score)) for name, score in match.scores.items() if score >= _SHOWN_PERCENT),
    )
