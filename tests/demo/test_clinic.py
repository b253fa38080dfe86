"""The made-up clinic: what it contains, and that it never mixes with data of a hospital."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from ivr.demo.appointments import COLUMNS, DEFAULT_CALLER, coming_rows, faulty_rows, past_rows, write_file
from ivr.demo.clinic import DemoClinic, is_unfinished
from ivr.demo.sign_ins import FILE, add_users, create_password, saved_password, sign_ins
from ivr.ledger import Ledger, Vault
from ivr.ledger.tables import appointment, call_turn, callback, console_user, incoming_text, text
from ivr.line.content.loader import Content
from ivr.people.calls.history import parse_token
from ivr.people.phone_faults import PhoneFault
from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.importer import Importer
from ivr.staff.users import Role, add_user, set_active
from tests.support.clinic import NOW, Clinic, open_clinic


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(content: Content, folder: Path) -> Iterator[DemoClinic]:
    """A clinic that is built once, on SQLite, because no test changes it."""
    with open_clinic(content, folder) as clinic:
        demo = DemoClinic(clinic.ledger, clinic.vault, content, NOW)
        assert demo.build(folder)
        yield demo


def count(demo: DemoClinic, column: object, *where: object) -> dict[object, int]:
    with demo.ledger.read() as connection:
        rows = connection.execute(select(column, func.count()).where(*where).group_by(column))  # type: ignore[call-overload]
        return {value: number for value, number in rows}


def test_the_clinic_has_all_that_the_console_shows(
    ledger: Ledger, vault: Vault, content: Content, tmp_path: Path
) -> None:
    demo = DemoClinic(ledger, vault, content, NOW)
    assert demo.build(tmp_path)
    coming = count(demo, appointment.c.language, appointment.c.starts_at > NOW)
    assert sum(coming.values()) == 50
    assert coming["en"] > coming["es"] > 5
    answers = count(demo, appointment.c.answer)
    assert answers["confirmed"] > 5
    assert answers["change"] > 0
    states = count(demo, text.c.state)
    assert states["delivered"] > 20
    assert states["undelivered"] > 0
    assert set(states) <= {"delivered", "undelivered", "skipped"}
    assert sum(count(demo, callback.c.wished).values()) == 3


@pytest.mark.parametrize("table", [call_turn, incoming_text])
def test_calls_and_texts_are_of_the_last_two_weeks(demo: DemoClinic, table: object) -> None:
    with demo.ledger.read() as connection:
        moments = connection.execute(select(table.c.at)).scalars().all()  # type: ignore[attr-defined]
    days = {moment.date() for moment in moments}
    assert len(days) >= 13
    assert min(moments) > NOW - timedelta(days=15)
    assert max(moments) < NOW + timedelta(hours=1)


def test_each_turn_of_a_call_is_at_a_state_of_the_line(demo: DemoClinic) -> None:
    with demo.ledger.read() as connection:
        rows = connection.execute(select(call_turn.c.state, call_turn.c.heard)).all()
    assert all(parse_token(state) or heard.startswith("end:") for state, heard in rows)
    assert not any("?" in heard for _, heard in rows)


def test_a_database_that_contains_anything_is_left_alone(demo: DemoClinic, folder: Path) -> None:
    before = count(demo, appointment.c.status)
    assert not is_unfinished(demo.ledger)
    again = DemoClinic(demo.ledger, demo.vault, demo.content, NOW)
    assert not again.build(folder)
    assert count(demo, appointment.c.status) == before


@pytest.mark.parametrize("step", ["Importer.run", "DemoClinic._send", "DemoClinic._add_callbacks", "let_users_in"])
def test_a_clinic_that_was_interrupted_is_known_as_unfinished(
    content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """From the moment when the users are stored, to the moment before they may sign in."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"ivr.demo.clinic.{step}", interrupt)
    with open_clinic(content, tmp_path) as clinic:
        assert not is_unfinished(clinic.ledger)
        with pytest.raises(KeyboardInterrupt):
            DemoClinic(clinic.ledger, clinic.vault, content, NOW).build(tmp_path)
        assert is_unfinished(clinic.ledger)


def test_users_of_a_hospital_are_never_taken_for_an_unfinished_clinic(clinic: Clinic) -> None:
    with clinic.ledger.write() as connection:
        add_users(connection, NOW)
    assert is_unfinished(clinic.ledger)
    with clinic.ledger.write() as connection:
        added = add_user(connection, "ann@hospital.example", "Ann Example", Role.ADMIN, NOW)
        set_active(connection, added.user.id, active=False)
    assert not is_unfinished(clinic.ledger)


def test_a_password_whose_file_was_left_empty_is_created(tmp_path: Path) -> None:
    (tmp_path / FILE).touch(mode=0o600)
    assert saved_password(tmp_path) is None
    created = create_password(tmp_path)
    assert len(created) > 10
    assert saved_password(tmp_path) == created


def test_the_users_have_one_password_that_only_this_user_of_the_machine_can_read(
    demo: DemoClinic, folder: Path
) -> None:
    found = sign_ins(folder)
    assert found is not None
    assert (folder / "demo-password").stat().st_mode & 0o077 == 0
    with demo.ledger.read() as connection:
        users = connection.execute(select(console_user)).all()
    assert {user.role for user in users} == {"scheduler", "operator", "admin"}
    assert {user.email for user in users} == set(found.emails)
    assert all(PasswordHasher().verify(user.password, found.password) for user in users)
    assert create_password(folder) == found.password
    assert sign_ins(folder / "elsewhere") is None


def test_all_people_have_numbers_for_fiction(content: Content) -> None:
    midnight = NOW.astimezone(content.config.zone).replace(hour=0)
    numbers = [
        row[COLUMNS.index("phone")] for row in (*past_rows(midnight), *coming_rows(midnight), *faulty_rows(midnight))
    ]
    assert all(re.fullmatch(r"603-555-01(\d\d)?", number) for number in numbers)


def test_whoever_texts_the_line_first_is_answered_in_english(content: Content) -> None:
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in coming_rows(NOW.astimezone(content.config.zone))]
    assert [row["language"] for row in rows if row["phone"] == DEFAULT_CALLER] == ["en"]


def test_the_example_with_faults_has_one_of_each_kind_beside_good_rows(demo: DemoClinic, tmp_path: Path) -> None:
    path = tmp_path / "example.csv"
    write_file(path, faulty_rows(NOW.astimezone(demo.content.config.zone).replace(hour=0, minute=0)))
    report = Importer(demo.ledger, demo.vault, demo.content).dry_run(path, NOW)
    assert (report.rows, report.accepted, report.rejected) == (8, 4, 4)
    assert [(error.row, error.code) for error in report.errors] == [
        (6, PhoneFault.INVALID),
        (7, ErrorCode.PAST),
        (8, ErrorCode.DATE),
        (9, ErrorCode.DUPLICATE_APPOINTMENT),
    ]
