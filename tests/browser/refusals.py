"""Pages that ask before something is done, and answers to what cannot be done: a colleague was faster, or the role."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from ivr.staff.sign_in_limit import MAX_BY_NAME
from ivr.web.console.prompts.publishing.jobs import Job, Kind, Outcome
from tests.browser.pages import PAGES, Scene

_NUMBER = "#central-scheduling-number"
_SUBMIT = "form => form.submit()"


def text_to_send(scene: Scene) -> Page:
    page = scene.page
    page.goto("/console/people/appointments/MA-1001")
    page.locator("form[action$='/texts/send']").first.get_by_role("button").click()
    return page


def shown_message(scene: Scene) -> Page:
    """The page that shows a message without scripts."""
    page = scene.page
    scene.messages()
    page.goto(f"/console{PAGES['work.show_message'](scene)}")
    page.locator("form[action$='/text']").evaluate(_SUBMIT)
    return page


def overtaken_sign_off(scene: Scene) -> Page:
    """A sign-off of words that were changed while they were read."""
    page = scene.page
    page.goto("/console/prompts/en/dense/sign-off")
    with _another_tab(page, "/prompts/en/dense") as other:
        words = other.locator("#words-0").input_value()
        other.locator("#words-0").fill(f"{words.rstrip()} Ask us about that.")
        other.get_by_role("button", name="Save in the draft").click()
        other.get_by_text("Saved in the draft.").wait_for()
    page.get_by_role("button", name="Sign off these words").click()
    return page


@contextmanager
def _another_tab(page: Page, path: str) -> Iterator[Page]:
    other = page.context.new_page()
    other.goto(f"/console{path}")
    yield other
    other.close()


def _change_line_file(page: Page) -> None:
    """Save another phone number of an office in another tab."""
    with _another_tab(page, "/prompts/hours") as other:
        _change_number(other)
        other.get_by_text("Saved in the draft.").wait_for()


def _change_number(page: Page) -> None:
    """A number that no earlier change has left."""
    number = page.locator(_NUMBER)
    last = int(number.input_value()[-2:])
    number.fill(f"603-555-01{(last + 1) % 100:02}")
    page.get_by_role("button", name="Save hours and numbers in the draft").click()


def line_file_conflict(path: str, act: Callable[[Page], None]) -> Callable[[Scene], Page]:
    """A form about hours or menus, sent after somebody else has changed the file of both."""

    def lead(scene: Scene) -> Page:
        page = scene.page
        page.goto(f"/console{path}")
        _change_line_file(page)
        act(page)
        return page

    return lead


def plan_conflict(scene: Scene) -> Page:
    """A plan, sent after somebody else has changed it."""
    page = scene.page
    page.goto("/console/reminders/plan")
    with _another_tab(page, "/reminders/plan") as other:
        most = other.get_by_label("Most texts to a number in seven days")
        most.fill("5" if most.input_value() == "4" else "4")
        _save_plan(other)
        other.get_by_text("The plan is saved in the draft.").wait_for()
    _save_plan(page)
    return page


def _save_plan(page: Page) -> None:
    page.get_by_role("button", name="Save the plan in the draft").click()


def note_conflict(scene: Scene) -> Page:
    """Notes about the same item from two tabs."""
    page, path = scene.page, PAGES["work.show_item"](scene)
    page.goto(f"/console{path}")
    with _another_tab(page, path) as other:
        _write_note(other, "Call after noon.")
        other.get_by_text("The note is saved.").wait_for()
    _write_note(page, "Wants a morning.")
    return page


def _write_note(page: Page, words: str) -> None:
    note = page.get_by_role("textbox", name="Note")
    note.fill(f"{note.input_value()} {words}")
    page.get_by_role("button", name="Save the note").click()


def not_for_this_role(scene: Scene) -> Page:
    return scene.office.page("scheduler", "/console/settings/users", reduced_motion="reduce")


def too_large(scene: Scene) -> Page:
    """The page of a file that is larger than its limit, which scripts refuse before it is sent."""
    page = scene.page
    page.goto("/console/reminders/upload")
    file = scene.folder / "archive.csv"
    file.write_bytes(b"x" * 21 * 1024 * 1024)
    field = page.get_by_label("File with appointments")
    field.set_input_files(file)
    field.evaluate("field => field.form.submit()")
    return page


def too_many_attempts(scene: Scene) -> Page:
    """The answer to somebody who has tried a wrong password for one name too often."""
    page = scene.stranger("/login")
    for _ in range(MAX_BY_NAME + 1):
        page.get_by_label("Email address").fill("nobody.else@example.org")
        page.get_by_label("Password", exact=True).fill("not it, not at all")
        page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def went_live(scene: Scene) -> Page:
    """The page of a change that is live, as its process leaves it: a real one takes a minute."""
    job = Job(Kind.PUBLISH, 1, "Ruth Okafor", outcome=Outcome.LIVE, release=2)
    with _stored(scene.office.line.var_dir / "prompt-jobs" / "change.json", job.as_json()):
        scene.page.goto("/console/prompts/draft/publishing")
    return scene.page


@contextmanager
def _stored(file: Path, words: str) -> Iterator[None]:
    """Put words into a file, and restore what it had."""
    earlier = file.read_text() if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    file.write_text(words)
    yield
    file.write_text(earlier) if earlier is not None else file.unlink()


# How to get to each page, and words of it.
REFUSALS: Mapping[str, tuple[Callable[[Scene], Page], str]] = {
    "a text to send": (text_to_send, "It cannot be called back."),
    "a message, shown once": (shown_message, "Back to the page before"),
    "a sign-off of words that changed": (overtaken_sign_off, "and nothing was signed off."),
    "hours that a colleague changed": (
        line_file_conflict("/prompts/hours", _change_number),
        "Somebody else changed the draft in the meantime.",
    ),
    "menus that a colleague changed": (
        line_file_conflict("/prompts/menus", lambda page: page.get_by_role("button", name="Move").first.click()),
        "and nothing was moved.",
    ),
    "a plan that a colleague changed": (
        plan_conflict,
        "changed the draft in the meantime. Compare both versions",
    ),
    "a note that a colleague changed": (note_conflict, "The stored note:"),
    "a page of another role": (not_for_this_role, "Your role does not include this page."),
    "a file that is too large": (too_large, "larger than 20 MB"),
    "too many attempts to sign in": (too_many_attempts, "Too many attempts."),
    "words that are live": (went_live, "calls and texts that begin now get the new words"),
}
