"""Words as they are being typed: heard, with their limits, and what they would understand. Nothing is saved."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from ivr.line.audio.tts_preview import PreviewUnavailable, render_preview
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content
from ivr.line.content.prompt import read_prompt
from ivr.releases.drafts import Draft
from ivr.web.console.context import services, staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.drafted import open_draft, prompt_file, readable_content
from ivr.web.console.prompts.editing.editor_form import NotReadable, read_form, view_of, written
from ivr.web.console.prompts.editing.editor_views import editor_page
from ivr.web.console.prompts.editing.kept_sounds import KeptSounds
from ivr.web.console.prompts.editing.sections import PromptFields
from ivr.web.console.prompts.understanding import MOST_CHARACTERS, Understood, understood_in_draft
from ivr.web.console.security.form_pages import HTMX


def kept_sounds() -> KeptSounds:
    return KeptSounds(services().settings.var_dir)


@blueprint.post("/prompts/<string(length=2):language>/<name>/preview")
def preview(language: str, name: str) -> ResponseReturnValue:
    """The words as they are typed, with a sound of them."""
    draft, file, sent, errors = _typed(language, name)
    heard = _heard(draft, file, sent) if sent is not None else ""
    if request.headers.get(HTMX) and sent is not None:
        try:
            form = view_of(readable_content(draft), file, draft.files[file], sent)
        except NotReadable as refused:
            return render_template("prompts/_proof.html", form=None, problem=str(refused), live=True, language=language)
        return render_template(
            "prompts/_preview.html",
            form=form,
            problem="",
            live=True,
            language=language,
            heard=heard,
            understood=_understood(draft, file, sent),
        )
    return _page(draft, file, sent, errors=errors, heard=heard), 400 if errors else 200


@blueprint.post("/prompts/<string(length=2):language>/<name>/try")
def try_words(language: str, name: str) -> ResponseReturnValue:
    """What the draft with the words as they are typed would understand. By POST: a question may name a person."""
    draft, file, sent, errors = _typed(language, name)
    if request.headers.get(HTMX):
        return render_template("prompts/_understood.html", understood=_understood(draft, file, sent))
    return _page(draft, file, sent, errors=errors), 400 if errors else 200


@blueprint.get("/prompts/sounds/<token>")
def kept_sound(token: str) -> Response:
    """A sound that is not saved, for the user who made it."""
    sound = kept_sounds().get(staff_user().id, token)
    return Response(sound, content_type="audio/wav") if sound is not None else abort(404)


def _typed(language: str, name: str) -> tuple[Draft, str, PromptFields | str | None, dict[str, str]]:
    """The draft, the name of the file, what was sent, and what is wrong with it."""
    draft = open_draft()
    file = prompt_file(draft, language, name)
    try:
        return draft, file, read_form(request.form), {}
    except NotReadable as refused:
        return draft, file, None, dict(refused.errors)


def _page(
    draft: Draft,
    file: str,
    sent: PromptFields | str | None,
    *,
    errors: dict[str, str],
    heard: str = "",
) -> str:
    values = {"errors": errors} if errors else {}
    return editor_page(
        draft,
        file,
        sent,
        version=request.form.get("version", ""),
        question=_question(),
        is_preview=True,
        heard=heard,
        understood=_understood(draft, file, sent),
        **values,
    )


def _question() -> str:
    return request.form.get("question", "").strip()[:MOST_CHARACTERS]


def _understood(draft: Draft, file: str, sent: PromptFields | str | None) -> Understood | None:
    """What is understood of the question in the form; None if there is none."""
    if sent is None or not _question():
        return None
    content = _with_typed(draft, file, sent) or readable_content(draft)
    return understood_in_draft(content, _question(), file.partition("/")[0])


def _heard(draft: Draft, file: str, sent: PromptFields | str) -> str:
    """The token of a sound of the words; empty if they cannot be heard."""
    content = _with_typed(draft, file, sent)
    language, _, name = file.removesuffix(".md").partition("/")
    if content is None:
        return ""
    try:
        return kept_sounds().keep(staff_user().id, render_preview(content, language, name, telephone=True))
    except (KeyError, PreviewUnavailable):
        return ""


def _with_typed(draft: Draft, file: str, sent: PromptFields | str) -> Content | None:
    """The content of the draft with the words that were sent; None if they cannot be read."""
    content = readable_content(draft)
    try:
        data = written(draft.files[file], sent)
        prompt = read_prompt(file, data)
    except (NotReadable, BrokenPrompts):
        return None
    prompts = {**content.prompts, (prompt.language, prompt.name): prompt}
    return replace(content, prompts=prompts, files={**content.files, file: data})
