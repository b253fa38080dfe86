"""The editor of one prompt: its words, checked as one types, and saved in the shared draft."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from ivr import clock
from ivr.line.audio.tts_preview import PreviewUnavailable, render_preview, spoken_prompts
from ivr.line.content.loader import Content
from ivr.line.content.prompt import SECTIONS
from ivr.line.content.revisions.sign_off import is_signed_off, requires_sign_off
from ivr.line.content.revisions.translations import check_translation
from ivr.releases.drafts import Draft, EditConflict, FileRejected, NoDraft
from ivr.web.console.context import staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import collision_of
from ivr.web.console.prompts.drafted import (
    drafts,
    language_name,
    languages_of,
    open_draft,
    prompt_file,
    readable_content,
    recorder,
)
from ivr.web.console.prompts.editing.editor_form import (
    MOST_PARTS,
    NotReadable,
    first_field,
    read_form,
    unchecked_view,
    view_of,
    written,
)
from ivr.web.console.prompts.editing.recorded import slots_of
from ivr.web.console.prompts.editing.sections import PromptFields, fields_of
from ivr.web.console.prompts.filters import TITLES, chosen_filter, following
from ivr.web.console.prompts.tree import source_digest, title_of
from ivr.web.console.security.kept_forms import kept_fields
from ivr.web.console.words import gettext, reason_of

_WHOLE = "file"
# Of a page that was only opened. heard: the token of a sound of words that are not saved.
_NOTHING: dict[str, Any] = {
    "errors": {},
    "conflict": "",
    "collision": None,
    "question": "",
    "understood": None,
    "is_preview": False,
    "heard": "",
}


@blueprint.get("/prompts/<string(length=2):language>/<name>")
def editor(language: str, name: str) -> str:
    """The words of one prompt in the draft. `?as=file` shows the whole file."""
    draft = open_draft()
    file = prompt_file(draft, language, name)
    data = draft.files[file]
    kept = kept_fields(request.script_root + request.path)
    sent: PromptFields | str | None = data.decode("utf-8", "replace") if request.args.get("as") == _WHOLE else None
    if kept:
        try:
            sent = read_form(MultiDict((key, value) for key, values in kept.items() for value in values))
        except NotReadable:
            kept = {}
    version, question = (
        kept.get(key, [value])[0] for key, value in (("version", draft.version(file)), ("question", ""))
    )
    return editor_page(draft, file, sent, version=version, question=question)


def editor_page(draft: Draft, file: str, sent: PromptFields | str | None, **values: Any) -> str:
    """The page with the fields that were sent, or those of the file. values: of the template."""
    language, _, name = file.removesuffix(".md").partition("/")
    content = readable_content(draft)
    try:
        form = view_of(content, file, draft.files[file], sent)
    except NotReadable as refused:
        values["errors"] = refused.errors
        form = unchecked_view(draft.files[file], sent)
    return render_template(
        "prompts/editor.html",
        language=language,
        language_name=language_name(language),
        name=name,
        title=title_of(content, name, language),
        form=form,
        addable=_addable(form.fields) if form.fields else [],
        change=draft.changed.get(file),
        can_listen=name in spoken_prompts(content, language),
        slots=slots_of(draft, content, language, name),
        others=_others(draft, language, name),
        show=chosen_filter(),
        following=following(draft, content, chosen_filter(), language, name) if chosen_filter() else None,
        filters=TITLES,
        **{**_NOTHING, **values, **_sign_off(content, language, name)},
    )


def _addable(fields: PromptFields) -> list[tuple[str, str]]:
    if len(fields.parts) == MOST_PARTS:
        return []
    present = {part.heading for part in fields.parts}
    labels = {"Spoken": gettext("Add a spoken part"), "Texted": gettext("Add a text message")}
    return [(heading, label) for heading, label in labels.items() if heading == "Spoken" or heading not in present]


def _others(draft: Draft, language: str, name: str) -> list[dict[str, Any]]:
    """The same prompt in the other languages."""
    found = []
    for code in languages_of(draft):
        data = draft.files.get(f"{code}/{name}.md")
        fields = fields_of(data) if code != language and data is not None else None
        if fields:
            found.append({"code": code, "name": language_name(code), "fields": fields})
    return found


def _sign_off(content: Content, language: str, name: str) -> dict[str, Any]:
    prompt = content.prompts.get((language, name))
    return {
        "prompt": prompt,
        "is_signed": prompt is not None and is_signed_off(prompt),
        "needs_sign_off": name in requires_sign_off(content),
        "is_behind": prompt is not None and any(check_translation(content, prompt)),
        "source": source_digest(content, language, name),
    }


@blueprint.post("/prompts/<string(length=2):language>/<name>/proof")
def proof(language: str, name: str) -> ResponseReturnValue:
    """The fragments with findings and measures of words that are being typed."""
    draft = open_draft()
    file = prompt_file(draft, language, name)
    try:
        form = view_of(readable_content(draft), file, draft.files[file], read_form(request.form))
    except NotReadable as refused:
        return render_template("prompts/_proof.html", form=None, problem=str(refused), live=True, language=language)
    return render_template("prompts/_proof.html", form=form, problem="", live=True, language=language)


@blueprint.post("/prompts/<string(length=2):language>/<name>")
def save(language: str, name: str) -> ResponseReturnValue:
    """Save into the draft. Another version that was saved meanwhile is shown, never overwritten unseen."""
    draft = open_draft()
    file = prompt_file(draft, language, name)
    version = request.form.get("version", "")
    try:
        sent = read_form(request.form)
    except NotReadable as refused:
        return editor_page(draft, file, None, version=version, errors=refused.errors), 400
    try:
        if isinstance(sent, PromptFields) and request.form.get("add") in SECTIONS:
            return editor_page(draft, file, sent.with_new_part(request.form["add"]), version=version)
        data = written(draft.files[file], sent)
    except NotReadable:
        return editor_page(draft, file, sent, version=version), 400
    try:
        # A person who has seen the other version may replace it.
        expected = request.form.get("replaces") or version
        saved = drafts().save(file, data, staff_user().name, clock.now(), expected, recorder(file))
    except EditConflict as conflict:
        return _conflict(file, data, sent, str(conflict)), 409
    except (FileRejected, NoDraft) as refused:
        return editor_page(draft, file, sent, version=version, errors={first_field(sent): reason_of(refused)}), 400
    flash(
        gettext("Saved in the draft. It goes live once the draft is published.")
        if file in saved.changed
        else gettext("These are the live words, so the draft does not change them.")
    )
    return redirect(url_for("prompts.editor", language=language, name=name, show=chosen_filter() or None), 303)


def _conflict(file: str, data: bytes, sent: PromptFields | str, sentence: str) -> str:
    """The page with both versions, word by word."""
    current = open_draft()
    collision = collision_of(current, {file: data})
    if not collision.changes:
        sentence = gettext("Somebody else saved the same words.")
    version = current.version(file)
    # The fields are those of the file that was sent, because the parts of the other version may be others.
    mine = fields_of(data) if isinstance(sent, PromptFields) else None
    return editor_page(current, file, mine or data.decode(), version=version, conflict=sentence, collision=collision)


@blueprint.get("/prompts/<string(length=2):language>/<name>/listen.wav")
def listen(language: str, name: str) -> Response:
    """The prompt of the draft in the local voice, at the quality of a telephone."""
    content = readable_content(open_draft())
    try:
        sound = render_preview(content, language, name, telephone=True)
    except (KeyError, PreviewUnavailable):
        abort(404)
    return Response(sound, content_type="audio/wav")
