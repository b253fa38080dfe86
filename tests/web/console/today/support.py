"""What the tests of the page Today share: things that wait, and what its pages show."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from ivr.ledger import Ledger
from ivr.ledger.tables import call_turn, unanswered
from ivr.line.content.loader import Content
from ivr.people.callbacks import CallbackRequest, save_callback
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from ivr.people.work_items import add_work_item
from ivr.reminders.alarms import raise_alarm
from tests.support.clinic import NOW, Clinic
from tests.web.console.conftest import Console

PATHS = ("/", "/today/waiting", "/today/numbers", "/line", "/line?days=30")
NOTHING = "Nothing waits for you."


def clinic_of(console: Console, content: Content, folder: Path) -> Clinic:
    return Clinic(console.services.ledger, console.services.vault, content, folder)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def ask_for_call(clinic: Clinic, number: int, topic: str | None, when: datetime) -> None:
    request = CallbackRequest(f"+160355501{number:02}", "en", "central-scheduling", topic, "any", f"CA{number}")
    with clinic.ledger.write() as connection:
        save_callback(connection, clinic.vault, request, when)


def add_item(clinic: Clinic, kind: Any, name: str, when: datetime) -> None:
    booked = clinic.appointment(name)
    with clinic.ledger.write() as connection:
        add_work_item(connection, kind, booked.person_id, booked.id, when)


def raise_one(clinic: Clinic, name: Any, when: datetime) -> None:
    with clinic.ledger.write() as connection:
        raise_alarm(connection, name, when, "detail")


def ask(clinic: Clinic, words: str, when: datetime) -> None:
    log = UnansweredLog(clinic.ledger, clinic.vault)
    with clinic.ledger.write() as connection:
        connection.execute(insert(unanswered).values(log.row(UnansweredQuestion(when, "text", "en", words))))
    log.close()


def sentences(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'class="waiting-sentence">(.*?)</p>', page)]


def ages(page: str) -> list[str]:
    block = page.partition('id="waiting"')[2].partition("</section>")[0]
    return re.findall(r'<p class="hint">(The oldest.*?|The latest.*?|Began.*?)</p>', block)


def tables(page: str) -> dict[str, dict[str, list[str]]]:
    """The cells of each table by its caption and the heading of the row."""
    return {
        unescape(caption): {
            unescape(heading.strip()): re.findall(r"<td[^>]*>(.*?)</td>", cells, re.DOTALL)
            for heading, cells in re.findall(r'<th scope="row"[^>]*>(.*?)</th>(.*?)</tr>', body, re.DOTALL)
        }
        for caption, body in re.findall(
            r'<caption class="visually-hidden">(.*?)</caption>(.*?)</table>', page, re.DOTALL
        )
    }


WELCOME = "start en.menu-welcome"


def add_calls(ledger: Ledger, *calls: tuple[datetime, str]) -> None:
    """Calls as when they began, and their turns: HEARD STATE, HEARD STATE... at intervals of ten seconds."""
    rows = []
    for number, (began, course) in enumerate(calls):
        for index, step in enumerate(course.split(", ")):
            heard, _, state = step.partition(" ")
            rows.append(
                {
                    "id": f"{number}-{index}",
                    "call": f"call {number}",
                    "at": began + timedelta(seconds=10 * index),
                    "release": "",
                    "state": state,
                    "heard": heard,
                }
            )
    with ledger.write() as connection:
        connection.execute(insert(call_turn), rows)
