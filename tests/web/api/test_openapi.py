"""The OpenAPI document, and what the API answers to requests that are generated from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.stateful import run_state_machine_as_test

from ivr import clock, create_app
from ivr.ledger.tables import metadata
from ivr.settings import load
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from ivr.web.services import Services
from tests.support.clinic import NOW, Clinic
from tests.web.api.conftest import booking
from tests.web.api.generated import XLSX, imported, watch

FHIR = "application/fhir+json"

EXAMPLES, RUNS, STEPS = 12, 25, 8
# Of bodies in several formats, some of which reach the import.
BODIES = 100
QUICK = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture
def schema(ledger_url: str, tmp_path: Path, content: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The schema of a line with an appointment, a call-back and a user, on each database; its requests have a key."""
    for name, value in (("VAR_DIR", str(tmp_path)), ("DATABASE_URL", ledger_url), ("WEBHOOK_HOSTS", "ehr.example.org")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("API_REQUESTS_PER_MINUTE", "1000000")
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    app = create_app(load())
    services: Services = app.extensions["infoline"]
    clinic = Clinic(services.ledger, services.vault, content, tmp_path)
    with services.ledger.write() as connection:
        key = add_api_key(connection, "Epic", Role.SCHEDULER, NOW).text
    clinic.import_rows({name: str(value) for name, value in booking().items()})
    loaded = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)

    @loaded.auth()
    class Key:
        def get(self, _case: Any, _context: Any) -> str:
            return key

        def set(self, case: Any, data: str, _context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    loaded.ledger = services.ledger
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
        POST /work-items/{item_id}/claim, POST /work-items/{item_id}/done, GET /work-items/messages,
        POST /work-items/messages/{item_id}/claim, POST /work-items/messages/{item_id}/done, POST /fhir, GET /webhooks,
        POST /webhooks, DELETE /webhooks/{webhook_id}, GET /health
    """
    assert found == {tuple(line.split()) for line in expected.split(",")}


@pytest.mark.parametrize("path", ["/batches", "/fhir"])
def test_each_documented_example_of_a_body_is_imported(api, client, path):
    bodies = api.app.extensions["api_document"].read()["paths"][path]["post"]["requestBody"]["content"]
    examples = {media: body["example"] for media, body in bodies.items() if "example" in body}
    assert len(examples) >= 2
    for media, example in examples.items():
        data = example if isinstance(example, str) else json.dumps(example)
        answer = client.post(f"{path}?dry_run=true", data=data, headers={"Content-Type": media})
        assert answer.status_code == 200, (media, answer.json)
        if path == "/batches":
            assert (answer.json["accepted"], answer.json["errors"], answer.json["preview"] != []) == (1, [], True)


@pytest.mark.processes
def test_no_operation_fails_or_answers_what_is_not_documented(schema):
    answers = watch(schema)
    for operation in operations(schema):
        imports = operation.path in ("/batches", "/fhir") and operation.method == "post"

        @settings(max_examples=BODIES if imports else EXAMPLES, **QUICK)
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate()

        check()
    assert imported(answers, "/batches") == {"application/json", FHIR, "text/csv", XLSX}
    assert imported(answers, "/fhir") == {"application/json", FHIR}


@pytest.mark.processes
def test_no_order_of_operations_fails_or_answers_what_is_not_documented(schema):
    answers = watch(schema)
    run = settings(max_examples=RUNS, stateful_step_count=STEPS, **QUICK)

    class FromTheStart(schema.as_state_machine()):
        def setup(self) -> None:
            """Hypothesis takes a different answer to the same requests for a mistake of the test."""
            with schema.ledger.write() as connection:
                for table in reversed(metadata.sorted_tables):
                    if table.name not in ("api_key", "audit_entry", "mark", "release", "topic_model"):
                        connection.execute(table.delete())

    run_state_machine_as_test(FromTheStart, settings=run)
    assert imported(answers, "/batches")
    assert any(path.startswith("/batches/") and status == 200 for path, _, status in answers)
