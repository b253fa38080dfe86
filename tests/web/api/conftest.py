"""An API with a clinic behind it, and clients with a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI
from werkzeug.test import TestResponse

from ivr import clock, create_app
from ivr.people.audit import entries_since
from ivr.settings import load
from ivr.staff.api_keys import add_api_key
from ivr.staff.users import Role
from ivr.web.api.app import create_api
from ivr.web.services import Services
from tests.conftest import LINE_ENV, shared_ledger_url
from tests.support.clinic import NOW, Clinic, at


class Client:
    """A system with a key. Paths start below /api/v1, such as /batches."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client, self.key = client, key

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.ask("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.ask("POST", path, json=json, **options) if json is not None else self.ask("POST", path, **options)

    def put(self, path: str, json: Any, **options: Any) -> TestResponse:
        return self.ask("PUT", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.ask("DELETE", path, **options)


class Api:
    """An API. services: those of its web process. clinic: the same ledger."""

    def __init__(self, app: OpenAPI, services: Services, clinic: Clinic) -> None:
        self.app, self.services, self.clinic = app, services, clinic

    def key(self, role: str = "scheduler", name: str = "Epic", **more: Any) -> str:
        with self.services.ledger.write() as connection:
            return add_api_key(connection, name, Role(role), NOW, **more).text

    def client(self, role: str = "scheduler", name: str = "Epic") -> Client:
        return Client(self.app.test_client(), self.key(role, name))

    def audited(self) -> list[tuple[str, str]]:
        """(actor, kind) of each entry of the audit log."""
        with self.services.ledger.read() as connection:
            return [(entry.actor.name, entry.kind) for entry in entries_since(connection, NOW)]


@pytest.fixture
def api(clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API of the clinic of `clinic_for_commands`, whose time is NOW."""
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    services: Services = create_app(load(), doors="twilio").extensions["infoline"]
    return Api(create_api(services), services, clinic_for_commands)


@pytest.fixture
def api_on_each_database(ledger_url: str, tmp_path: Path, content: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", ledger_url)
    monkeypatch.setattr(clock, "unshifted_now", lambda: NOW)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    services: Services = create_app(load(), doors="twilio").extensions["infoline"]
    return Api(create_api(services), services, Clinic(services.ledger, services.vault, content, tmp_path))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_api(request: pytest.FixtureRequest, content: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The API on each database, for all tests of a module that write nothing. Its time is NOW."""
    folder = tmp_path_factory.mktemp("shared")
    with shared_ledger_url(request, folder) as url, pytest.MonkeyPatch.context() as patch:
        for name in LINE_ENV:
            patch.delenv(name, raising=False)
        patch.setenv("VAR_DIR", str(folder))
        patch.setenv("DATABASE_URL", url)
        for name in ("now", "unshifted_now"):
            patch.setattr(clock, name, lambda: NOW)
        services: Services = create_app(load(), doors="twilio").extensions["infoline"]
        yield Api(create_api(services), services, Clinic(services.ledger, services.vault, content, folder))
        services.close()


@pytest.fixture
def client(api: Api) -> Client:
    """A system with the role of schedulers."""
    return api.client()


def booking(number: int = 1, **more: Any) -> dict[str, Any]:
    """An appointment as JSON, at the shipped site elliot."""
    phone = f"603-555-01{number % 100:02}"
    return {"appointment_id": f"A{number}", "phone": phone, "starts_at": at(7), "site": "elliot", **more}


def fields(number: int = 1, **more: Any) -> dict[str, Any]:
    """The same without its id, as it is put."""
    return {name: value for name, value in booking(number, **more).items() if name != "appointment_id"}


def problem(response: TestResponse) -> tuple[int, str]:
    """(status, code) of a problem document."""
    assert response.content_type == "application/problem+json", response.get_data(as_text=True)
    assert response.json["status"] == response.status_code
    assert response.json["detail"].endswith(".")
    return response.status_code, response.json["code"]
