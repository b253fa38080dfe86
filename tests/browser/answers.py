"""Pages that only a form, a moment, or a wrong address leads to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from playwright.sync_api import Page, Route

from tests.browser.files import number, write
from tests.browser.pages import PAGES, Scene, half_way, without_app

# The check takes long on a busy machine.
PUBLISH_MS = 150_000
_LIVE_PARTS = re.compile("/(progress|publishing)$")


def filled(path: str, button: str, **values: str) -> Callable[[Scene], Page]:
    """What a form answers. values: by the name of the field."""

    def fill(scene: Scene) -> Page:
        scene.page.goto(f"/console{path}")
        form = scene.page.locator("main form").filter(has=scene.page.get_by_role("button", name=button))
        for name, value in values.items():
            field = form.locator(f"[name={name}]")
            if field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        form.get_by_role("button", name=button).click()
        scene.page.wait_for_load_state()
        return scene.page

    return fill


def opened(path: str) -> Callable[[Scene], Page]:
    """A page at an address."""

    def go(scene: Scene) -> Page:
        scene.page.goto(f"/console{path}")
        return scene.page

    return go


def collision(scene: Scene) -> Page:
    """The same words, changed in two tabs."""
    path, page = "/console/prompts/en/dense", scene.page
    page.goto(path)
    words = page.locator("#words-0").input_value()
    _change_in_another_tab(page, path)
    page.locator("#words-0").fill(f"{words.rstrip()} Ask us about it.")
    page.get_by_role("button", name="Save in the draft").click()
    return page


def _change_in_another_tab(page: Page, path: str) -> None:
    other = page.context.new_page()
    other.goto(path)
    words = other.locator("#words-0").input_value()
    other.locator("#words-0").fill(f"{words.rstrip()} Ask your doctor about it.")
    other.get_by_role("button", name="Save in the draft").click()
    other.get_by_text("Saved in the draft.").wait_for()
    other.close()


def overtaken(scene: Scene) -> Page:
    """A draft that was changed after its page was opened."""
    page = scene.page
    page.goto(f"/console{scene.draft()}")
    _change_in_another_tab(page, "/console/prompts/en/prevent")
    page.get_by_role("button", name="Check and publish").click()
    return page


def _no_news(route: Route) -> None:
    """Answer a live part with nothing, so that the page stays as it is."""
    if "hx-request" in route.request.headers:
        route.fulfill(status=204)
    else:
        route.continue_()


def paused(lead: Callable[[Scene], Page]) -> Callable[[Scene], Page]:
    """A page of work that goes on, as it was when it was opened."""

    def pause(scene: Scene) -> Page:
        page = scene.page.context.new_page()
        page.emulate_media(reduced_motion="reduce")
        page.route(_LIVE_PARTS, _no_news)
        administrator, scene.page = scene.page, page
        try:
            return lead(scene)
        finally:
            scene.page = administrator

    return pause


def sent_file(scene: Scene, name: str, data: bytes) -> Page:
    page = scene.page
    page.goto("/console/reminders/upload")
    file = scene.folder / name
    file.write_bytes(data)
    page.get_by_label("File with appointments").set_input_files(file)
    page.get_by_role("button", name="Check this file").click()
    return page


def long_file(scene: Scene) -> Page:
    rows = [f"ML-{n},{number('MC', n)},2026-12-10 09:00,Ines,en," for n in range(30_000)]
    return sent_file(scene, "long-list.csv", write(scene.folder / "long.csv", rows).read_bytes())


def begun(scene: Scene) -> Page:
    scene.publish()
    return scene.page


def unsigned(scene: Scene) -> Page:
    """A draft that is not published, because its words are not signed off."""
    page = scene.page
    page.goto("/console/prompts/draft/publishing")
    if "/publishing" not in page.url:
        scene.publish()
    page.get_by_text("Nothing was published.").wait_for(timeout=PUBLISH_MS)
    return page


def shown_number(scene: Scene) -> Page:
    """The page that shows a number without scripts."""
    scene.page.goto("/console/people/appointments/MA-1001")
    scene.page.locator("form[action$='/number']").evaluate("form => form.submit()")
    return scene.page


def wrong_password(scene: Scene) -> Page:
    page = scene.stranger("/login")
    page.get_by_label("Email address").fill("nobody@example.org")
    page.get_by_label("Password", exact=True).fill("not it, not at all")
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def wrong_code(scene: Scene) -> Page:
    page = half_way("/tf-validate")(scene)
    page.get_by_label("Six digits").fill("not it")
    page.get_by_role("button", name="Continue").click()
    return page


def key_of_the_app(scene: Scene) -> Page:
    page = without_app(scene)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Type the key instead").click()
    return page


# How to get to each page, and words of it.
ANSWERS: Mapping[str, tuple[Callable[[Scene], Page], str]] = {
    "a key, shown once": (
        filled("/settings/keys/add", "Make the key", name="Radiology", role="operator"),
        "Copy this key",
    ),
    "a form with an error": (
        filled("/settings/keys/add", "Make the key", name="Radiology", days="soon"),
        "Type a number of days",
    ),
    "a link, shown once": (
        filled("/settings/users/add", "Add, and make a link", name="Abe", email="abe@example.org", role="scheduler"),
        "Pass this link on",
    ),
    "recovery codes, shown once": (filled("/mf-recovery-codes", "Make new codes"), "Write these down"),
    "a number, shown once": (shown_number, "That you have seen this number is recorded."),
    "nothing found": (filled("/people", "Find", wanted="603-555-0199"), "Nothing is known about this phone number."),
    "an opt-out without a reason": (
        lambda scene: filled(PAGES["people.consent"](scene), "Stop all texts")(scene),
        "Write what the patient said",
    ),
    "the whole file of a prompt": (opened("/prompts/en/birads?as=file"), "The whole file"),
    "both versions of a collision": (collision, "Both versions, word by word"),
    "a draft that is out of date": (overtaken, "Nothing was published, because this page was out of date."),
    "a file that is being read": (paused(long_file), "Reading your file"),
    "a file that cannot be read": (lambda scene: sent_file(scene, "list.csv", b"%PDF-1.7\n"), "Nothing was imported."),
    "words that are being published": (paused(begun), "You can leave this page"),
    "words that are not signed off": (unsigned, "Nothing was published."),
    "a wrong password": (wrong_password, "Email address or password is wrong."),
    "a wrong code": (wrong_code, "This code is wrong or too old."),
    "a sign-in after a session": (
        lambda scene: scene.stranger("/work"),
        "Your session has ended, or you have not signed in yet.",
    ),
    "the key of the authenticator app": (key_of_the_app, "Type the six digits"),
    "an invitation that has ended": (lambda scene: scene.stranger("/welcome/made-up"), "This link has ended"),
    "a page that does not exist": (opened("/nowhere"), "That did not work"),
}
