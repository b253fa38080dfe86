"""The check of the public address sends real requests through a real server."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ivr import create_app
from ivr.doctor.address import check_certificate, check_signature_path, judge_end, judge_responses
from ivr.doctor.measures import certificate_ends
from ivr.doctor.result import Level, Line
from ivr.settings import Settings, load
from tests.support.certificates import CertificateFiles, certificate_for
from tests.support.clinic import Clinic
from tests.support.serving import serving


@pytest.fixture
def line(clinic_for_commands: Clinic, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "f3b1d5a79c02e846")
    return Line(load(), "")


@contextmanager
def https_server(files: CertificateFiles) -> Iterator[str]:
    """Yields the address of a server with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()


def changed_path(app: object) -> object:
    """The app behind a proxy that decodes and normalizes the query."""

    def answer(environ: dict[str, object], start_response: object) -> Iterable[bytes]:
        return app({**environ, "RAW_URI": str(environ["RAW_URI"]).replace("%20", "+")}, start_response)

    return answer


@pytest.mark.parametrize("is_changed", [False, True], ids=["unchanged", "changed by a proxy"])
def test_a_signed_request_is_sent_to_the_public_url(is_changed: bool, line: Line, tmp_path: Path) -> None:
    holder: list[object] = []
    with serving(lambda *request: holder[0](*request), tmp_path) as running:
        settings = line.settings.model_copy(update={"public_url": f"http://127.0.0.1:{running.port}"})
        app = create_app(settings).wsgi_app
        holder.append(changed_path(app) if is_changed else app)
        result = check_signature_path(Line(settings, ""))
    assert result.level is (Level.PROBLEM if is_changed else Level.OK)
    assert ("must pass the path, query and body unchanged" in result.sentence) is is_changed


@pytest.mark.parametrize(
    ("signed", "unsigned", "level"),
    [(404, 403, Level.OK), (403, 403, Level.PROBLEM), (404, 404, Level.PROBLEM), (502, 502, Level.PROBLEM)],
)
def test_only_the_answers_of_the_line_count(signed: int, unsigned: int, level: Level) -> None:
    assert judge_responses(signed, unsigned).level is level


@pytest.mark.parametrize(
    ("url", "level"),
    [("http://127.0.0.1:9", Level.WARNING), ("https://line.invalid", Level.PROBLEM)],
    ids=["local", "public"],
)
def test_a_public_url_that_does_not_answer_is_a_problem_of_a_public_line(url: str, level: Level) -> None:
    assert check_signature_path(Line(Settings(public_url=url, twilio_auth_token="t"), "")).level is level


@pytest.mark.parametrize(
    ("days", "level"),
    [(60, Level.OK), (22, Level.OK), (20, Level.WARNING), (0, Level.WARNING), (-1, Level.PROBLEM)],
)
def test_a_certificate_that_ends_soon_is_a_warning(days: int, level: Level) -> None:
    assert judge_end("PUBLIC_URL", 1e9 + days * 86_400 + 60, 1e9).level is level


@pytest.mark.parametrize(
    ("days", "level"), [(90, Level.OK), (5, Level.WARNING), (-1, Level.PROBLEM)], ids=["valid", "ends soon", "expired"]
)
def test_the_certificate_of_the_hl7_feed_is_read(days: int, level: Level, tmp_path: Path) -> None:
    files = certificate_for("localhost", days, tmp_path)
    result = check_certificate(Line(Settings(hl7_certificate=files.certificate), ""))
    assert (result.level, "HL7_CERTIFICATE" in result.sentence) == (level, True)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_of_the_hl7_feed_that_cannot_be_read_is_a_problem(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "hl7.pem"
    if content:
        path.write_text(content)
    assert check_certificate(Line(Settings(hl7_certificate=path), "")).level is Level.PROBLEM


def test_the_end_of_a_certificate_is_measured_even_if_it_is_not_trusted(tmp_path: Path) -> None:
    with https_server(certificate_for("localhost", -1, tmp_path)) as url:
        ends = certificate_ends(Settings(public_url=url))
    assert ends["PUBLIC_URL"] == pytest.approx(time.time() - 86_400, abs=60)


@pytest.mark.parametrize(
    ("days", "trusted", "level"),
    [(90, True, Level.OK), (5, True, Level.WARNING), (-1, True, Level.PROBLEM), (90, False, Level.PROBLEM)],
    ids=["valid", "ends soon", "expired", "not trusted"],
)
def test_the_certificate_of_a_real_server_is_read(
    days: int, trusted: bool, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate_for("localhost", days, tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(files.certificate))
    with https_server(files) as url:
        result = check_certificate(Line(Settings(public_url=url), ""))
    assert result.level is level, result.sentence


def test_a_local_line_needs_no_certificate() -> None:
    assert check_certificate(Line(Settings(public_url="http://127.0.0.1:8000"), "")).level is Level.OK
