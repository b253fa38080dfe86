"""Every page of the console: its endpoint, and how to get there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from ivr.reminders.alarms import Alarm, clear_alarm, mark_seen, raise_alarm
from ivr.staff.api_keys import add_api_key, revoke_api_key
from ivr.staff.users import Role
from tests.browser.files import appointments, write
from tests.browser.ledger import ask_to_be_called, writing
from tests.browser.people import Office, choose_password, type_password
from tests.feeds.hl7.messages import siu
from tests.web.console.prompts.support import voice


def at(path: str) -> Callable[[Scene], str]:
    """A page at a fixed address below /console."""
    return lambda _scene: path


def linked(path: str, selector: str) -> Callable[[Scene], str]:
    """A page that another page links to."""
    return lambda scene: scene.link(path, selector)


class Scene:
    """A line on a busy morning, and an administrator who looks at all pages."""

    def __init__(self, office: Office, folder: Path) -> None:
        line = office.line
        self.office, self.folder = office, folder
        self.page = office.page("admin", reduced_motion="reduce")
        line.json("reminders", "import", write(folder / "december.csv", appointments("MA", 24, "2026-12-03")))
        line.json("reminders", "import", write(folder / "clinic-b.csv", appointments("MB", 18, "2026-12-08")))
        for sender, words in (("0171", "R"), ("0172", "wrong number"), ("0173", "C"), ("0174", "CANCEL")):
            line.text(words, f"+1603555{sender}")
        for question in ("zebra umbrella", "do you validate parking tickets for llamas"):
            line.text(question, "+16035550175")

        for night, (number, topic) in enumerate([("0176", "cancer"), ("0177", "cost"), ("0178", None)]):
            ask_to_be_called(line, f"+1603555{number}", topic, night)

    def stranger(self, path: str) -> Page:
        """A page in a browser in which nobody has signed in."""
        page = self.office.stranger(reduced_motion="reduce")
        page.goto(f"/console{path}")
        return page

    def link(self, path: str, selector: str) -> str:
        self.page.goto(f"/console{path}")
        href = self.page.locator(selector).first.get_attribute("href")
        assert href, f"{path} has no link {selector}"
        return href.removeprefix("/console")

    def upload(self) -> str:
        """A file that waits to be imported, with a fault."""
        page = self.page
        page.goto("/console/reminders/upload")
        rows = appointments("MC", 6, "2026-12-10")
        page.get_by_label("File with appointments").set_input_files(
            write(self.folder / "thursday-clinic.csv", [*rows, "MC-2001,603-555-01,2026-12-10 09:30,Ines,en,"])
        )
        page.get_by_role("button", name="Check this file").click()
        page.get_by_role("heading", name="What was found in the file").wait_for()
        return page.url.partition("/console")[2]

    def draft(self) -> str:
        """The draft with a change."""
        page = self.page
        page.goto("/console/prompts/en/birads")
        words = page.locator("#words-0").input_value()
        page.locator("#words-0").fill(f"{words.rstrip()} Ask your doctor about it.")
        page.get_by_role("button", name="Save in the draft").click()
        page.get_by_text("Saved in the draft.").wait_for()
        return "/prompts/draft"

    def publish(self) -> None:
        """Begin to publish a draft whose words are not signed off, which the line refuses."""
        page, running = self.page, self.page.get_by_role("link", name="Reload this page")
        page.goto("/console/prompts/draft/publishing")
        expect(running).to_have_count(0)
        page.goto(f"/console{self.draft()}")
        page.get_by_label("What changed and why").fill("A question to ask")
        page.get_by_role("button", name="Check and publish").click()
        page.get_by_role("heading", level=1, name="Publishing").wait_for()

    def both_recordings(self) -> str:
        """A recording that was sent from a page older than another one."""
        page, sound = self.page, self.folder / "voice.wav"
        sound.write_bytes(voice(2))
        other = page.context.new_page()
        for each in (page, other):
            each.goto("/console/prompts/en/goodbye")
        for each in (other, page):
            form = each.locator("[data-recorder]").first
            form.locator("input[type=file]").set_input_files(sound)
            form.get_by_role("button", name="Save this recording").click()
            each.wait_for_load_state()
        other.close()
        page.get_by_role("heading", name="Two recordings").wait_for()
        return page.url.partition("/console")[2]

    def publishing(self) -> str:
        self.publish()
        return "/prompts/draft/publishing"

    def doctor(self) -> str:
        """What a check of this machine found."""
        page = self.page
        page.goto("/console/settings/doctor")
        page.get_by_role("button", name="Check the line now").click()
        page.get_by_role("table", name="What was checked").wait_for()
        return "/settings/doctor"

    def keys(self) -> str:
        """A key, one with a long name, and a revoked one."""
        now = datetime(2026, 12, 1, 15, tzinfo=UTC)
        with writing(self.office.line) as (connection, _vault):
            for name in ("Scheduling system", "Picture archive of the department " + 30 * "o"):
                add_api_key(connection, name, Role.SCHEDULER, now, days=90)
            revoke_api_key(connection, add_api_key(connection, "Old system", Role.OPERATOR, now, None).key.id, now)
        return "/settings/keys"

    def alarms(self) -> str:
        """One that goes on, and one that is over and was seen."""
        now = datetime(2026, 12, 1, 15, tzinfo=UTC)
        with writing(self.office.line) as (connection, _vault):
            raise_alarm(connection, Alarm.CALLS_CAPPED, now, "Calls are refused.")
            mark_seen(connection, Alarm.CALLS_CAPPED, "Ruth Adler", now)
            clear_alarm(connection, Alarm.CALLS_CAPPED, now)
            raise_alarm(connection, Alarm.FILE_MISSING, now, "No file came by 07:00.")
        return "/settings/alarms"

    def messages(self) -> str:
        """What a feed sent that cannot be read."""
        file = self.folder / "feed.hl7"
        file.write_bytes(siu(71, phone="603-555-01") + siu(72, starts="soon"))
        self.office.line.infoline("hl7", "replay", file)
        return "/work/messages"

    def invitation(self) -> str:
        _, link = self.office.invite("operator", f"Kim Ito {len(self.office.line.json('users')['users'])}")
        return link.partition("/console")[2]


_PERSON = linked("/people/appointments/MA-1001", "a[href*='/console/people/']:not([href*='appointments'])")
# Pages of a signed-in user, by the endpoint that answers a GET request, and where each is shown.
PAGES: Mapping[str, Callable[[Scene], str]] = {
    "account.show": at("/account"),
    "people.appointment": at("/people/appointments/MA-1001"),
    "people.consent": lambda scene: _PERSON(scene) + "/opt-out",
    "people.find": at("/people"),
    "people.show": _PERSON,
    "prompts.add_office": at("/prompts/hours/offices/add"),
    "prompts.ask_remove_office": at("/prompts/hours/offices/central-scheduling/remove"),
    "prompts.both_recordings": Scene.both_recordings,
    "prompts.ask_roll_back": at("/prompts/history/1/roll-back"),
    "prompts.ask_sign_off": at("/prompts/en/birads/sign-off"),
    "prompts.day": at("/prompts/hours/days/2026-12-24"),
    "prompts.draft": Scene.draft,
    "prompts.editor": at("/prompts/en/birads"),
    "prompts.history": at("/prompts/history"),
    "prompts.hours": at("/prompts/hours"),
    "prompts.menus": at("/prompts/menus"),
    "prompts.publishing": Scene.publishing,
    "prompts.release": at("/prompts/history/1"),
    "prompts.topics": at("/prompts"),
    "prompts.unanswered": at("/prompts/unanswered"),
    "reminders.appointments": at("/reminders/appointments"),
    "reminders.appointments_of_day": at("/reminders/appointments/2026-12-03"),
    "reminders.ask_to_cancel": at("/reminders/batches/1/cancel"),
    "reminders.batch": at("/reminders/batches/1"),
    "reminders.batches": at("/reminders"),
    "reminders.found": Scene.upload,
    "reminders.plan": at("/reminders/plan"),
    "reminders.upload": at("/reminders/upload"),
    "security.change_password": at("/change"),
    "security.mf_recovery_codes": at("/mf-recovery-codes"),
    "security.verify": at("/verify"),
    "settings.add_key": at("/settings/keys/add"),
    "settings.add_user": at("/settings/users/add"),
    "settings.alarms": Scene.alarms,
    "settings.audit_log": at("/settings/audit"),
    "settings.doctor": Scene.doctor,
    "settings.keys": Scene.keys,
    "settings.show": at("/settings"),
    "settings.user": linked("/settings/users", "tbody a"),
    "settings.users": at("/settings/users"),
    "today.line": at("/line"),
    "today.show": at("/"),
    "work.callbacks": at("/work"),
    "work.done": at("/work/done"),
    "work.items": at("/work/items"),
    "work.landlines": at("/work/landlines"),
    "work.show_callback": linked("/work", "a[href*='/work/callbacks/']"),
    "work.messages": Scene.messages,
    "work.show_item": linked("/work/change", "a[href*='/work/items/']"),
    "work.show_message": linked("/work/messages", "a[href*='/work/messages/']"),
}


# Endpoints whose answer to a GET request is no page.
NO_PAGES: Mapping[str, str] = {
    "bootstrap.static": "a file",
    "prompts.checked": "a part of prompts.draft",
    "prompts.kept_sound": "a sound",
    "prompts.listen": "a sound",
    "prompts.recording": "a sound",
    "reminders.batch_live": "a part of reminders.batch",
    "reminders.download": "a download",
    "reminders.progress": "a part of reminders.found",
    "reminders.rows_to_mend": "a download",
    "security.static": "no file of it is used, and nobody may open it",
    "security.tf_select": "nobody may open it: there is one second factor",
    "security.two_factor_rescue": "nobody may open it",
    "settings.audit_csv": "a download",
    "settings.doctor_live": "a part of settings.doctor",
    "static": "a file",
    "today.numbers_block": "a part of today.show",
    "today.waiting": "a part of today.show",
}


def half_way(path: str) -> Callable[[Scene], Page]:
    """A page between the two steps of a sign-in: the password was right."""

    def type_it(scene: Scene) -> Page:
        page = scene.stranger("/login")
        type_password(page, scene.office.person("operator"))
        page.get_by_label("Six digits").wait_for()
        page.goto(f"/console{path}")
        return page

    return type_it


def without_app(scene: Scene) -> Page:
    """What a new user sees after the first sign-in with a password."""
    office = scene.office
    person, link = office.invite("operator", f"Noa Lind {len(office.line.json('users')['users'])}")
    page = scene.stranger("/login")
    choose_password(page, link)
    type_password(page, person)
    page.get_by_role("button", name="Continue").wait_for()
    return page


# Pages that a browser sees in which nobody is signed in, or not with both steps.
SIGNED_OUT: Mapping[str, Callable[[Scene], Page]] = {
    "security.login": lambda scene: scene.stranger("/login"),
    "security.mf_recovery": half_way("/mf-recovery"),
    "security.two_factor_setup": without_app,
    "security.two_factor_token_validation": half_way("/tf-validate"),
    "sign_in.invitation": lambda scene: scene.stranger(scene.invitation()),
    "sign_in.oidc_return": lambda scene: scene.stranger("/sign-in/provider/return"),
}


def open_page(scene: Scene, endpoint: str) -> Page:
    """The page of an endpoint, in the administrator's browser or in one in which nobody has signed in."""
    if endpoint in SIGNED_OUT:
        return SIGNED_OUT[endpoint](scene)
    path = PAGES[endpoint](scene)
    scene.page.goto(f"/console{path}")
    # Not a page that this one redirects to, whose template is another.
    expect(scene.page).to_have_url(re.compile(f"/console{re.escape(path)}$"))
    return scene.page
