"""`infoline db copy` as an administrator runs it: what it prints, asks for, and refuses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url

from ivr import clock
from ivr.cli import main
from ivr.cli.db import _address_or_exit
from ivr.ledger import Ledger, Vault, open_ledger
from ivr.ledger.in_use import used_by
from ivr.people.persons import opt_out
from ivr.reminders.outbox.monitor import beat
from ivr.settings import load
from tests.e2e.running import until
from tests.support.paths import ROOT

PHONE = "+16035550123"


def run(*arguments: str, **more: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments], **more)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The closed ledger of a local line, with an opt-out."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    assert run("upgrade").exit_code == 0
    settings = load()
    ledger = open_ledger(settings.database_url)
    with ledger.write() as connection:
        opt_out(connection, Vault.of(settings), PHONE, clock.now(), "text", "STOP")
    ledger.close()
    yield ledger
    ledger.close()


def test_an_opt_out_is_known_in_the_new_database(
    source: Ledger, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("copy", database_url)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    lines = done.stdout.splitlines()
    assert [line.split() for line in lines if line.startswith(("person ", "opt_out_event "))] == [
        ["person", "1"],
        ["opt_out_event", "1"],
    ]
    assert "set DATABASE_URL to it" in lines[-1]
    monkeypatch.setenv("DATABASE_URL", database_url)
    shown = CliRunner().invoke(main, ["reminders", "person", PHONE])
    assert "opted out" in shown.stdout, shown.output


def test_a_line_can_move_back_to_a_file(
    source: Ledger, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run("copy", database_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    back = run("copy", f"sqlite:///{tmp_path}/back.db")
    assert (there.exit_code, back.exit_code) == (0, 0), back.output
    assert back.stdout.splitlines()[:-1] == there.stdout.splitlines()[:-1]
    assert (tmp_path / "back.db").stat().st_mode & 0o077 == 0


def test_a_second_copy_is_refused(source: Ledger, database_url: str) -> None:
    assert run("copy", database_url).exit_code == 0
    refused = run("copy", database_url)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "name an empty database" in refused.stderr


@contextmanager
def opened(url: str) -> Iterator[None]:
    """Another process has a connection to the database, and does nothing with it."""
    code = "import sys; from ivr.ledger import open_ledger; kept = open_ledger(sys.argv[1]).engine.connect();"
    code += "print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield
        process.communicate()
    # A server notices a little later that a client is gone.
    until(lambda: not used_by(url), "the end of the connection")


def test_a_database_that_a_process_has_open_is_not_copied(source: Ledger, database_url: str) -> None:
    with opened(load().database_url):
        refused = run("copy", database_url)
    assert (refused.exit_code, "First stop the line" in refused.stderr) == (2, True), refused.output
    with closing(open_ledger(database_url)) as copy:
        assert not copy.has_tables()
    assert run("copy", database_url).exit_code == 0


def test_a_line_whose_clock_ran_lately_is_not_copied(source: Ledger, database_url: str) -> None:
    beat(source, clock.now())
    source.close()
    refused = run("copy", database_url)
    assert (refused.exit_code, "the clock process ran" in refused.stderr) == (2, True), refused.output


def test_a_new_database_that_others_use_is_not_written_to(source: Ledger, database_url: str) -> None:
    new = open_ledger(database_url)
    new.upgrade()
    new.close()
    with opened(database_url):
        refused = run("copy", database_url)
    assert (refused.exit_code, "Nothing was copied" in refused.stderr) == (2, True), refused.output


def test_the_password_is_asked_for_and_never_printed(source: Ledger, database_url: str, store: str) -> None:
    if store == "sqlite":
        pytest.skip("a SQLite file has no password")
    with_password = make_url(database_url).set(password="hunter2").render_as_string(hide_password=False)
    refused = run("copy", with_password)
    assert (refused.exit_code, "add --password" in refused.stderr) == (2, True)
    # The server of the tests accepts any.
    done = run("copy", database_url, "--password", input="hunter2\n")
    assert (done.exit_code, "Password:" in done.stderr) == (0, True)
    assert "hunter2" not in refused.output + done.output


@pytest.mark.parametrize(
    ("url", "is_public", "sentence"),
    [
        ("mysql://db.example.org/infoline", False, "must look like"),
        ("infoline.db", False, "must look like"),
        ("postgresql://infoline@db.example.org/infoline", True, "needs TLS"),
    ],
)
def test_an_address_that_the_line_would_refuse_is_refused(
    url: str, is_public: bool, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _address_or_exit(url, is_public=is_public)
    assert sentence in capsys.readouterr().err


def test_an_address_with_tls_is_accepted() -> None:
    url = "postgresql://infoline@db.example.org/infoline?sslmode=verify-full"
    assert _address_or_exit(url, is_public=True) == make_url(url)
