"""Twilio's REST resources of an account, as its documentation gives them: Account, IncomingPhoneNumbers, and the
messaging API with services, their numbers, campaigns, and toll-free verifications."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

NUMBER_SID = "PN" + "1" * 32
SERVICE_SID = "MG" + "3" * 32
_NUMBER_PATH = re.compile(r"/2010-04-01/Accounts/AC\w+/IncomingPhoneNumbers(?:/(PN\w+))?\.json$")
_SERVICE_PATH = re.compile(r"/v1/Services/(MG\w+)(/\w+/?\w*)?$")


class FakeAccount:
    """The account. status: of every response. updates: (sid of a number, fields that were set)."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.account = {"sid": "AC" + "0" * 32, "status": "active"}
        self.numbers: list[dict[str, str]] = []
        self.updates: list[tuple[str, dict[str, str]]] = []
        self.services: dict[str, dict[str, Any]] = {}
        self.campaigns: list[str] = []
        self.toll_free: list[str] = []
        self.messages: list[dict[str, str]] = []
        self.has_messaging_api = True
        self.add_number(NUMBER_SID, "+16035550100")

    def add_number(self, sid: str, number: str) -> None:
        self.numbers.append({"sid": sid, "phone_number": number})

    def answer(self, method: str, path: str, form: dict[str, str]) -> tuple[int, Any]:
        if self.status != 200:
            return self.status, {"code": 20003, "message": "Authenticate", "status": self.status}
        if number := _NUMBER_PATH.match(path):
            return self._numbers(method, number[1], form)
        if path.startswith("/v1/") and not self.has_messaging_api:
            return 404, {}
        if service := _SERVICE_PATH.match(path):
            return self._service(method, service[1], service[2] or "", form)
        listings: dict[str, Any] = {
            "/v1/Services": ("services", list(self.services.values())),
            "/v1/Tollfree/Verifications": ("verifications", [{"status": status} for status in self.toll_free]),
        }
        if path in listings:
            key, items = listings[path]
            return 200, {key: items, "meta": {"key": key}}
        if path.endswith("/Messages.json"):
            return 200, {"messages": self.messages}
        is_account = path == f"/2010-04-01/Accounts/{self.account['sid']}.json"
        return (200, self.account) if is_account else (404, {"code": 20404, "message": "not found", "status": 404})

    def _numbers(self, method: str, sid: str | None, form: dict[str, str]) -> tuple[int, Any]:
        if sid is None:
            return 200, {"incoming_phone_numbers": self.numbers}
        number = next(each for each in self.numbers if each["sid"] == sid)
        if method == "POST":
            # VoiceUrl becomes voice_url.
            fields = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): value for name, value in form.items()}
            self.updates.append((sid, fields))
            number.update(fields)
        return 200, number

    def _service(self, method: str, sid: str, rest: str, form: dict[str, str]) -> tuple[int, Any]:
        if sid not in self.services:
            return 404, {"code": 20404, "message": "not found", "status": 404}
        if rest == "/PhoneNumbers":
            return 200, {"phone_numbers": self.numbers, "meta": {"key": "phone_numbers"}}
        if rest == "/Compliance/Usa2p":
            return 200, {"compliance": [{"campaign_status": s} for s in self.campaigns], "meta": {"key": "compliance"}}
        if method == "POST":
            self.services[sid]["use_inbound_webhook_on_number"] = form["UseInboundWebhookOnNumber"] == "true"
        return 200, self.services[sid]


@contextmanager
def fake_account() -> Iterator[FakeAccount]:
    """Serve an account on a free port."""
    account = FakeAccount()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            status, answer = account.answer(self.command, self.path.partition("?")[0], form)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        account.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, args=(0.004,), daemon=True).start()
        yield account
        server.shutdown()
