"""A fake line and a real simulator, for tests of the simulator and of the code that calls the carrier."""

import http.server
import json
import re
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from simulator.__main__ import server
from simulator.settings import Settings

SID, TOKEN, LINE, SERVICE = "AC" + "1" * 32, "a-token", "+16035550100", "MG" + "2" * 32
JANE = "+16035550123"


class Line:
    """A fake line. says: {path: response, or a function of the parameters}; asked: the requests so far.

    A response is the content of a `<Response>`, or (status, content type, body, and perhaps pairs of headers).
    """

    def __init__(self):
        self.says, self.asked = {}, []
        line = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                form = self.rfile.read(length).decode() or urlsplit(self.path).query
                params = dict(parse_qsl(form, keep_blank_values=True))
                line.asked.append((self.command, self.path, dict(self.headers), params))
                response = line.says.get(self.path.partition("?")[0], "")
                response = response(params) if callable(response) else response
                if not isinstance(response, tuple):
                    response = (200, "text/xml", f"<Response>{response}</Response>")
                status, content_type, body, *more = response
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                for name, value in more[0] if more else ():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.004,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def params(self, path):
        """The parameters of each request to a path."""
        return [params for _, requested, _, params in list(self.asked) if requested.partition("?")[0] == path]


class Network:
    """A running simulator, and the requests that its phones make."""

    def __init__(self, line, **settings):
        defaults = {"port": 0, "account_sid": SID, "auth_token": TOKEN, "messaging_service": SERVICE}
        defaults |= {"public_url": line.url, "receipt_seconds": 0.02, "strict": True}
        self.server, port = server(Settings(**{**defaults, **settings}))
        threading.Thread(target=self.server.serve_forever, args=(0.004,), daemon=True).start()
        self.url, self.line = f"http://127.0.0.1:{port}", line

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def ask(self, path, message=None):
        """(status, JSON) of a request: POST with a message, else GET."""
        data = None if message is None else json.dumps(message).encode()
        try:
            headers = {"Content-Type": "application/json"}
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers)) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def call(self, **message):
        return self.ask("/simulator/calls", {"from": JANE, **message})[1]

    def heard(self, turn, **message):
        return self.ask(f"/simulator/calls/{turn['call']}/heard", message)

    def text(self, body, sender=JANE, **more):
        return self.ask("/simulator/texts", {"from": sender, "body": body, **more})

    def client(self, token=TOKEN, user=SID):
        """A client of the official SDK that talks to this simulator."""
        url = self.url

        class SimulatorClient(TwilioHttpClient):
            def request(self, method, address, *rest, **more):
                address = re.sub(r"^https://([a-z-]+)[a-z0-9.-]*\.twilio\.com", rf"{url}/\1", address)
                return super().request(method, address, *rest, **more)

        return Client(user, token, SID, http_client=SimulatorClient())


def wait_for(condition, seconds=5.0):
    """Poll a condition until it is true, and return its value. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"the condition was not met within {seconds} s")


@contextmanager
def network_at(moment):
    """A simulator whose clock starts at `moment`, connected to a fake line."""
    line = Line()
    network = Network(line, clock_shift=(moment - datetime.now(UTC)).total_seconds())
    yield network
    network.close()
    line.close()
