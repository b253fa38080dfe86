"""The draft: what differs from the live words, its check, publishing it, and throwing changes away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr.line.content.findings import Finding
from ivr.line.content.loader import LINE_FILE, is_prompt
from ivr.line.content.recordings import recordings_by_file
from ivr.line.content.revisions.diff import Change, diff_files
from ivr.releases.drafts import Draft, DraftFile, EditConflict, NoDraft
from ivr.web.console.context import services, staff_user
from ivr.web.console.prompts.blueprint import blueprint
from ivr.web.console.prompts.drafted import drafts, open_draft, recorder, seen_of, stamp_of
from ivr.web.console.prompts.editing.editor_form import sentence_of
from ivr.web.console.prompts.publishing.jobs import CHANGE, Job, Jobs, Kind, check_name
from ivr.web.console.prompts.publishing.overtaken import changes_since
from ivr.web.console.security.form_pages import HTMX
from ivr.web.console.security.kept_forms import keep_form, kept_values
from ivr.web.console.words import gettext, translated

_MOST_NOTE = 500


@dataclass(frozen=True)
class ChangeView:
    """A file that the draft changes. link: to its editor. is_conflict: whether the live version changed too."""

    change: Change
    file: DraftFile
    link: str
    is_conflict: bool


@dataclass(frozen=True)
class FindingView:
    """A finding of the whole check, with a link to where it can be mended; empty if the console has no such page.

    is_older: whether it is about what the hospital has yet to confirm, whatever the draft changes.
    """

    finding: Finding
    message: str
    link: str
    is_older: bool


def jobs() -> Jobs:
    return Jobs(services().settings.var_dir)


def note_of(fields: Mapping[str, str]) -> str:
    """The note of a form, on one line."""
    return " ".join(fields.get("note", "").split())


def note_errors(note: str) -> dict[str, str]:
    """Why a note is not taken; empty if it is."""
    if len(note) <= _MOST_NOTE:
        return {}
    sentence = gettext("The note has %(count)s characters. Shorten it to %(limit)s.", count=len(note), limit=_MOST_NOTE)
    return {"note": sentence}


@dataclass(frozen=True)
class _Typed:
    """What somebody typed into the form that publishes."""

    note: str = ""
    confirmed: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> _Typed:
        return cls(note_of(fields), fields.get("confirmed") == "yes")


@blueprint.get("/prompts/draft")
def draft() -> str:
    """The differences between the draft and the live words, and what the check says."""
    opened, kept = open_draft(), kept_values()
    if "note" not in kept:
        return _page(opened, _refused_before(opened), {})
    return _page(opened, _Typed.of(kept), _overtaken(opened, kept.get("stamp", ""), _nothing_published()))


def _page(opened: Draft, typed: _Typed, errors: Mapping[str, str]) -> str:
    """errors: why nothing was done. What somebody confirmed was about the draft that they saw."""
    checked = jobs().get(check_name(stamp_of(opened))) if opened.changed else None
    return render_template(
        "prompts/draft.html",
        changes=_changes(opened),
        stamp=seen_of(opened),
        conflicts=opened.conflicts,
        note=typed.note,
        confirmed=typed.confirmed and "changes" not in errors,
        errors=errors,
        **_check_values(checked, opened),
    )


def _refused_before(opened: Draft) -> _Typed:
    """What the user typed when they last tried to publish this draft. Changed words must be confirmed again."""
    job = jobs().get(CHANGE)
    if job is None or not job.is_refused or (job.kind, job.by) != (Kind.PUBLISH, staff_user().id):
        return _Typed()
    if job.begun != _begun(opened):
        return _Typed()
    return _Typed(job.note, job.confirmed and job.stamp == stamp_of(opened))


def _begun(opened: Draft) -> str:
    return opened.begun_at.isoformat() if opened.begun_at else ""


def _overtaken(opened: Draft, seen: str, refusal: str) -> dict[str, str]:
    """Why nothing was done with a draft that is not the one that was seen, and who changed it; empty if it is."""
    return {} if seen == seen_of(opened) else _errors(opened, seen, refusal)


def _errors(opened: Draft, seen: str, refusal: str) -> dict[str, str]:
    return {"changes": " ".join([refusal, *changes_since(opened, seen)])}


def _nothing_published() -> str:
    return gettext(
        "Nothing was published, because this page was out of date. See what would change now, and publish it if it is"
        " right."
    )


def _changes(opened: Draft) -> list[ChangeView]:
    names = list(opened.changed)
    files = opened.files
    before = {name: opened.live_files[name] for name in names if name in opened.live_files}
    after = {name: files[name] for name in names if name in files}
    conflicts = {file.name for file in opened.conflicts}
    return [
        ChangeView(change, opened.changed[change.file], link_to(change.file, opened), change.file in conflicts)
        for change in diff_files(before, after)
    ]


def link_to(file: str, opened: Draft) -> str:
    """The page on which a file can be changed; empty if there is none."""
    for key, name in recordings_by_file([*opened.files, file]):
        if name == file:
            file = f"{key[0]}/{key[1]}.md"
    if is_prompt(file) and file in opened.files:
        language, _, name = file.removesuffix(".md").partition("/")
        return url_for("prompts.editor", language=language, name=name)
    return url_for("reminders.plan") if file == LINE_FILE else ""


def findings_of(job: Job, opened: Draft) -> list[FindingView]:
    """The findings of a job, errors first."""
    return [
        FindingView(
            finding,
            sentence_of(finding),
            url_for("prompts.hours") if finding.rule == "unconfirmed" else link_to(finding.file, opened),
            finding.level != "error" and finding.rule == "unconfirmed",
        )
        for finding in job.findings
    ]


def detail_of(job: Job) -> str:
    """Why a job was refused."""
    return translated(job.reason) if job.reason else job.detail


def _check_values(checked: Job | None, opened: Draft) -> dict[str, object]:
    findings = findings_of(checked, opened) if checked else []
    return {"checked": checked, "findings": findings, "sentence_of": sentence_of, "detail_of": detail_of}


@blueprint.post("/prompts/draft/check")
def check() -> ResponseReturnValue:
    """Begin the whole check of the draft, in a process of its own."""
    opened = open_draft()
    stamp = stamp_of(opened)
    user = staff_user()
    earlier = jobs().get(check_name(stamp))
    if opened.changed and (earlier is None or earlier.outcome != earlier.outcome.CHECKED):
        jobs().start(check_name(stamp), Job(Kind.CHECK, user.id, user.name, stamp))
    if request.headers.get(HTMX):
        return _checked(opened)
    return redirect(url_for("prompts.draft", _anchor="check"), 303)


@blueprint.get("/prompts/draft/check")
def checked() -> str:
    """The fragment with the check, as far as it is."""
    return _checked(open_draft())


def _checked(opened: Draft) -> str:
    found = jobs().get(check_name(stamp_of(opened)))
    return render_template("prompts/_check.html", **_check_values(found, opened))


@blueprint.post("/prompts/draft/discard")
def discard() -> ResponseReturnValue:
    """Throw the draft away, or its change to one file, if it is still the one that was seen."""
    name = request.form.get("file") or None
    refused = _act(
        lambda opened: drafts().discard(name, opened, recorder(*([name] if name else []))),
        gettext(
            "Nothing was thrown away, because this page was out of date. See what would change now, and choose again."
        ),
    )
    if refused:
        return refused
    flash(
        gettext("The change is thrown away: these are the live words again.")
        if name
        else gettext("The draft is thrown away. The live words are as they were.")
    )
    return redirect(url_for("prompts.draft"), 303)


def _act(act: Callable[[Draft], None], refusal: str) -> ResponseReturnValue | None:
    """Do something with the draft that was seen. Returns the page of the draft as it is now if that is another one."""
    opened, seen = open_draft(), request.form.get("stamp", "")
    errors = _overtaken(opened, seen, refusal)
    if not errors:
        try:
            act(opened)
        except (EditConflict, NoDraft):
            opened = open_draft()
            errors = _errors(opened, seen, refusal)
    return (_page(opened, _refused_before(opened), errors), 409) if errors else None


@blueprint.post("/prompts/draft/keep")
def keep() -> ResponseReturnValue:
    """Let the draft's version of a file replace the live one, although that changed too."""
    name = request.form.get("file", "")
    refused = _act(
        lambda opened: drafts().keep(name, opened, recorder(name)),
        gettext("Nothing was decided, because this page was out of date. See what would change now, and choose again."),
    )
    if refused:
        return refused
    flash(gettext("%(file)s of the draft replaces the live version once the draft is published.", file=name))
    return redirect(url_for("prompts.draft"), 303)


@blueprint.post("/prompts/draft/publish")
def publish() -> ResponseReturnValue:
    """Begin to check and publish the draft that was seen."""
    opened, typed, seen = open_draft(), _Typed.of(request.form), request.form.get("stamp", "")
    refused = _overtaken(opened, seen, _nothing_published())
    if refused or not opened.changed:
        return _page(opened, typed, refused or _errors(opened, seen, _nothing_published())), 409
    if too_long := note_errors(typed.note):
        return _page(opened, typed, too_long), 422
    user, stamp = staff_user(), stamp_of(opened)
    job = Job(Kind.PUBLISH, user.id, user.name, stamp, _begun(opened), note=typed.note, confirmed=typed.confirmed)
    return begin(job, url_for("prompts.draft"))


def begin(job: Job, page: str) -> ResponseReturnValue:
    """Begin to publish or to go back, and show how far that is.

    page: of the form, which is kept for it while a colleague publishes.
    """
    if not jobs().start(CHANGE, job):
        flash(gettext("Something is being published already. Wait until it is done."), "wrong")
        running = jobs().get(CHANGE)
        if running is not None and running.by != job.by:
            keep_form(page)
    return redirect(url_for("prompts.publishing"), 303)


@blueprint.get("/prompts/draft/publishing")
def publishing() -> ResponseReturnValue:
    """How far publishing or going back is: it takes up to a minute, because the line learns the new words."""
    job = jobs().get(CHANGE)
    if job is None:
        return redirect(url_for("prompts.draft"))
    template = "prompts/_publishing.html" if request.headers.get(HTMX) else "prompts/publishing.html"
    findings = findings_of(job, open_draft())
    return render_template(template, job=job, findings=findings, sentence_of=sentence_of, detail_of=detail_of)
