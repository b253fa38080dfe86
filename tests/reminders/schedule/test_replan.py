"""A release with another plan: every appointment ahead is looked at again, and nothing goes out twice."""

from __future__ import annotations

import threading
from datetime import timedelta

from ivr.ledger.tables import appointment
from ivr.reminders.reports.status import control
from ivr.reminders.schedule import replan as module
from ivr.reminders.schedule.replan import replan
from tests.support.clinic import NOW, at, row


def rules_with(content, **steps):
    """The plan with other spans before the visit: {"7d": timedelta(days=9)}."""
    plan = [
        step.model_copy(update={"before": steps.get(f"_{step.id}", step.before)})
        for step in content.config.reminders.plan
    ]
    return content.config.reminders.model_copy(update={"plan": plan})


def test_a_text_that_a_new_plan_sends_sooner_goes_out_sooner(either_house, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER", 2)
    house = either_house
    house.take(*(row(number, at(8, 4)) for number in range(5)), row(9, at(8), status="cancelled"))
    rules = house.content.config.reminders
    assert (replan(house.ledger, rules, NOW), replan(house.ledger, rules, NOW)) == (5, 0)
    assert house.claim(NOW) == []
    sooner = rules_with(house.content, _7d=timedelta(days=8, hours=6))
    assert replan(house.ledger, sooner, NOW) == 5
    content = house.content
    changed = type(content)(
        content.digest, content.config.model_copy(update={"reminders": sooner}), content.prompts, content.files
    )
    house.content = changed
    assert len(house.send(NOW)) == 5
    assert replan(house.ledger, rules, NOW + timedelta(minutes=1)) == 5
    house.content = content
    assert house.claim(NOW + timedelta(minutes=1)) == []
    assert house.claim(NOW + timedelta(days=1)) == []


def test_cancelled_batches_and_visits_that_are_over_are_left_alone(either_house):
    house = either_house
    report = house.take(row(1, at(8)))
    control(house.ledger, report.batch, cancelled_at=NOW)
    house.take(row(2, at(1)), name="b.csv")
    assert replan(house.ledger, house.content.config.reminders, NOW + timedelta(days=2)) == 0
    assert {one.next_due_at for one in house.all(appointment, appointment.c.appointment_id == "A1")} == {None}


def test_a_plan_watch_that_died_half_way_is_begun_again(either_house, monkeypatch):
    house = either_house
    house.take(*(row(number, at(8)) for number in range(6)))
    monkeypatch.setattr(module, "TOGETHER", 2)
    real, calls = module._look_again, []

    def dies(ledger, start, now):
        calls.append(start)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(ledger, start, now)

    monkeypatch.setattr(module, "_look_again", dies)
    try:
        replan(house.ledger, house.content.config.reminders, NOW)
    except KeyboardInterrupt:
        monkeypatch.setattr(module, "_look_again", real)
    assert replan(house.ledger, house.content.config.reminders, NOW) == 4
    assert {one.next_due_at for one in house.all(appointment)} == {NOW}


def test_two_clocks_that_see_a_new_plan_at_once_do_each_other_no_harm(either_house):
    house = either_house
    house.take(row(1, at(8)))
    rules, told = house.content.config.reminders, []
    both = threading.Barrier(4)

    def look(moment):
        both.wait()
        try:
            replan(house.ledger, rules, moment)
        except Exception as error:
            told.append(error)

    for number in range(5):
        rules = rules_with(house.content, _7d=timedelta(days=8 + number))
        clocks = [threading.Thread(target=look, args=(NOW,)) for _ in range(4)]
        for clock in clocks:
            clock.start()
        for clock in clocks:
            clock.join()
    assert told == []
