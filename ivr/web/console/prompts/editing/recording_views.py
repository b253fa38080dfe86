"""Recordings of a person's voice: uploaded or made in the browser, heard, and removed. All in the draft."""

from __future__ import annotations

import io

from flask import Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.audio.convert import UnusableAudio, duration_seconds, read_upload
from ivr.line.content.recordings import NothingToRecord, read_recording
from ivr.releases.drafts import Draft, EditConflict, FileRejected, NoDraft, Version
from ivr.releases.new_recording import new_recording
from ivr.web.console.context import staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.drafted import drafts, open_draft, prompt_file, readable_content, recorder
from ivr.web.console.prompts.editing.recorded import Slot, slots_of
from ivr.web.console.words import gettext, reason_of


def _slot(draft: Draft, language: str, name: str, target: str) -> Slot:
    """A part of a prompt that can be recorded. Answers 404 if there is none."""
    prompt_file(draft, language, name)
    slots = slots_of(draft, readable_content(draft), language, name)
    return next((slot for slot in slots if slot.target == target), None) or abort(404)


@blueprint.get("/prompts/<language>/<name>/recordings/<target>")
def recording(language: str, name: str, target: str) -> Response:
    """The recording of a part in the draft."""
    draft = open_draft()
    slot = _slot(draft, language, name, target)
    if not slot.file:
        abort(404)
    sound = read_recording(slot.file, draft.files[slot.file])
    return Response(sound.data, content_type=sound.media_type)


@blueprint.post("/prompts/<language>/<name>/recordings/<target>")
def record(language: str, name: str, target: str) -> ResponseReturnValue:
    """Save an uploaded WAV or MP3 as the recording of a part, converted for telephones."""
    draft = open_draft()
    slot = _slot(draft, language, name, target)
    if request.form.get("version", "") != slot.version:
        abort(409)
    upload = request.files.get("recording")
    back = redirect(url_for("prompts.editor", language=language, name=name, _anchor=f"record-{target}"), 303)
    if upload is None or not upload.filename:
        flash(gettext("Choose a file first, or record with the microphone."), "wrong")
        return back
    try:
        data = read_upload(io.BytesIO(upload.stream.read()))
        new = new_recording(readable_content(draft), draft.files, f"{language}/{target}", data)
        files: dict[str, Version] = {old: (None, draft.version(old)) for old in new.replaced}
        files[new.file] = (new.data, draft.version(new.file))
        drafts().save_together(files, staff_user().name, clock.now(), recorder())
    except EditConflict:
        abort(409)
    except (UnusableAudio, NothingToRecord, FileRejected, NoDraft) as refused:
        flash(reason_of(refused), "wrong")
        return back
    seconds = round(duration_seconds(new.data))
    flash(gettext("Saved in the draft: a recording of %(seconds)s seconds.", seconds=seconds))
    return back


@blueprint.post("/prompts/<language>/<name>/recordings/<target>/remove")
def remove_recording(language: str, name: str, target: str) -> ResponseReturnValue:
    """Go back to the line's own voice."""
    draft = open_draft()
    slot = _slot(draft, language, name, target)
    if not slot.file:
        abort(409)
    try:
        drafts().remove(slot.file, staff_user().name, clock.now(), request.form.get("version", ""), recorder())
    except (EditConflict, FileRejected, NoDraft):
        abort(409)
    flash(gettext("Removed in the draft: callers hear the line's own voice once it is published."))
    return redirect(url_for("prompts.editor", language=language, name=name, _anchor=f"record-{target}"), 303)
