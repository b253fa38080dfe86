"""Clinical sign-off of exact words, and saying that a translation is up to date."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.prompt import read_prompt
from ivr.line.content.revisions.sign_off import is_signed_off, with_sign_off
from ivr.line.content.revisions.translations import mark_up_to_date
from ivr.people.audit import AuditKind
from ivr.releases.drafts import EditConflict, FileRejected, NoDraft
from ivr.web.console.context import live_line, staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import Collision, collision_of
from ivr.web.console.prompts.drafted import (
    drafts,
    language_name,
    open_draft,
    prompt_file,
    readable_content,
    recorder,
)
from ivr.web.console.prompts.filters import BEHIND, SIGN_OFF, chosen_filter, following
from ivr.web.console.prompts.tree import source_digest, title_of
from ivr.web.console.words import gettext, reason_of

# Where a person who works through a list does the same with the next prompt.
_PAGES_OF_WORK = {SIGN_OFF: "prompts.ask_sign_off", BEHIND: "prompts.editor"}


@blueprint.get("/prompts/<string(length=2):language>/<name>/sign-off")
def ask_sign_off(language: str, name: str) -> ResponseReturnValue:
    """The exact words, as they are saved, to read before signing them off."""
    return _page(language, name)


def _page(language: str, name: str, collision: Collision | None = None) -> ResponseReturnValue:
    draft = open_draft()
    file = prompt_file(draft, language, name)
    try:
        prompt = read_prompt(file, draft.files[file])
    except BrokenPrompts:
        flash(gettext("The draft of that prompt has an error. Open it, and fix it first."), "wrong")
        return _back(language, name)
    content, show = readable_content(draft), chosen_filter()
    page = render_template(
        "prompts/sign_off.html",
        language=language,
        language_name=language_name(language),
        name=name,
        title=title_of(content, name, language),
        prompt=prompt,
        is_signed=is_signed_off(prompt),
        version=draft.version(file),
        whole=draft.files[file].decode("utf-8", "replace"),
        collision=collision,
        show=show,
        following=following(draft, content, show, language, name) if show == SIGN_OFF else None,
    )
    return page, 409 if collision else 200


@blueprint.post("/prompts/<string(length=2):language>/<name>/sign-off")
def sign_off(language: str, name: str) -> ResponseReturnValue:
    """Sign off exactly the words that were shown, in the draft."""
    today = clock.now().astimezone(live_line().content.config.zone).date()
    by = staff_user().name
    saved = gettext("Signed off in the draft. It counts once the draft is published.")
    try:
        return _rewrite(language, name, lambda data: with_sign_off(data, by, today), AuditKind.PROMPT_SIGNED_OFF, saved)
    except EditConflict:
        draft, file = open_draft(), f"{language}/{name}.md"
        # Only what was read is shown again, so a reader who sends other words here deceives nobody but themselves.
        return _page(language, name, collision_of(draft, {file: request.form.get("whole", "").encode()}))


@blueprint.post("/prompts/<string(length=2):language>/<name>/up-to-date")
def up_to_date(language: str, name: str) -> ResponseReturnValue:
    """Record that a translation says what the first language says now."""
    content = readable_content(open_draft())
    digest = source_digest(content, language, name)
    saved = gettext("Noted in the draft: this says the same as the other language.")
    if digest is not None and digest == request.form.get("source"):
        try:
            return _rewrite(language, name, lambda data: mark_up_to_date(data, digest), AuditKind.DRAFT_CHANGED, saved)
        except EditConflict:
            pass
    flash(
        gettext("Somebody else changed one of the two languages in the meantime. Compare them as they are now."),
        "wrong",
    )
    return _back(language, name)


def _rewrite(
    language: str, name: str, change: Callable[[bytes], bytes], kind: AuditKind, done: str
) -> ResponseReturnValue:
    """Change fields of the version that was shown. Raises EditConflict."""
    draft = open_draft()
    file = prompt_file(draft, language, name)
    try:
        data = change(draft.files[file])
        drafts().save(
            file, data, staff_user().name, clock.now(), request.form.get("version", ""), recorder(file, kind=kind)
        )
    except (FileRejected, NoDraft, BrokenPrompts, ValueError) as refused:
        flash(reason_of(refused), "wrong")
        return _back(language, name)
    flash(done)
    return _onward(language, name)


def _back(language: str, name: str) -> ResponseReturnValue:
    return redirect(url_for("prompts.editor", language=language, name=name, show=chosen_filter() or None), 303)


def _onward(language: str, name: str) -> ResponseReturnValue:
    """To the next prompt of the list that a person works through; or back to this one, if it is no such list."""
    show, draft = chosen_filter(), open_draft()
    page = _PAGES_OF_WORK.get(show)
    if page is None:
        return _back(language, name)
    found = following(draft, readable_content(draft), show, language, name)
    if found is None:
        return redirect(url_for("prompts.topics", show=show, _anchor="list"), 303)
    return redirect(url_for(page, language=found.language, name=found.name, show=show), 303)
