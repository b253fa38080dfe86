"""Each feed reads by the release that is live: a site that was published while the process runs is known at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.feeds.hl7.process import Feed
from ivr.ledger import open_ledger
from ivr.ledger.tables import appointment
from ivr.line.content.loader import read_content
from ivr.releases.live import LiveContent, NoRelease
from ivr.releases.store import publish_release
from ivr.settings import Settings
from tests.feeds.fhir import servers
from tests.feeds.fhir.servers import FakeServer, bundle, patient, running
from tests.feeds.hl7.messages import siu
from tests.feeds.loops import WITH_NEW_SITE, Steps, publish_new_site
from tests.line.content.test_loader import SHIPPED
from tests.releases.test_store import BROKEN, write_files
from tests.support.clinic import NOW, csv_text, row

SOON = f"{datetime.now(UTC) + timedelta(days=8):%Y-%m-%dT15:30:00+00:00}"


@pytest.fixture
def line(tmp_path, monkeypatch):
    """The database of a line whose commands run here."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    ledger = open_ledger(f"sqlite:///{tmp_path}/var/infoline.db")
    yield ledger
    ledger.close()


def sites(ledger) -> list[str]:
    with ledger.read() as connection:
        return list(connection.execute(appointment.select().with_only_columns(appointment.c.site)).scalars())


def test_a_watched_folder_knows_a_site_that_was_published_since_it_started(line, tmp_path, monkeypatch):
    monkeypatch.setenv("WATCH_QUIET_SECONDS", "0")
    incoming = tmp_path / "incoming"
    incoming.mkdir()

    def file_of_new_site(name: str) -> None:
        (incoming / name).write_text(csv_text([row(1, SOON, site="west")]))

    steps = Steps(
        lambda: file_of_new_site("before.csv"),
        *[lambda: None] * 2,
        lambda: publish_new_site(line, datetime.now(UTC)),
        lambda: file_of_new_site("after.csv"),
        *[lambda: None] * 2,
    )
    monkeypatch.setattr("ivr.cli.reminders.watch.stop_on_signals", lambda: steps)
    result = CliRunner().invoke(main, ["reminders", "watch", str(incoming), "--every", "7"])
    assert result.exit_code == 0, result.output
    assert [text.partition(": ")[2].partition("/")[0] for text in result.output.splitlines() if ".csv: " in text] == [
        "failed",
        "done",
    ]
    assert sites(line) == ["west"]
    assert set(steps.waits) == {7.0}


def test_a_pull_knows_a_site_that_was_published_since_it_started(line, monkeypatch):
    west = {"resource": {"resourceType": "Location", "id": "west", "name": "West"}}
    booked = json.loads(json.dumps(servers.appointment(1, SOON)).replace("Location/elliot", "Location/west"))
    monkeypatch.setenv("FHIR_SECONDS", "11")
    steps = Steps(lambda: publish_new_site(line, datetime.now(UTC)))
    monkeypatch.setattr("ivr.cli.reminders.pull.stop_on_signals", lambda: steps)

    def answer(query):
        start, *end = query.get("date", ["ge"])
        is_within = start[2:] <= SOON[:10] and all(SOON[:10] < bound[2:] for bound in end)
        return bundle(booked, patient(1), west) if is_within else bundle()

    with running(FakeServer(answer, needs_token=False, has_windows=True)) as fake:
        result = CliRunner().invoke(main, ["reminders", "pull", "--fhir", fake.url])
    assert result.exit_code == 0, result.output
    assert "1 appointments: 0 new, 0 updated, 0 unchanged, 1 rejected." in result.output
    assert "1 appointments: 1 new, 0 updated, 0 unchanged, 0 rejected." in result.output
    assert sites(line) == ["west"]
    assert steps.waits == [11.0, 11.0]


def test_the_hl7_feed_knows_a_site_that_was_published_since_it_started(clinic, monkeypatch):
    monkeypatch.setattr("ivr.feeds.hl7.process.clock.now", lambda: NOW)
    feed = Feed(Settings(), clinic.ledger, clinic.vault, clinic.content)
    message = siu(1).replace(b"^^^elliot", b"^^^west")
    assert [reply.code for _, reply in feed.replay(message)] == ["AE"]
    publish_new_site(clinic.ledger, NOW)
    feed._follow_release()
    assert [reply.code for _, reply in feed.replay(message)] == ["AA"]
    assert clinic.appointment("A1").site == "west"


def test_a_process_keeps_the_content_that_it_has_while_no_release_can_be_read(clinic, tmp_path):
    settings = Settings(var_dir=tmp_path / "var", prompts_dir=write_files(tmp_path / "prompts", BROKEN))
    with pytest.raises(NoRelease):
        LiveContent().refresh(settings, clinic.ledger)
    live = LiveContent(read_content(SHIPPED))
    assert live.refresh(settings, clinic.ledger).digest == clinic.content.digest
    publish_release(clinic.ledger, WITH_NEW_SITE, NOW, "ann", "", "console")
    assert live.refresh(settings, clinic.ledger).digest == WITH_NEW_SITE.digest
    clinic.ledger.close()
    (tmp_path / "prompts").rename(tmp_path / "gone")
    assert live.refresh(settings, open_ledger("postgresql://nobody@127.0.0.1:1/none")).digest == WITH_NEW_SITE.digest
