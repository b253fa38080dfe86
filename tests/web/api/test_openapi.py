"""The OpenAPI document, and what the API answers to requests that are generated from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.stateful import run_state_machine_as_test

from ivr import clock, create_app
from ivr.settings import load
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from tests.support.clinic import NOW
from tests.web.api.conftest import booking

EXAMPLES, RUNS = 12, 6
QUICK = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture
def schema(clinic_for_commands: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The schema of a line with an appointment; its requests have a key."""
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    monkeypatch.setenv("API_REQUESTS_PER_MINUTE", "1000000")
    app = create_app(load())
    with clinic_for_commands.ledger.write() as connection:
        key = add_api_key(connection, "Epic", Role.SCHEDULER, NOW).text
    clinic_for_commands.import_rows({name: str(value) for name, value in booking().items()})
    loaded = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    loaded.config.update(headers={"Authorization": f"Bearer {key}"})
    # What a date or a number means is beyond a schema: the import refuses what only looks right.
    loaded.config.checks.positive_data_acceptance.enabled = False
    return loaded


def operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        yield result.ok()


def test_the_document_describes_every_operation(schema):
    found = {(operation.method.upper(), operation.path) for operation in operations(schema)}
    expected = """
        POST /batches, GET /batches, GET /batches/{batch_id}, POST /batches/{batch_id}/pause,
        POST /batches/{batch_id}/resume, POST /batches/{batch_id}/cancel, PUT /appointments/{appointment_id},
        GET /appointments/{appointment_id}, DELETE /appointments/{appointment_id},
        GET /appointments/{appointment_id}/texts, POST /opt-outs/lookup, POST /opt-outs, GET /callbacks,
        POST /callbacks/{item_id}/claim, POST /callbacks/{item_id}/done, GET /work-items,
        POST /work-items/{item_id}/claim, POST /work-items/{item_id}/done, POST /fhir, GET /webhooks, POST /webhooks,
        DELETE /webhooks/{webhook_id}, GET /health
    """
    assert found == {tuple(line.split()) for line in expected.split(",")}


@pytest.mark.processes
def test_no_operation_fails_or_answers_what_is_not_documented(schema):
    for operation in operations(schema):

        @settings(max_examples=EXAMPLES, **QUICK)
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate()

        check()


@pytest.mark.processes
def test_no_order_of_operations_fails_or_answers_what_is_not_documented(schema):
    machine = schema.as_state_machine()
    run_state_machine_as_test(machine, settings=settings(max_examples=RUNS, stateful_step_count=8, **QUICK))
