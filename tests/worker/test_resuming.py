"""Worker processes after the carrier's account was put right."""

from __future__ import annotations

from collections import Counter

import pytest

from ivr.ledger.tables import alarm
from tests.support.clinic import at, row
from tests.support.network import TOKEN
from tests.support.processes import Processes, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture
def processes(clinic, queue_url):
    # At the default RETRY_SECONDS, a probe follows after five minutes: the test would end before.
    processes = Processes(clinic, queue_url, PUBLIC_URL="http://127.0.0.1:1")
    yield processes
    processes.end()


def alarms(clinic):
    return [row.name for row in clinic.all(alarm)]


def test_with_the_right_token_a_restarted_worker_sends_at_once(clinic, processes):
    clinic.import_rows(*(row(number, at(2, -1)) for number in range(10, 20)))
    processes.env["TWILIO_AUTH_TOKEN"] = "a-wrong-token"
    processes.start("-m", "worker", "clock")
    refused = processes.start("-m", "worker")
    wait_until(lambda: alarms(clinic) == ["sending_stopped"])
    processes.kill(refused)
    still_refused = processes.start("-m", "worker")
    wait_until(lambda: "account_refused" in processes.output(3))
    processes.kill(still_refused)
    processes.env["TWILIO_AUTH_TOKEN"] = TOKEN
    processes.start("-m", "worker")
    wait_until(lambda: len(processes.sent()) == 10)
    assert Counter(processes.sent()).most_common(1)[0][1] == 1
    assert alarms(clinic) == []
