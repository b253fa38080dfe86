"""The menus of the draft, with their picture, and moving a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ivr import clock
from ivr.line.content.loader import LINE_FILE
from ivr.line.diagram.svg import render_svg
from ivr.releases.drafts import EditConflict, FileRejected, NoDraft, Version
from ivr.web.console.context import staff_user
from ivr.web.console.language import language as page_language
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import saved_by
from ivr.web.console.prompts.drafted import drafts, language_name, readable_content, recorder
from ivr.web.console.prompts.line.line_file import LineFile, Refused, open_line_file
from ivr.web.console.prompts.line.menu_moves import moved
from ivr.web.console.prompts.tree import title_of
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext, reason_of

_pictures: dict[tuple[str, str], str] = {}
_MOST_PICTURES = 6


@dataclass(frozen=True)
class _Choice:
    """A choice of a menu. words: as callers hear it. leads_to: the title of the prompt or the name of the office."""

    key: str
    words: str
    leads_to: str


@dataclass(frozen=True)
class _Menu:
    name: str
    title: str
    choices: tuple[_Choice, ...]


@blueprint.get("/prompts/menus")
def menus() -> str:
    """Each menu with its choices in order, and the picture of the draft."""
    return _page(open_line_file(), {})


def _page(line: LineFile, errors: Mapping[str, str]) -> str:
    content = readable_content(line.draft)
    language = request.args.get("language", "")
    language = language if language in content.config.languages else content.config.default_language
    # The words are those of the page, where the line has its language.
    shown_in = page_language() if page_language() in content.config.languages else content.config.default_language
    offices = {entry.id: entry.name[shown_in] for entry in content.config.directory}
    shown = []
    for name, menu in content.config.menus.items():
        prompt = content.prompts[shown_in, name]
        choices = (
            _Choice(key, prompt.choices.get(key, ""), offices.get(target) or title_of(content, target))
            for key, target in sorted(menu.choices.items())
        )
        shown.append(_Menu(name, title_of(content, name), tuple(choices)))
    key = (content.digest, language)
    if key not in _pictures:
        while len(_pictures) >= _MOST_PICTURES:
            _pictures.pop(next(iter(_pictures)), None)
        _pictures[key] = render_svg(content, language)
    return render_template(
        "prompts/menus.html",
        menus=shown,
        errors=errors,
        typed=kept_values(),
        stamp=_stamp(line),
        # All its words are escaped, since it is built as an XML tree.
        picture=Markup(_pictures[key]),  # noqa: S704
        language=language,
        languages=[(code, language_name(code)) for code in content.config.languages],
        default_language=content.config.default_language,
    )


def _files(line: LineFile) -> list[str]:
    """All files that a move may change."""
    prompts = (f"{language}/{menu}.md" for menu in line.config.menus for language in line.config.languages)
    return [LINE_FILE, *prompts]


def _stamp(line: LineFile) -> str:
    return " ".join(map(line.draft.version, _files(line)))


def _conflict(line: LineFile) -> tuple[str, int]:
    """The menus as they are now, with the one that was to change."""
    sentence = gettext(
        "%(name)s changed the draft in the meantime, and nothing was moved. This is the order now: check it, and move"
        " the choice again.",
        name=saved_by(line.draft, *_files(line)),
    )
    menu = request.form.get("menu", "")
    return _page(line, {f"menu-{menu}" if menu in line.config.menus else "content": sentence}), 409


@blueprint.post("/prompts/menus/move")
def move_choice() -> ResponseReturnValue:
    """Give a choice another key of its menu. The choices between move up."""
    line = open_line_file()
    if request.form.get("stamp") != _stamp(line):
        return _conflict(line)
    menu = line.config.menus.get(request.form.get("menu", ""))
    key, to = request.form.get("key", ""), request.form.get("to", "")
    if menu is None or not {key, to} <= menu.choices.keys():
        abort(404)
    back = redirect(url_for("prompts.menus", _anchor=f"menu-{request.form['menu']}"), 303)
    if key == to:
        flash(gettext("Choose another key for this choice first."), "wrong")
        return back
    try:
        files = moved(line, readable_content(line.draft), request.form["menu"], key, to)
        versions: dict[str, Version] = {name: (data, line.draft.version(name)) for name, data in files.items()}
        drafts().save_together(versions, staff_user().name, clock.now(), recorder(*versions))
    except EditConflict:
        return _conflict(open_line_file())
    except (Refused, FileRejected, NoDraft) as refused:
        flash(reason_of(refused), "wrong")
    else:
        flash(gettext("Moved in the draft, in every language. It goes live once the draft is published."))
    return back
