"""The list of prompts in all languages, and the editor of one."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ivr import clock
from ivr.line.audio.tts_preview import PreviewUnavailable, render_preview, spoken_prompts
from ivr.line.content.findings import BrokenPrompts
from ivr.line.content.loader import Content
from ivr.line.content.sign_off import is_signed_off, requires_sign_off, with_sign_off
from ivr.line.content.translations import outdated_translations
from ivr.line.lint.single_prompt import PromptProof, proof_prompt
from ivr.people.audit import AuditKind
from ivr.releases.drafts import Draft, EditConflict, FileRejected, NoDraft
from ivr.web.console.context import audit, live_line, services, staff_user
from ivr.web.console.prompts.drafted import PromptFile, drafts, languages_of, open_draft, prompt_files, readable_content
from ivr.web.console.security.kept_forms import kept_fields
from ivr.web.console.words import gettext

blueprint = Blueprint("prompts", __name__, template_folder="templates")
MAX_WORDS = 50_000


@dataclass(frozen=True)
class _Row:
    """A prompt in each language. states: by language, pairs of a badge and a word."""

    name: str
    title: str
    states: dict[str, list[tuple[str, str]]]


@blueprint.get("/prompts")
def topics() -> str:
    """All prompts with their state, and what the live line understands of some words."""
    draft = open_draft()
    content = readable_content(draft)
    question = request.args.get("question", "")[:500].strip()
    match = live_line().matcher.match_uncached(question) if question else None
    return render_template(
        "prompts/topics.html",
        groups=_groups(draft, content),
        languages=list(languages_of(draft)),
        draft=draft,
        question=question,
        match=match,
    )


def _groups(draft: Draft, content: Content) -> list[tuple[str, list[_Row]]]:
    topics = [topic.id for topic in content.config.topics]
    library = [answer.id for answer in content.config.library]
    others = sorted({prompt.name for prompt in content.prompts.values()} - {*topics, *library})
    behind, required = set(outdated_translations(content)), requires_sign_off(content)
    groups = (
        (gettext("The seven topics"), topics),
        (gettext("The library of answers"), library),
        (gettext("Greetings, menus and other words"), others),
    )
    return [(title, [_row(draft, content, name, behind, required) for name in names]) for title, names in groups]


def _row(draft: Draft, content: Content, name: str, behind: set[tuple[str, str]], required: frozenset[str]) -> _Row:
    states: dict[str, list[tuple[str, str]]] = {}
    title = name
    for language in languages_of(draft):
        prompt = content.prompts.get((language, name))
        if prompt is None:
            continue
        title = prompt.title if language == content.config.default_language and prompt.title else title
        states[language] = [
            badge
            for badge, applies in (
                (("care", gettext("in the draft")), prompt.file in draft.changed),
                (("care", gettext("translation behind")), (language, name) in behind),
                (("good", gettext("signed off")), is_signed_off(prompt)),
                (("quiet", gettext("not signed off")), name in required and not is_signed_off(prompt)),
            )
            if applies
        ]
    return _Row(name, title, states)


@blueprint.get("/prompts/<language>/<name>")
def editor(language: str, name: str) -> str:
    """The words of one prompt in the draft, with what they cost and what is wrong with them."""
    draft = open_draft()
    file = prompt_files(draft, language, name)
    kept = kept_fields(request.script_root + request.path)
    words = kept.get("words", [PromptFile.of(draft.files[file]).words])[0]
    return _editor(draft, file, words, kept.get("version", [draft.version(file)])[0])


def _editor(draft: Draft, file: str, words: str, version: str, conflict: str = "", theirs: str = "") -> str:
    language, _, name = file.removesuffix(".md").partition("/")
    content = readable_content(draft)
    data = PromptFile.of(draft.files[file]).with_words(words)
    others = [code for code in languages_of(draft) if code != language and f"{code}/{name}.md" in draft.files]
    return render_template(
        "prompts/editor.html",
        language=language,
        name=name,
        prompt=content.prompts.get((language, name)),
        words=words,
        version=version,
        proof=proof_prompt(content, file, data),
        text=_text_of(content, language, name, words) if not conflict else "",
        change=draft.changed.get(file),
        others=[(code, PromptFile.of(draft.files[f"{code}/{name}.md"]).words) for code in others],
        needs_sign_off=_needs_sign_off(content, language, name) and not conflict,
        can_listen=name in spoken_prompts(content, language),
        conflict=conflict,
        theirs=theirs,
    )


def _needs_sign_off(content: Content, language: str, name: str) -> bool:
    prompt = content.prompts.get((language, name))
    return prompt is not None and name in requires_sign_off(content) and not is_signed_off(prompt)


def _text_of(content: Content, language: str, name: str, words: str) -> str:
    """The text message as it was last saved, if the words are those."""
    prompt = content.prompts.get((language, name))
    return prompt.texted.words if prompt and prompt.texted and prompt.texted.words.strip() in words else ""


@blueprint.post("/prompts/<language>/<name>/proof")
def proof(language: str, name: str) -> str:
    """The fragment with findings and measures of words that are being typed."""
    draft = open_draft()
    file = prompt_files(draft, language, name)
    return render_template("prompts/_proof.html", proof=_proof(draft, file, _words()))


def _proof(draft: Draft, file: str, words: str) -> PromptProof:
    return proof_prompt(readable_content(draft), file, PromptFile.of(draft.files[file]).with_words(words))


def _words() -> str:
    words = request.form.get("words", "")
    return words if len(words) <= MAX_WORDS else abort(413)


@blueprint.post("/prompts/<language>/<name>")
def save(language: str, name: str) -> ResponseReturnValue:
    """Save into the draft, exactly as typed. Another version that was saved meanwhile is shown, never overwritten."""
    draft = open_draft()
    file = prompt_files(draft, language, name)
    words, version = _words(), request.form.get("version", "")
    # A person who has seen the other version may replace it.
    expected = request.form.get("replaces") or version
    data = PromptFile.of(draft.files[file]).with_words(words)
    try:
        saved = drafts().save(file, data, staff_user().name, clock.now(), expected)
    except EditConflict as conflict:
        current = open_draft()
        theirs = PromptFile.of(current.files[file]).words
        return _editor(current, file, words, current.version(file), str(conflict), theirs), 409
    except (FileRejected, NoDraft) as refused:
        return _editor(draft, file, words, version, str(refused)), 400
    with services().ledger.write() as connection:
        audit(connection, AuditKind.DRAFT_CHANGED)
    is_changed = file in saved.changed
    flash(
        gettext("Saved in the draft. It goes live once the draft is published.")
        if is_changed
        else gettext("These are the live words, so the draft does not change them.")
    )
    return redirect(url_for("prompts.editor", language=language, name=name), 303)


@blueprint.post("/prompts/<language>/<name>/sign-off")
def sign_off(language: str, name: str) -> ResponseReturnValue:
    """Sign off exactly the words that were shown, in the draft."""
    draft = open_draft()
    file = prompt_files(draft, language, name)
    today = clock.now().astimezone(live_line().content.config.zone).date()
    try:
        data = with_sign_off(draft.files[file], staff_user().name, today)
        drafts().save(file, data, staff_user().name, clock.now(), request.form.get("version", ""))
    except EditConflict:
        abort(409)
    except (FileRejected, NoDraft, BrokenPrompts, ValueError) as refused:
        flash(str(refused))
        return redirect(url_for("prompts.editor", language=language, name=name), 303)
    with services().ledger.write() as connection:
        audit(connection, AuditKind.PROMPT_SIGNED_OFF)
    flash(gettext("Signed off in the draft. It counts once the draft is published."))
    return redirect(url_for("prompts.editor", language=language, name=name), 303)


@blueprint.get("/prompts/<language>/<name>/listen.wav")
def listen(language: str, name: str) -> Response:
    """The prompt of the draft in the local voice, at the quality of a telephone."""
    content = readable_content(open_draft())
    try:
        sound = render_preview(content, language, name, telephone=True)
    except (KeyError, PreviewUnavailable):
        abort(404)
    return Response(sound, content_type="audio/wav")
