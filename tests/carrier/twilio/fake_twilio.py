"""An HTTP server in place of Twilio, and its responses."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import threading
from datetime import UTC, datetime
from urllib.parse import parse_qsl

ACCOUNT, TOKEN, OURS, SERVICE = "AC" + "1" * 32, "a-token", "+16035550100", "MG" + "2" * 32
JANE, CALLBACK = "+16035550123", "https://line.example.org/receipts/text/" + "a" * 32
NOW = datetime(2026, 12, 1, 15, tzinfo=UTC)
PAGE = "<html><body><h1>Bad gateway</h1></body></html>"


def message(**change):
    fields = {"sid": "SM" + "a" * 32, "status": "queued", "body": "Hello", "from": OURS, "to": JANE}
    fields["direction"] = "outbound-api"
    dates = dict.fromkeys(("date_created", "date_sent", "date_updated"), "Tue, 01 Dec 2026 15:00:00 +0000")
    return {**fields, **dates, "messaging_service_sid": None, "error_code": None, **change}


def refusal(code, status=400):
    return status, json.dumps({"code": code, "message": "no", "more_info": "", "status": status})


class FakeTwilio:
    """An HTTP server that gives scripted responses, and records the requests and the number of connections."""

    def __init__(self):
        self.requests, self.connections = [], 0
        self.responses = [(201, json.dumps(message()))]
        self.closes_silently = False
        twilio = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                twilio.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                twilio.requests.append((self.command, self.path, self.headers, body))
                response = twilio.responses.pop(0) if len(twilio.responses) > 1 else twilio.responses[0]
                if callable(response):
                    response(self)
                    return
                status, text = response
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
                # Without a Connection header, just as an idle connection ends.
                self.close_connection = twilio.closes_silently

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.004,), daemon=True).start()

    def forms(self):
        return [dict(parse_qsl(body)) for *_, body in self.requests]


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def half_a_response(handler):
    handler.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{")
    handler.wfile.flush()
    hang_up(handler)


def garbage(handler):
    handler.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
    handler.wfile.flush()
    hang_up(handler)
