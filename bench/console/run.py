"""Runs the real web process on both databases, and prints what is asked beside what was measured."""

from __future__ import annotations

import argparse
import base64
import csv
import io
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from bench.console import beside
from bench.console.answers import Measuring
from bench.console.browser import Browser, session_cookie
from bench.console.content import fill_content
from bench.console.data import add_users, fill
from bench.console.forms import prepare
from bench.console.pages import pages
from bench.imports import write_file
from bench.support.machine import DATABASES, children, cpu_seconds, empty_ledger, free_port, wait_for
from bench.voice import TOKEN, call_requests
from ivr import create_app
from ivr.ledger import Vault, open_ledger
from ivr.settings import load
from ivr.shipped import ROOT
from ivr.web.console.app import create_console

APPOINTMENTS = 1_000_000
ROUNDS = 30
# Rows, and the seconds until the page shows what was found.
UPLOADS = ((10_000, 3.0), (100_000, 15.0))
# The process prepares the console by itself after it has begun to answer callers.
PREPARING_SECONDS = 15.0


@dataclass(frozen=True)
class Running:
    """A web process. console: the same console, for the addresses of its pages."""

    pid: int
    port: int
    cookies: list[str]
    console: Flask


@dataclass
class Verdict:
    """How many figures miss what is asked."""

    misses: int = 0

    def print(self, name: str, asked: str, measured: str, ok: bool) -> None:
        self.misses += not ok
        print(f"{name:40}{asked:>16}{measured:>16}{'' if ok else '  MISS'}", flush=True)


def main(options: argparse.Namespace) -> int:
    appointments = options.appointments or APPOINTMENTS
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as models:
        # Learned once, for both databases.
        os.environ.setdefault("MODEL_DIR", models)
        for kind in (options.database,) if options.database else DATABASES:
            with tempfile.TemporaryDirectory() as folder, empty_ledger(kind, "console") as url:
                print(f"\nconsole on {kind}, {appointments:,} appointments", flush=True)
                with _serve(url, Path(folder), appointments) as running:
                    _measure(running, Path(folder), verdict, quick=appointments < APPOINTMENTS)
    print(f"\n{verdict.misses} figures miss what is asked")
    return 1 if verdict.misses else 0


def _measure(running: Running, folder: Path, verdict: Verdict, *, quick: bool) -> None:
    browser = Browser(running.port, running.cookies[0])
    print(f"{'':40}{'asked':>16}{'measured':>16}")
    upload_id = ""
    for rows, asked in UPLOADS[: 1 if quick else None]:
        upload_id = _upload(browser, folder, rows, asked, verdict)
    prepare(browser)
    measuring = Measuring(browser, lambda: _cpu(running), 8 if quick else ROUNDS)
    measuring.measure(pages(running.console, upload_id))
    verdict.misses += measuring.misses
    turns = call_requests(running.port)
    found = beside.measure(running.port, running.cookies, turns, 2 if quick else beside.ROUNDS)
    for name in ("p50", "p99"):
        times = f"{getattr(found.alone, name):.2f} > {getattr(found.beside, name):.2f} ms"
        ratio = getattr(found, f"{name}_ratio")
        verdict.print(
            f"turn alone > beside 50 users, {name}",
            f"<= {beside.ASKED_RATIO} times",
            f"{ratio:.2f} times",
            ratio <= beside.ASKED_RATIO,
        )
        print(f"    {times}")
    print(f"    the users opened {found.opened:,} pages and live parts; {found.failed} failed")


def _cpu(running: Running) -> float:
    """CPU seconds of the web process and its children, which other programs on this machine do not change."""
    return cpu_seconds([running.pid, *children(running.pid)])


def _upload(browser: Browser, folder: Path, rows: int, asked: float, verdict: Verdict) -> str:
    """Send a file, and wait for the page that says what was found. Returns the id of the upload."""
    file = folder / "appointments.csv"
    write_file(file, rows)
    token = browser.token("/console/reminders/upload")
    started, seen = time.perf_counter(), 0
    answer = browser.post_file("/console/reminders/upload", _with_fault(file), file.read_bytes(), token)
    if answer.status != 303:
        raise RuntimeError(f"the upload was answered with {answer.status}")
    location = answer.headers["location"]
    while 'hx-trigger="every 1s"' in browser.get(location).text:
        seen += 1
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    name = f"upload of {rows:,} rows to what was found"
    verdict.print(name, f"<= {asked:.0f} s", f"{seconds:.1f} s", seconds <= asked)
    verdict.print("    progress was shown", ">= once", f"{seen} times", seen >= 1)
    return location.rpartition("/")[2]


def _with_fault(file: Path) -> str:
    """Add a row that cannot be imported, so that the rows to mend can be downloaded. Returns the file's name."""
    output = io.StringIO()
    csv.writer(output).writerow(("A99999999", "not a number", "2026-12-08 10:00", "en", "Ann", "elliot"))
    with file.open("a", encoding="utf-8") as lines:
        lines.write(output.getvalue())
    return file.name


@contextmanager
def _serve(url: str, folder: Path, appointments: int) -> Iterator[Running]:
    port = free_port()
    environment = {
        **os.environ,
        "VAR_DIR": str(folder),
        "DATABASE_URL": url,
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TWILIO_AUTH_TOKEN": TOKEN,
        "SECRET_KEY": secrets.token_hex(32),
        "PHONE_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    command = [sys.executable, "-m", "ivr.cli"]
    subprocess.run([*command, "release"], env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        settings = load()
        console = create_console(create_app(settings, doors="twilio").extensions["infoline"])
    finally:
        os.environ.clear()
        os.environ.update(before)
    ledger = open_ledger(url)
    started = time.perf_counter()
    vault = Vault.of(settings)
    fill_content(ledger, vault, appointments)
    fill(ledger, vault, appointments)
    cookies = [session_cookie(settings.secret_key, key) for key in add_users(ledger)]
    ledger.close()
    print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
    with (folder / "web.log").open("wb") as log:
        web = subprocess.Popen([*command, "web"], env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_for(port, 300)
        time.sleep(PREPARING_SECONDS)
        yield Running(web.pid, port, cookies, console)
    finally:
        console.extensions["infoline"].close()
        web.terminate()
        web.wait()
