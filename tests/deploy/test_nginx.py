"""nginx with the sample configuration, in front of two real web processes."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from ivr.carrier.twilio.signature import compute_signature
from ivr.doctor.address import check_certificate, check_signature_path
from ivr.doctor.result import Level, Line
from ivr.settings import Settings
from tests.support.certificates import certificate_for
from tests.support.clinic import Clinic
from tests.support.network import LINE, SID, TOKEN
from tests.support.paths import ROOT
from tests.support.processes import Processes, free_port, wait_until

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
INSIDE, OUTSIDE = "127.0.0.1", "127.0.0.2"
# As root, its workers would be another user, who may not write below the folder of a test.
_MAIN = """
user root;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/infoline.conf;
}}
"""


class Site:
    """nginx and two web processes. port: of nginx, with TLS."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes, self.folder, self.port = processes, folder, free_port("0.0.0.0")
        self.ports = (free_port(), free_port())
        processes.env["PUBLIC_URL"] = self.url = f"https://127.0.0.1:{self.port}"
        self.files = certificate_for("127.0.0.1", 90, folder)
        text = (ROOT / "deploy/nginx/infoline.conf").read_text()
        for sample, real in (
            ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
            ("listen 443 ", f"listen 0.0.0.0:{self.port} "),
            ("127.0.0.1:8001", f"127.0.0.1:{self.ports[0]}"),
            ("127.0.0.1:8002", f"127.0.0.1:{self.ports[1]}"),
            ("127.0.0.0/8 1;", f"{INSIDE}/32 1;"),
            ("/etc/infoline/tls/fullchain.pem", str(self.files.certificate)),
            ("/etc/infoline/tls/privkey.pem", str(self.files.key)),
            ("/var/log/nginx/", f"{folder}/"),
        ):
            assert sample in text, sample
            text = text.replace(sample, real)
        (folder / "infoline.conf").write_text(text)
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
        self.command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        self.web = [self.start_web(port) for port in self.ports]
        self.nginx = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        for port in self.ports:
            wait_until_ready(port)
        wait_until(lambda: self.nginx.poll() is not None or self.answers("/healthz"))

    def start_web(self, port: int) -> subprocess.Popen[bytes]:
        return self.processes.start("-m", "ivr.cli", "web", "--port", str(port))

    def answers(self, path: str) -> bool:
        try:
            return self.get(path) == 200
        except OSError:
            return False

    def get(self, path: str, source: str = INSIDE) -> int:
        return self.ask("GET", path, source=source)[0]

    def ask(self, method: str, path: str, body: str = "", source: str = INSIDE, **headers: str) -> tuple[int, bytes]:
        """(status, body) of a request through nginx from an address of this machine."""
        context = ssl.create_default_context(cafile=str(self.files.certificate))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=context, source_address=(source, 0)
        )
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body or None, fields)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def turn(self, call: str) -> tuple[int, bytes]:
        """A signed first turn of a call."""
        form = {"CallSid": call, "AccountSid": SID, "From": "+16035550123", "To": LINE, "CallStatus": "ringing"}
        signature = compute_signature(f"{self.url}/voice", tuple(form.items()), TOKEN).decode()
        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", "/voice", urlencode(form), OUTSIDE, Content_Type=kind, X_Twilio_Signature=signature)

    def end(self) -> None:
        self.nginx.terminate()
        self.nginx.wait(20)


def wait_until_ready(port: int) -> None:
    """Wait as `systemctl restart` does: with the ExecStartPost of the unit."""
    unit = (ROOT / "deploy/systemd/infoline-web@.service").read_text()
    (command,) = re.findall(r"^ExecStartPost=(.*)", unit, re.MULTILINE)
    subprocess.run(command.replace("%i", str(port)).split(), check=True, timeout=120)


@pytest.fixture
def site(clinic: Clinic, queue_url: str, tmp_path: Path) -> Iterator[Site]:
    processes = Processes(clinic, queue_url, BIND_HOST="127.0.0.1", SECRET_KEY="k3y-of-a-console-" * 3)
    opened = Site(processes, tmp_path)
    if opened.nginx.poll() is not None:
        # Another program took a port between its choice and the start.
        processes.end()
        opened = Site(processes, tmp_path)
    assert opened.nginx.poll() is None
    yield opened
    opened.end()
    processes.end()


def test_a_signed_webhook_arrives_and_only_the_needed_paths_are_open_from_outside(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([*site.command, "-t"], check=True, capture_output=True)
    status, body = site.turn("CA" + "1" * 32)
    assert (status, b"<Response>" in body) == (200, True)
    assert site.ask("POST", "/sms", "From=x", OUTSIDE)[0] == 403
    assert site.get("/healthz", OUTSIDE) == 200
    for path in ("/console/login", "/console", "/metrics", "/readyz", "/api/v1/openapi.json", "/", "/.env"):
        assert site.get(path, OUTSIDE) == 404, path
    # A client cannot choose the address that the line sees.
    assert site.ask("GET", "/console/login", "", OUTSIDE, X_Forwarded_For="127.0.0.1")[0] == 404
    assert site.get("/console/login") == 200
    assert site.get("/readyz") == 200
    # The line itself refuses: nginx passes the client's address, so it is not a client on this machine.
    assert site.get("/metrics") == 403
    assert site.ask("POST", "/sms", "x" * 70_000, OUTSIDE)[0] == 413
    monkeypatch.setenv("SSL_CERT_FILE", str(site.files.certificate))
    line = Line(Settings(public_url=site.url, twilio_auth_token=TOKEN), "")
    assert (check_signature_path(line).level, check_certificate(line).level) == (Level.OK, Level.OK)


def test_behind_a_named_balancer_the_address_that_it_saw_decides_who_is_inside(site: Site) -> None:
    def login_of(client: str) -> int:
        return site.ask("GET", "/console/login", "", INSIDE, X_Forwarded_For=client)[0]

    # Until the balancer is named, everybody seems to be inside.
    assert login_of("203.0.113.5") == 200
    sample = (site.folder / "infoline.conf").read_text()
    for commented, named in (
        ("# set_real_ip_from 10.1.2.3;", f"set_real_ip_from {INSIDE};"),
        ("# real_ip_header X-Forwarded-For;", "real_ip_header X-Forwarded-For;"),
    ):
        assert commented in sample
        sample = sample.replace(commented, named)
    (site.folder / "infoline.conf").write_text(sample)
    site.nginx.send_signal(signal.SIGHUP)
    wait_until(lambda: login_of("203.0.113.5") == 404)
    assert login_of("10.20.30.40") == 200
    assert site.ask("GET", "/console/login", "", OUTSIDE, X_Forwarded_For="10.20.30.40")[0] == 404


def test_no_turn_is_lost_while_both_web_processes_are_restarted_in_turn(site: Site) -> None:
    statuses: Counter[object] = Counter()
    stopping = threading.Event()

    def call_again_and_again(caller: int) -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            try:
                status, body = site.turn(f"CA{caller:016x}{number:016x}")
                statuses[status if b"</Response>" in body else f"{status} without TwiML"] += 1
            except (OSError, http.client.HTTPException) as error:
                statuses[type(error).__name__] += 1
            # As fast as they can, six callers would take the processor from the web process that starts.
            stopping.wait(0.02)

    callers = [threading.Thread(target=call_again_and_again, args=(number,)) for number in range(6)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(2):
            for index, port in enumerate(site.ports):
                before = sum(statuses.values())
                site.web[index].send_signal(signal.SIGTERM)
                assert site.web[index].wait(30) == 0
                site.web[index] = site.start_web(port)
                wait_until_ready(port)
                wait_until(lambda before=before: sum(statuses.values()) > before + 20)
    finally:
        stopping.set()
        for caller in callers:
            caller.join(60)
    assert set(statuses) == {200}
    assert statuses[200] > 100


def test_the_error_log_has_no_number_while_the_web_processes_are_down(site: Site) -> None:
    for process in site.web:
        site.processes.kill(process)
    assert site.turn("CA" + "3" * 32)[0] == 502
    assert site.get("/console/people?number=603-555-0123") == 502
    assert site.ask("POST", "/sms", "From=%2B16035550123&Body=" + "x" * 70_000, OUTSIDE)[0] == 413
    logs = {path.name: path.read_text() for path in site.folder.glob("*.log") if not path.stem.isdigit()}
    assert "infoline.error.log" in logs
    # What the runbook looks at: which route failed, and at which web process.
    assert re.search(
        rf"POST /voice 502 \S+ 127\.0\.0\.1:({site.ports[0]}|{site.ports[1]})", logs["infoline.access.log"]
    )
    assert "GET /console 502" in logs["infoline.access.log"]
    assert {
        name: found for name, text in logs.items() if (found := re.findall(r"603\D{0,3}555\D{0,3}0123", text))
    } == {}


def test_a_slow_client_is_cut_off_by_nginx_and_holds_no_web_process(site: Site) -> None:
    context = ssl.create_default_context(cafile=str(site.files.certificate))
    began = time.monotonic()
    with (
        socket.create_connection(("127.0.0.1", site.port), 30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as slow,
    ):
        slow.sendall(b"POST /voice HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nFrom=")
        assert site.turn("CA" + "2" * 32)[0] == 200
        assert slow.recv(100) == b""
    assert time.monotonic() - began < 25
