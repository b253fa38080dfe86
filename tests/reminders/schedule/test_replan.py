"""When a release changes the plan, it applies to all upcoming appointments, and no text is sent twice."""

from __future__ import annotations

import threading
from datetime import timedelta

from ivr.ledger.tables import appointment
from ivr.reminders.reports.appointment_texts import TextReporter, appointments_query
from ivr.reminders.reports.status import control
from ivr.reminders.schedule import replan as module
from ivr.reminders.schedule.replan import replan
from tests.support.clinic import NOW, at, row


def rules_with(content, **steps):
    """The plan with different lead times: _7d=timedelta(days=9)."""
    plan = [
        step.model_copy(update={"before": steps.get(f"_{step.id}", step.before)})
        for step in content.config.reminders.plan
    ]
    return content.config.reminders.model_copy(update={"plan": plan})


def test_a_new_plan_can_send_a_text_earlier(clinic_on_each_database, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, at(8, 4)) for number in range(5)), row(9, at(8), status="cancelled"))
    rules = clinic.content.config.reminders
    assert (replan(clinic.ledger, rules, NOW), replan(clinic.ledger, rules, NOW)) == (5, 0)
    assert clinic.claim(NOW) == []
    sooner = rules_with(clinic.content, _7d=timedelta(days=8, hours=6))
    assert replan(clinic.ledger, sooner, NOW) == 5
    content = clinic.content
    changed = type(content)(
        content.digest, content.config.model_copy(update={"reminders": sooner}), content.prompts, content.files
    )
    clinic.content = changed
    assert len(clinic.send(NOW)) == 5
    assert replan(clinic.ledger, rules, NOW + timedelta(minutes=1)) == 5
    clinic.content = content
    assert clinic.claim(NOW + timedelta(minutes=1)) == []
    assert clinic.claim(NOW + timedelta(days=1)) == []


def content_with(clinic, rules):
    config = clinic.content.config.model_copy(update={"reminders": rules})
    return type(clinic.content)(clinic.content.digest, config, clinic.content.prompts, clinic.content.files)


def rename(rules, **names):
    """The plan with other ids of steps: _2d="two-days"."""
    plan = [step.model_copy(update={"id": names.get(f"_{step.id}", step.id)}) for step in rules.plan]
    return rules.model_copy(update={"plan": plan})


def test_a_step_whose_id_is_renamed_is_not_sent_twice(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, at(2, -1)) for number in range(5)))
    assert len(clinic.send(NOW)) == 5
    clinic.content = content_with(clinic, rename(clinic.content.config.reminders, _2d="two-days"))
    # The next morning the limit of a day is over, and the step is not late yet.
    morning = NOW + timedelta(hours=22, minutes=30)
    replan(clinic.ledger, clinic.content.config.reminders, morning)
    assert [text.body for text in clinic.send(morning)] == []
    with clinic.ledger.read() as connection:
        appointments = connection.execute(appointments_query()).all()
        reporter = TextReporter(clinic.content.config.reminders, morning)
        states = {
            report.step: report.state for _, texts in reporter.report(connection, appointments) for report in texts
        }
    assert states["2d"] == "handed_over"
    assert "two-days" not in states


def test_a_step_that_was_not_due_when_a_removed_step_was_sent_is_still_sent(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, at(2, -1)) for number in range(5)))
    assert len(clinic.send(NOW)) == 5
    rules = rename(rules_with(clinic.content, _2d=timedelta(days=1)), _2d="the-day-before")
    clinic.content = content_with(clinic, rules)
    day_before = NOW + timedelta(hours=23)
    replan(clinic.ledger, rules, day_before)
    assert len(clinic.send(day_before)) == 5


def test_cancelled_batches_and_past_appointments_are_not_replanned(clinic_on_each_database):
    clinic = clinic_on_each_database
    report = clinic.import_rows(row(1, at(8)))
    control(clinic.ledger, report.batch, cancelled_at=NOW)
    clinic.import_rows(row(2, at(1)), name="b.csv")
    assert replan(clinic.ledger, clinic.content.config.reminders, NOW + timedelta(days=2)) == 0
    assert {stored.next_due_at for stored in clinic.all(appointment, appointment.c.appointment_id == "A1")} == {None}


def test_a_replan_that_died_halfway_is_run_again(clinic_on_each_database, monkeypatch):
    clinic = clinic_on_each_database
    clinic.import_rows(*(row(number, at(8)) for number in range(6)))
    monkeypatch.setattr(module, "CHUNK_SIZE", 2)
    real, calls = module._replan_chunk, []

    def die_on_second_chunk(ledger, start, now):
        calls.append(start)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(ledger, start, now)

    monkeypatch.setattr(module, "_replan_chunk", die_on_second_chunk)
    try:
        replan(clinic.ledger, clinic.content.config.reminders, NOW)
    except KeyboardInterrupt:
        monkeypatch.setattr(module, "_replan_chunk", real)
    assert replan(clinic.ledger, clinic.content.config.reminders, NOW) == 4
    assert {stored.next_due_at for stored in clinic.all(appointment)} == {NOW}


def test_concurrent_replans_do_not_fail(clinic_on_each_database):
    clinic = clinic_on_each_database
    clinic.import_rows(row(1, at(8)))
    rules, errors = clinic.content.config.reminders, []
    barrier = threading.Barrier(4)

    def run(moment):
        barrier.wait()
        try:
            replan(clinic.ledger, rules, moment)
        except Exception as error:
            errors.append(error)

    for number in range(5):
        rules = rules_with(clinic.content, _7d=timedelta(days=8 + number))
        threads = [threading.Thread(target=run, args=(NOW,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
