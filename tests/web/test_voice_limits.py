"""What a call can cost others: texts and call-backs to forged, hidden or expensive numbers, and slow commits."""

from __future__ import annotations

import threading
from pathlib import Path
from shutil import copytree

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from ivr import clock
from ivr.ledger.tables import alarm, callback, opt_out_event, text
from ivr.people.phones import format_phone
from ivr.web import health
from tests.support.databases import on_one_database
from tests.support.paths import ROOT
from tests.web.test_voice import SUNDAY, TUESDAY, Phone, callbacks, count, make_app, set_time

PREMIUM, TOLL_FREE, FOREIGN = "+19002341234", "+18002341234", "+442071838750"


@pytest.fixture(autouse=True)
def _outside_office_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    set_time(monkeypatch, SUNDAY)


@pytest.fixture
def environment(tmp_path: Path, ledger_url: str) -> dict[str, str]:
    return {"DATABASE_URL": ledger_url}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Flask:
    # On a busy machine, a task may take longer than a caller waits.
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 20.0)
    return make_app(tmp_path, monkeypatch, **environment)


def test_forged_calls_cannot_send_one_number_more_texts_than_the_limit(app: Flask) -> None:
    said = []
    for number in range(4):
        for topic in (("1", "1"), ("1", "2"), ("3", "2")):
            said.append(Phone(app, CallSid=f"CA{number:032d}").presses(*topic, "5", "1").said)
    assert count(app, text) == 8
    assert ["on its way" in words for words in said] == [True] * 8 + [False] * 4
    assert all("could not send a text message" in words for words in said[8:])


def test_forged_calls_for_many_numbers_raise_an_alarm_at_the_limit_of_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 20.0)
    app = make_app(tmp_path, monkeypatch, **environment, REQUESTED_TEXTS_PER_HOUR="3")
    for number in range(5):
        Phone(app, f"+160355501{number:02d}", CallSid=f"CA{number:032d}").presses("3", "2", "5", "1")
    app.extensions["infoline"].tasks.close()
    assert count(app, text) == 3
    with app.extensions["infoline"].ledger.read() as connection:
        assert connection.execute(select(alarm.c.name)).scalars().all() == ["requested_texts_capped"]


def test_fifty_calls_leave_one_call_back_for_a_number(app: Flask) -> None:
    for number in range(50):
        Phone(app, CallSid=f"CA{number:032d}").presses("0", "1", "1", "1")
    assert len(callbacks(app)) == 1


@on_one_database
@pytest.mark.parametrize("caller", [PREMIUM, TOLL_FREE, FOREIGN, "anonymous"])
def test_a_number_that_is_no_persons_or_hidden_is_offered_no_text_and_not_called_back(app: Flask, caller: str) -> None:
    for topic in (("3", "2"), ("1", "2"), ("1", "2", "#")):
        phone = Phone(app, caller).presses(*topic)
        assert "in a text" not in phone.said
        assert phone.root.find("Gather") is not None
    offer = Phone(app, caller).presses("0")
    assert "would like us to call you" in offer.said
    assert "in a text" not in offer.said
    assert "Please enter the number" in offer.presses("1").said
    assert "mensaje" not in Phone(app, caller).presses("8", "1", "2").said
    refused = Phone(app, caller).presses("3", "2", "5").said
    assert ("we cannot" if caller == "anonymous" else "could not send a text message") in refused
    assert (count(app, text), count(app, callback)) == (0, 0)


@on_one_database
def test_a_caller_who_can_be_texted_is_offered_it(app: Flask) -> None:
    assert all("in a text message, press 5" in Phone(app).presses(*topic).said for topic in (("3", "2"), ("1", "2")))
    assert "in a text message, press 5" in Phone(app).presses("0").said


@on_one_database
@pytest.mark.parametrize("digits", ["9002341234", "8002341234", "4169671111"])
def test_a_keyed_in_number_that_is_no_persons_or_abroad_is_not_accepted(app: Flask, digits: str) -> None:
    phone = Phone(app).presses("0", "1", "2").answers(Digits=digits)
    assert "You entered" not in phone.said


@on_one_database
def test_a_keyed_in_number_may_be_of_any_country_that_the_line_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    prompts = tmp_path / "prompts"
    for file in (ROOT / "prompts").rglob("*"):
        if file.is_file():
            copy = prompts / file.relative_to(ROOT / "prompts")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes().replace(b"countries: [US]", b"countries: [US, CA]"))
    app = make_app(tmp_path / "var", monkeypatch, **environment, PROMPTS_DIR=str(prompts))
    assert "416-967-1111" in Phone(app).presses("0", "1", "2").answers(Digits="4169671111").said


@on_one_database
def test_a_folder_that_was_never_published_lets_nobody_call_a_premium_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    set_time(monkeypatch, TUESDAY)
    prompts = copytree(ROOT / "prompts", tmp_path / "prompts")
    words, number = (prompts / "line.yaml").read_text(), format_phone(PREMIUM)
    (prompts / "line.yaml").write_text(words.replace("number: 603-663-2180", f"number: {number}"))
    app = make_app(tmp_path / "var", monkeypatch, **environment, PROMPTS_DIR=str(prompts))
    served = app.extensions["infoline"].releases.live.content.config
    assert [entry.id for entry in served.directory if entry.e164 == PREMIUM] == ["central-scheduling"]
    dialed = [number.text for number in Phone(app).presses("0").root.iter("Number")]
    assert dialed == [served.entry("breast-health-center").e164]


def test_an_opt_out_on_a_call_is_confirmed_by_one_text(app: Flask) -> None:
    for number in range(2):
        Phone(app, CallSid=f"CA{number:032d}").answers(SpeechResult="stop texting me")
    with app.extensions["infoline"].ledger.read() as connection:
        assert connection.execute(select(text.c.step)).scalars().all() == ["stop"]
    Phone(app, FOREIGN).answers(SpeechResult="stop texting me")
    assert (count(app, opt_out_event), count(app, text)) == (2, 1)


def hold(app: Flask, moment: str) -> threading.Event:
    """Hold the transactions of one web process at a moment, "begin" or "commit", until the event is set."""
    released = threading.Event()
    event.listen(app.extensions["infoline"].ledger.engine, moment, lambda _connection: released.wait(30))
    return released


SLOW = [
    ("within the time that a caller waits for a commit", 20.0, "on its way"),
    ("longer than a caller waits", 0.0, "I will try to send"),
]


@on_one_database
@pytest.mark.parametrize(("wait", "expected"), [case[1:] for case in SLOW], ids=[case[0] for case in SLOW])
def test_a_text_whose_commit_is_slow_is_never_said_to_have_failed(
    app: Flask, monkeypatch: pytest.MonkeyPatch, wait: float, expected: str
) -> None:
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 0.5)
    monkeypatch.setattr("ivr.web.call_tasks.COMMIT_SECONDS", wait)
    phone = Phone(app).presses("3", "2", "5")
    released = hold(app, "commit")
    if wait:
        threading.Timer(0.6, released.set).start()
    assert expected in phone.presses("1").said
    released.set()
    app.extensions["infoline"].tasks.close()
    assert count(app, text) == 1


@on_one_database
def test_a_task_that_is_slow_before_its_commit_is_withdrawn(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 0.1)
    phone = Phone(app).presses("3", "2", "5")
    released = hold(app, "begin")
    assert "could not send a text message" in phone.presses("1").said
    released.set()
    app.extensions["infoline"].tasks.close()
    assert count(app, text) == 0


@on_one_database
def test_an_opt_out_whose_commit_hangs_is_stored_once_and_is_truthfully_confirmed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 0.5)
    monkeypatch.setattr("ivr.web.call_tasks.COMMIT_SECONDS", 0.0)
    phone = Phone(app)
    released = hold(app, "commit")
    assert "no more texts to this number" in phone.answers(SpeechResult="stop texting me").said
    released.set()
    app.extensions["infoline"].tasks.close()
    assert count(app, opt_out_event) >= 1


@on_one_database
def test_a_call_over_the_limit_of_its_number_hears_a_busy_signal_and_another_number_the_welcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    app = make_app(tmp_path, monkeypatch, **environment, CALLS_PER_NUMBER="2")
    roots = [Phone(app, CallSid=f"CA{number:032d}").root for number in range(3)]
    assert [root.find("Gather") is not None for root in roots] == [True, True, False]
    assert [(child.tag, child.attrib) for child in roots[2]] == [("Reject", {"reason": "busy"})]
    assert Phone(app, "+16035550124", CallSid="CA" + "9" * 32).root.find("Gather") is not None
    counted = app.extensions["infoline"].requests.totals().events
    assert (counted["calls", "started", ""], counted["calls", "refused", "number"]) == (3, 1)


def test_refused_calls_raise_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    app = make_app(tmp_path, monkeypatch, **environment, CALLS_AT_ONCE="1")
    services = app.extensions["infoline"]
    for number in range(2):
        Phone(app, CallSid=f"CA{number:032d}")
    health._watch_limits(services, clock.now())
    with services.ledger.read() as connection:
        assert connection.execute(select(alarm.c.name)).scalars().all() == ["calls_capped"]


@on_one_database
@pytest.mark.parametrize(
    ("setting", "callers", "dialed", "reason"),
    [
        ({"TRANSFERS_PER_NUMBER": "2"}, ["+16035550123"] * 4, 2, "transfers_number"),
        ({"TRANSFERS_PER_HOUR": "3"}, [f"+160355501{number}" for number in range(10, 15)], 3, "transfers_hour"),
        ({"TRANSFERS_PER_HOUR": "1"}, ["anonymous"] * 3, 1, "transfers_hour"),
    ],
    ids=["one number", "many numbers", "withheld numbers"],
)
def test_a_caller_who_may_not_be_transferred_again_hears_the_number_and_is_offered_a_call_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    setting: dict[str, str],
    callers: list[str],
    dialed: int,
    reason: str,
) -> None:
    set_time(monkeypatch, TUESDAY)
    app = make_app(tmp_path, monkeypatch, **environment, **setting)
    services = app.extensions["infoline"]
    phones = [Phone(app, caller, CallSid=f"CA{number:032d}").presses("0") for number, caller in enumerate(callers)]
    refused = len(callers) - dialed
    assert [phone.root.find("Dial") is not None for phone in phones] == [True] * dialed + [False] * refused
    for phone in phones[dialed:]:
        assert "no one could take your call" in phone.said
        assert "603-663-2180" in phone.said
        assert "press 1" in phone.said
    assert services.requests.totals().events["calls", "refused", reason] == refused
    health._watch_limits(services, clock.now())
    with services.ledger.read() as connection:
        assert connection.execute(select(alarm.c.name)).scalars().all() == ["transfers_capped"]


@on_one_database
def test_the_next_number_of_a_transfer_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    set_time(monkeypatch, TUESDAY)
    phone = Phone(make_app(tmp_path, monkeypatch, **environment, TRANSFERS_PER_NUMBER="1")).presses("0")
    assert phone.root.find("Dial") is not None
    assert phone.answers(DialCallStatus="busy").root.find("Dial") is None
    assert "The number is 603-663-2180" in phone.said


@on_one_database
def test_a_transfer_ends_after_the_minutes_of_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    set_time(monkeypatch, TUESDAY)
    app = make_app(tmp_path, monkeypatch, **environment, TRANSFER_MINUTES="45")
    for caller in ("+16035550123", "anonymous"):
        assert Phone(app, caller).presses("0").root.find("Dial").get("timeLimit") == "2700"


@pytest.mark.parametrize(
    ("setting", "callers", "saved", "alarms"),
    [
        ({"CALLBACKS_PER_NUMBER": "2"}, ["+16035550123"] * 4, 2, []),
        ({"CALLBACKS_PER_HOUR": "3"}, [f"+160355501{number}" for number in range(10, 15)], 3, ["callbacks_capped"]),
    ],
    ids=["one number", "many numbers"],
)
def test_call_backs_are_limited_and_the_caller_hears_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    setting: dict[str, str],
    callers: list[str],
    saved: int,
    alarms: list[str],
) -> None:
    monkeypatch.setattr("ivr.web.call_tasks.SECONDS", 20.0)
    app = make_app(tmp_path, monkeypatch, **environment, **setting)
    services = app.extensions["infoline"]
    said = []
    for number, caller in enumerate(callers):
        said.append(Phone(app, caller, CallSid=f"CA{number:032d}").presses("0", "1", "1", "1").said)
        with services.ledger.write() as connection:
            # Otherwise a later request only replaces the one that waits.
            connection.execute(update(callback).values(done_at=clock.now()))
    services.tasks.close()
    assert count(app, callback) == saved
    assert len(set(said[:saved])) == 1
    assert all(words != said[0] for words in said[saved:])
    with services.ledger.read() as connection:
        assert connection.execute(select(alarm.c.name)).scalars().all() == alarms
