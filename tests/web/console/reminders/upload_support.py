"""What the tests of uploads share."""

from __future__ import annotations

import io
import re
import time

from ivr.web.console.reminders.uploads import Uploads

BAD = """appointment_id,phone,starts_at,notes
A1,603-555-0101,2026-12-09 10:00,ok
A2,12,2026-12-09 10:30,=cmd|x
A3,,soon,
"""


def send(browser, content: bytes | str, name="appointments.csv", **options):
    data = content.encode() if isinstance(content, str) else content
    return browser.post("/reminders/upload", {"upload": "1", "file": (io.BytesIO(data), name)}, **options)


def settled(browser, path: str) -> str:
    """The page of an upload, once it is read or imported."""
    for _ in range(600):
        response = browser.get(path, follow_redirects=True)
        page = response.get_data(as_text=True)
        if 'hx-trigger="every 1s"' not in page:
            return page
        time.sleep(0.05)
    raise AssertionError("it never ended")


def upload(browser, content: bytes | str, name="appointments.csv") -> tuple[str, str]:
    """The path of an upload, and its page."""
    response = send(browser, content, name)
    assert response.status_code == 303
    return response.location, settled(browser, response.location)


def kept(console) -> Uploads:
    return Uploads(console.services.settings.var_dir, console.services.vault)


def number(page: str, label: str) -> int:
    found = re.search(rf"<dt>{label}</dt><dd class=\"big-number\">([\d,]+)</dd>", page)
    assert found, label
    return int(found[1].replace(",", ""))
