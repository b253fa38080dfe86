"""Recordings of a person's voice: uploaded or made in the browser, heard, and removed. All in the draft."""

from __future__ import annotations

import io

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.audio.convert import UnusableAudio, duration_seconds, read_upload
from ivr.line.content.recordings import NothingToRecord, read_recording
from ivr.releases.drafts import Draft, EditConflict, FileRejected, NoDraft, Version
from ivr.releases.new_recording import new_recording
from ivr.web.console.context import staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.collisions import saved_by
from ivr.web.console.prompts.drafted import (
    drafts,
    language_name,
    open_draft,
    prompt_file,
    readable_content,
    recorder,
)
from ivr.web.console.prompts.editing.preview_views import kept_sounds
from ivr.web.console.prompts.editing.recorded import Slot, slots_of
from ivr.web.console.prompts.tree import title_of
from ivr.web.console.words import gettext, reason_of


def _slot(draft: Draft, language: str, name: str, target: str) -> Slot:
    """A part of a prompt that can be recorded. Answers 404 if there is none."""
    prompt_file(draft, language, name)
    slots = slots_of(draft, readable_content(draft), language, name)
    return next((slot for slot in slots if slot.target == target), None) or abort(404)


@blueprint.get("/prompts/<string(length=2):language>/<name>/recordings/<target>")
def recording(language: str, name: str, target: str) -> Response:
    """The recording of a part in the draft."""
    draft = open_draft()
    slot = _slot(draft, language, name, target)
    if not slot.file:
        abort(404)
    sound = read_recording(slot.file, draft.files[slot.file])
    return Response(sound.data, content_type=sound.media_type)


@blueprint.post("/prompts/<string(length=2):language>/<name>/recordings/<target>")
def record(language: str, name: str, target: str) -> ResponseReturnValue:
    """Save an uploaded WAV or MP3 as the recording of a part, converted for telephones."""
    draft = open_draft()
    slot = _slot(draft, language, name, target)
    back = redirect(url_for("prompts.editor", language=language, name=name, _anchor=f"record-{target}"), 303)
    try:
        upload = _upload()
        if upload is None:
            flash(gettext("Choose a file first, or record with the microphone."), "wrong")
            return back
        new = new_recording(readable_content(draft), draft.files, f"{language}/{target}", upload)
        if request.form.get("version", "") != slot.version:
            return _collision(language, name, target, new.data)
        files: dict[str, Version] = {old: (None, draft.version(old)) for old in new.replaced}
        files[new.file] = (new.data, draft.version(new.file))
        drafts().save_together(files, staff_user().name, clock.now(), recorder(*files))
    except EditConflict:
        return _collision(language, name, target, new.data)
    except (UnusableAudio, NothingToRecord, FileRejected, NoDraft) as refused:
        flash(reason_of(refused), "wrong")
        return back
    seconds = round(duration_seconds(new.data))
    flash(gettext("Saved in the draft: a recording of %(seconds)s seconds.", seconds=seconds))
    return back


def _upload() -> bytes | None:
    """The recording that was sent, or that was kept when it collided with another; None if there is none."""
    upload = request.files.get("recording")
    if upload is not None and upload.filename:
        return read_upload(io.BytesIO(upload.read()))
    return kept_sounds().get(staff_user().id, request.form.get("sound", ""))


def _collision(language: str, name: str, target: str, mine: bytes) -> ResponseReturnValue:
    """Keep the recording that was sent, and show it beside the one that somebody else saved."""
    sound = kept_sounds().keep(staff_user().id, mine)
    page = url_for("prompts.both_recordings", language=language, name=name, target=target, sound=sound)
    return redirect(page, 303)


@blueprint.get("/prompts/<string(length=2):language>/<name>/recordings/<target>/both")
def both_recordings(language: str, name: str, target: str) -> str:
    """The recording that somebody else saved beside the one that was sent."""
    draft, sound = open_draft(), request.args.get("sound", "")
    slot = _slot(draft, language, name, target)
    mine = kept_sounds().get(staff_user().id, sound) or abort(404)
    # Of one that was removed, or replaced by another kind of file, the name is a different one.
    names = [f"recordings/{language}/{target}{ending}" for ending in (".wav", ".mp3")]
    return render_template(
        "prompts/recording_collision.html",
        language=language,
        language_name=language_name(language),
        name=name,
        title=title_of(readable_content(draft), name, language),
        slot=slot,
        who=saved_by(draft, *names),
        sound=sound,
        seconds=round(duration_seconds(mine)),
    )


@blueprint.post("/prompts/<string(length=2):language>/<name>/recordings/<target>/remove")
def remove_recording(language: str, name: str, target: str) -> ResponseReturnValue:
    """Go back to the line's own voice."""
    draft = open_draft()
    slot = _slot(draft, language, name, target)
    back = redirect(url_for("prompts.editor", language=language, name=name, _anchor=f"record-{target}"), 303)
    if not slot.file:
        flash(gettext("Somebody else has removed this recording already."), "wrong")
        return back
    try:
        drafts().remove(slot.file, staff_user().name, clock.now(), request.form.get("version", ""), recorder(slot.file))
    except EditConflict:
        sentence = gettext(
            "%(name)s changed this recording in the meantime. Listen to it, and remove it if you still want to.",
            name=saved_by(open_draft(), slot.file),
        )
        flash(sentence, "wrong")
    except (FileRejected, NoDraft) as refused:
        flash(reason_of(refused), "wrong")
    else:
        flash(gettext("Removed in the draft: callers hear the line's own voice once it is published."))
    return back
