"""The plan of reminders: what is live, and a form that changes the draft."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.content.config import ReminderRules
from ivr.line.content.loader import LINE_FILE
from ivr.people.audit import AuditKind
from ivr.releases.drafts import Draft, EditConflict, FileRejected, NoDraft
from ivr.web.console.context import audit, live_line, services, staff_user
from ivr.web.console.prompts.collisions import Collision, collision_of, saved_by
from ivr.web.console.prompts.drafted import drafts, language_name
from ivr.web.console.prompts.editing.editor_form import sentence_of, sentences_of
from ivr.web.console.reminders.plan_drawing import step_words, timeline
from ivr.web.console.reminders.plan_form import (
    EVERYBODY,
    NEW,
    UNCONFIRMED,
    StepFields,
    adds_step,
    changed_file,
    changes_of,
    check_plan,
    errors_of,
    fields_of,
    prompts_of,
    rules_of,
    with_newer_steps,
)
from ivr.web.console.reminders.views import blueprint
from ivr.web.console.security.gate import may_open
from ivr.web.console.security.kept_forms import kept_values
from ivr.web.console.words import gettext, reason_of


@dataclass(frozen=True)
class _Drafted:
    """The plan in the draft. rules: None if the draft's line.yaml cannot be read."""

    draft: Draft
    rules: ReminderRules | None

    @property
    def version(self) -> str:
        return self.draft.version(LINE_FILE)

    @property
    def plan(self) -> str:
        """Names the plan, which stays the same while somebody else changes hours or menus in the same file."""
        return sha256(self.rules.model_dump_json().encode()).hexdigest()[:16] if self.rules else ""


def _drafted() -> _Drafted | None:
    """The plan in the draft; None before the first release is published."""
    try:
        draft = drafts().open()
    except NoDraft:
        return None
    return _Drafted(draft, rules_of(draft.files.get(LINE_FILE, b"")))


@blueprint.get("/reminders/plan")
def plan() -> str:
    """The plan that is live, as a time line and as a table; that of the draft, if it differs; and the form."""
    drafted = _drafted()
    fields: dict[str, str] = {}
    if drafted and drafted.rules:
        fields = fields_of(drafted.rules)
        kept = kept_values()
        if kept:
            fields |= kept
            # A box that is not ticked is not sent.
            boxes = [name for names in (NEW, *map(StepFields, drafted.rules.plan)) for name in names.boxes]
            fields |= {name: "" for name in boxes if name not in kept}
    return _page(drafted, fields, {})


def _page(
    drafted: _Drafted | None,
    fields: dict[str, str],
    errors: dict[str, str],
    conflict: str = "",
    collision: Collision | None = None,
) -> str:
    config = live_line().content.config
    rules = config.reminders
    return render_template(
        "reminders/plan.html",
        rules=rules,
        drawing=timeline(rules),
        drafted=drafted,
        may_save=may_open("reminders.save_plan", staff_user().role),
        is_changed=bool(drafted and drafted.rules and drafted.rules != rules),
        draft_drawing=timeline(drafted.rules) if drafted and drafted.rules else None,
        steps=[StepFields(step) for step in drafted.rules.plan] if drafted and drafted.rules else [],
        step_words=step_words,
        new=NEW,
        adds=adds_step(fields),
        words_choices=[
            ("", gettext("Choose…")),
            *((name, gettext("those of %(name)s", name=name)) for name in _prompts(drafted)),
        ],
        languages=[(code, language_name(code)) for code in config.languages],
        fields=fields,
        errors=errors,
        conflict=conflict,
        collision=collision,
        units=[("d", gettext("days")), ("h", gettext("hours")), ("m", gettext("minutes"))],
        audiences=[(EVERYBODY, gettext("everybody")), (UNCONFIRMED, gettext("those who have not confirmed"))],
    )


def _prompts(drafted: _Drafted | None) -> list[str]:
    return prompts_of(drafted.draft.files) if drafted else []


@blueprint.post("/reminders/plan")
def save_plan() -> ResponseReturnValue:
    """Write the plan into the draft, unless a check finds an error in it."""
    drafted, fields = _drafted(), request.form.to_dict()
    if drafted is None or drafted.rules is None:
        return redirect(url_for("reminders.plan"), 303)
    if fields.get("version") != drafted.version and fields.get("plan") != drafted.plan:
        return _conflict(drafted, drafted.rules, fields)
    errors = errors_of(drafted.rules, fields, _prompts(drafted))
    if errors:
        return _page(drafted, fields, errors), 400
    changes = changes_of(drafted.rules, fields)
    if not changes:
        flash(gettext("The plan is the same as before, so nothing was saved."))
        return redirect(url_for("reminders.plan"), 303)
    try:
        data = changed_file(drafted.draft.files, changes)
    except KeyError:
        return _page(drafted, fields, _unusual_file()), 400
    wrong, warnings = check_plan({**drafted.draft.files, LINE_FILE: data})
    if wrong:
        return _page(drafted, fields, {"plan-form": sentences_of(wrong)}), 400
    try:
        drafts().save(LINE_FILE, data, staff_user().name, clock.now(), drafted.version)
    except EditConflict:
        # What the check above does for a page that is older.
        return save_plan()
    except (FileRejected, NoDraft) as refused:
        return _page(_drafted(), fields, {}, reason_of(refused)), 409
    with services().ledger.write() as connection:
        audit(connection, AuditKind.DRAFT_CHANGED, files=[LINE_FILE])
    flash(gettext("The plan is saved in the draft. It applies to patients once the draft is published."))
    for warning in warnings:
        flash(sentence_of(warning))
    return redirect(url_for("reminders.plan"), 303)


def _conflict(drafted: _Drafted, rules: ReminderRules, sent: dict[str, str]) -> ResponseReturnValue:
    """The form as it was sent, with what differs from the draft. Sending it again replaces the other version."""
    fields = with_newer_steps(rules, sent)
    errors = errors_of(rules, fields, _prompts(drafted))
    collision = None
    try:
        if not errors:
            data = changed_file(drafted.draft.files, changes_of(rules, fields))
            collision = collision_of(drafted.draft, {LINE_FILE: data})
    except KeyError:
        errors = _unusual_file()
    sentence = gettext(
        "%(name)s changed the draft in the meantime. Compare both versions, correct the fields, and save again.",
        name=saved_by(drafted.draft, LINE_FILE),
    )
    return _page(drafted, fields, errors, sentence, collision), 409


def _unusual_file() -> dict[str, str]:
    sentence = gettext(
        "The plan is written in a way that cannot be changed here. Ask your IT department to edit the file line.yaml."
    )
    return {"plan-form": sentence}
