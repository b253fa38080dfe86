"""A stand-in for the line and a real simulator, for the tests of the simulator and of the commands that use it."""

import http.server
import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from simulator.__main__ import server
from simulator.settings import Settings

SID, TOKEN, LINE, SERVICE = "AC" + "1" * 32, "a-token", "+16035550100", "MG" + "2" * 32
JANE = "+16035550123"


class Line:
    """A stand-in for the line: says what each path is scripted to say, and remembers what it was asked."""

    def __init__(self):
        self.says, self.asked = {}, []
        line = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                params = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
                line.asked.append((self.command, self.path, dict(self.headers), params))
                said = line.says.get(self.path.partition("?")[0], "")
                said = said(params) if callable(said) else said
                status, kind, body = (
                    said if isinstance(said, tuple) else (200, "text/xml", f"<Response>{said}</Response>")
                )
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def params(self, path):
        return [params for _, asked, _, params in list(self.asked) if asked.partition("?")[0] == path]


class Network:
    """The simulator, as its phones see it."""

    def __init__(self, line, **settings):
        fixed = {"port": 0, "account_sid": SID, "auth_token": TOKEN, "messaging_service": SERVICE}
        made, port = server(Settings(**{**fixed, "public_url": line.url, "receipt_seconds": 0.02, **settings}))
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        self.url, self.server, self.line = f"http://127.0.0.1:{port}", made, line

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def ask(self, path, message=None):
        data = None if message is None else json.dumps(message).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data)) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def call(self, **message):
        return self.ask("/simulator/calls", {"from": JANE, **message})[1]

    def heard(self, turn, **message):
        return self.ask(f"/simulator/calls/{turn['call']}/heard", message)

    def text(self, body, sender=JANE, **more):
        return self.ask("/simulator/texts", {"from": sender, "body": body, **more})

    def client(self, token=TOKEN):
        here = self.url

        class Here(TwilioHttpClient):
            def request(self, method, url, *rest, **more):
                return super().request(method, url.replace("https://api.twilio.com", here), *rest, **more)

        return Client(SID, token, http_client=Here())


def wait_for(what, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


@contextmanager
def network_at(moment):
    """A simulated carrier whose clock says `moment`, with a stand-in for the line."""
    line = Line()
    network = Network(line, clock_shift=(moment - datetime.now(UTC)).total_seconds())
    yield network
    network.close()
    line.close()
