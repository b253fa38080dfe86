"""An app behind a real HTTP server, and a simulator that calls and texts it. It is lenient, as Twilio is."""

import threading
from types import SimpleNamespace

import pytest
from flask import Response
from twilio.request_validator import RequestValidator
from werkzeug.serving import make_server

from simulator.webhook import Webhook
from tests.support.network import TOKEN, Network


@pytest.fixture
def serve():
    """Serve a Flask app, which refuses unsigned requests; returns the network that its number belongs to."""
    running = []

    def start(app, **webhooks):
        app.before_request(refuse_unsigned)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, args=(0.004,), daemon=True).start()
        line = SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}")
        settings = {name: Webhook(path) for name, path in webhooks.items()}
        network = Network(line, strict=False, **settings)
        running.extend([server, network.server])
        return network

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def refuse_unsigned():
    from flask import request

    signature = request.headers.get("X-Twilio-Signature", "")
    fields = request.form if request.method == "POST" else {}
    if not RequestValidator(TOKEN).validate(request.url, fields, signature):
        return Response("Forbidden", 403)
    return None


class Phone:
    """A person on a call: `Phone(network).calls().hears("...").presses("1")`."""

    def __init__(self, network, number="+16035550123"):
        self.network, self.number, self.turn = network, number, None

    def calls(self, to="+16035550100"):
        self.turn = self.network.call(**{"from": self.number, "to": to})
        return self

    def answers(self, call_sid):
        self.turn = {"call": call_sid}
        return self.does(answer=True)

    def does(self, **action):
        status, self.turn = self.network.heard(self.turn, **action)
        assert status == 200, self.turn
        return self

    def presses(self, keys):
        return self.does(keys=keys)

    def says(self, words):
        return self.does(speech=words)

    def hears(self, words):
        assert self.turn["error"] is None
        assert words in " ".join(self.turn["said"])
        return self

    def rings(self, *numbers):
        assert self.turn["dial"] == list(numbers)
        return self

    def is_over(self):
        assert self.turn["waits"] == "over"
        return self

    @property
    def sid(self):
        return self.turn["call"]

    def words(self):
        """Everything that was said on the call so far."""
        turns = self.network.ask(f"/simulator/calls/{self.sid}")[1]["turns"]
        return [words for turn in turns for words in turn["said"]]


@pytest.fixture
def phone():
    return Phone
