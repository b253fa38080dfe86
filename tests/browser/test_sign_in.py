"""Signing in with a real browser: the one-time link, the authenticator app, the hospital's provider, and the end."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import FileChooser, Page, TimeoutError, expect

from tests.browser.files import HEADER, appointments, write
from tests.browser.people import PASSWORD, Office, Person, sign_in
from tests.support.oidc_provider import EMAIL

pytestmark = pytest.mark.browser
WITH_AND_WITHOUT = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@WITH_AND_WITHOUT
def test_an_admin_adds_a_user_who_signs_in_by_the_link_with_an_authenticator_app(office: Office, scripts: bool) -> None:
    imogen = Person("Imogen Vale", f"imogen.{'vale' if scripts else 'without'}@example.org", "scheduler")
    admin = office.page("admin", "/console/settings/users", java_script_enabled=scripts)
    admin.get_by_role("link", name="Add a user").click()
    admin.get_by_label("Name").fill(imogen.name)
    admin.get_by_label("Email address").fill(imogen.email)
    admin.get_by_label("Role").select_option("scheduler")
    admin.get_by_role("button", name="Add, and make a link").click()
    link = admin.locator(".totp-key").inner_text()

    page = office.stranger(java_script_enabled=scripts)
    office.accept(page, link, imogen)
    expect(page.get_by_role("link", name="Prompts", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, imogen)

    # The link works once.
    other = office.stranger(java_script_enabled=scripts)
    other.goto(link)
    expect(other.get_by_role("heading", name="This link has ended")).to_be_visible()


@WITH_AND_WITHOUT
def test_a_wrong_code_is_refused_and_a_recovery_code_works_once(office: Office, scripts: bool) -> None:
    person = office.person("operator", "Nadia Berg")
    page = office.page("operator", "/console/account", name="Nadia Berg", java_script_enabled=scripts)
    page.get_by_role("link", name="Recovery codes").click()
    page.get_by_role("button", name="Make new codes").click()
    code = page.locator(".codes li").first.inner_text()
    page.get_by_role("button", name="Sign out").click()
    for attempt in range(2):
        page.goto("/console/login")
        page.get_by_label("Email address").fill(person.email)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_label("Six digits").fill("not it")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("This code is wrong or too old.")
        page.get_by_role("link", name="use a recovery code").click()
        page.get_by_label("Recovery code").fill(code)
        page.get_by_role("button", name="Continue").click()
        if attempt == 0:
            expect(page.get_by_role("link", name=person.name)).to_be_visible()
            page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not one of your unused recovery codes.")


@WITH_AND_WITHOUT
def test_a_user_signs_in_with_the_account_of_the_hospital(office: Office, scripts: bool) -> None:
    if EMAIL not in office.line.infoline("users", "list").stdout:
        office.line.json("users", "add", EMAIL, "--name", "Rosa Lind", "--role", "operator")
    page = office.stranger(java_script_enabled=scripts)
    page.goto("/console/")
    page.get_by_role("button", name="Sign in with your hospital account").click()
    expect(page.get_by_role("link", name="Rosa Lind")).to_be_visible()


@WITH_AND_WITHOUT
def test_a_session_that_has_ended_keeps_what_was_typed(office: Office, scripts: bool) -> None:
    page = office.page("operator", "/console/prompts/en/cost", java_script_enabled=scripts)
    words = page.locator("#words-0").input_value() + "\n\nمرحبا, said Zoë 🙂."
    page.locator("#words-0").fill(words)
    end_session(page)
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_text("What you typed is kept: sign in, and send it again.")).to_be_visible()
    type_both_factors(page, office.person("operator"))
    expect(page.locator("#words-0")).to_have_value(words)
    expect(page).to_have_url(f"{office.url}/console/prompts/en/cost")


@WITH_AND_WITHOUT
def test_a_session_that_ends_while_a_file_is_sent_leads_back_to_the_upload(
    office: Office, tmp_path: Path, scripts: bool
) -> None:
    page = office.page("scheduler", "/console/reminders/upload", java_script_enabled=scripts)
    page.get_by_label("File with appointments").set_input_files(
        write(tmp_path / "a.csv", appointments("MX", 3, "2026-12-20"))
    )
    end_session(page)
    page.get_by_role("button", name="Check this file").click()
    type_both_factors(page, office.person("scheduler"))
    expect(page.get_by_text("The file did not arrive. Choose it again.")).to_be_visible()


def end_session(page: Page) -> None:
    """What 15 idle minutes do: the browser deletes the cookie. An answer still on its way would set it again."""
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()


def type_both_factors(page: Page, person: Person) -> None:
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, person)


def test_the_keyboard_alone_signs_in_skips_the_navigation_uploads_and_imports(office: Office, tmp_path: Path) -> None:
    person = office.person("scheduler")
    page = office.stranger()
    page.goto("/console/login")
    tab_to(page, "Email address")
    page.keyboard.type(person.email)
    tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    page.keyboard.type(person.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Today")).to_be_visible()

    page.goto("/console/reminders/upload")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    tab_to(page, "File with appointments")
    # The dialog in which a file is chosen is the system's: the key opens it, and the test answers it.
    for key in ("Space", "Enter"):
        file_dialog(page, key).set_files(write(tmp_path / f"{key}.csv", appointments("MK", 3, "2026-12-21")))
        assert chosen_file(page) == f"{key}.csv"
    tab_to(page, "Check this file")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What was found in the file")).to_be_visible()
    tab_to(page, "Import 3 appointments")
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 appointments of this file are imported")).to_be_visible()


def file_dialog(page: Page, key: str) -> FileChooser:
    """The dialog that a key opens. A key that comes while the dialog before is still closing opens none."""
    for _ in range(5):
        with suppress(TimeoutError), page.expect_file_chooser(timeout=5_000) as dialog:
            page.keyboard.press(key)
            return dialog.value
    pytest.fail(f"{key} opens no dialog")


def chosen_file(page: Page) -> str:
    return str(page.get_by_label("File with appointments").evaluate("input => input.files[0]?.name"))


def test_a_file_that_is_dropped_is_chosen_and_can_be_checked(office: Office) -> None:
    page = office.page("scheduler", "/console/reminders/upload")
    rows = "\n".join([HEADER, *appointments("MK", 3, "2026-12-22")])
    dropped = page.evaluate_handle(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
          return data;
        }""",
        rows,
    )
    zone = page.locator("[data-drop]")
    zone.dispatch_event("dragover", {"dataTransfer": dropped})
    expect(zone).to_have_class(re.compile("drop-over"))
    zone.dispatch_event("drop", {"dataTransfer": dropped})
    assert chosen_file(page) == "dropped.csv"
    expect(zone).not_to_have_class(re.compile("drop-over"))
    page.get_by_role("button", name="Check this file").click()
    expect(page.get_by_role("heading", name="What was found in the file")).to_be_visible()
    expect(page.get_by_role("button", name="Import 3 appointments")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a control with a name has the focus, and make sure that the focus is visible."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(_NAME_OF_FOCUSED) == name:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {name!r} is not visible"
            return
    raise AssertionError(f"Tab does not reach {name!r}")


_NAME_OF_FOCUSED = """() => {
  const element = document.activeElement;
  return (element.labels && element.labels.length ? element.labels[0] : element).innerText.trim();
}"""
