"""The alert rules and the dashboard are valid, and use only metrics that the line exposes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ivr import clock, create_app
from ivr.ledger import open_ledger
from ivr.reminders.alarms import Alarm
from ivr.reminders.outbox.monitor import beat
from ivr.settings import load
from tests.docs.pages import SPAN
from tests.docs.test_operations import section
from tests.support.certificates import certificate_for
from tests.support.paths import ROOT
from tests.support.processes import environment
from tests.test_docs import documented

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
ALERT_TESTS = ROOT / "deploy/prometheus/alerts_test.yml"
DASHBOARD = ROOT / "deploy/grafana/infoline.json"
_METRIC = re.compile(r"\binfoline_\w+")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
# Added by Prometheus, or part of a histogram.
_ADDED_LABELS = {"instance", "job", "le"}


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, object]]:
    return json.loads(DASHBOARD.read_text())["panels"]


def queries() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of each rule and each target of a panel."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]


QUERIES = dict(queries())


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of the labels of each sample that a line exposes once everything has happened to it."""
    folder = tmp_path_factory.mktemp("line")
    with pytest.MonkeyPatch.context() as patch:
        (folder / "backups").mkdir()
        certificate = certificate_for("localhost", 90, folder).certificate
        for name, value in environment(folder, BACKUP_FOLDER=folder / "backups", HL7_CERTIFICATE=certificate).items():
            patch.setenv(name, value)
        settings = load()
        ledger = open_ledger(settings.database_url)
        ledger.upgrade()
        beat(ledger, clock.now())
        ledger.close()
        app = create_app(settings)
        services = app.extensions["infoline"]
        requests = services.requests
        requests.record("voice", "200", "", 0.01)
        requests.note("calls", "started", "")
        requests.note("understanding", "call", "topic")
        requests.note("incoming_texts", "answered")
        requests.note("call_tasks", "sendtext", "sent")
        text = app.test_client().get("/metrics").text
        services.close()
    families = text_string_to_metric_families(text)
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.mark.parametrize("where", QUERIES)
def test_every_query_uses_metrics_and_labels_that_the_line_exposes(where: str, exposed: dict[str, set[str]]) -> None:
    query = QUERIES[where]
    used = set(_METRIC.findall(query))
    # Without a queue server, a line does not know these.
    assert used - {"infoline_queue_jobs", "infoline_workers"} <= exposed.keys()
    labels = set[str]().union(*(exposed.get(name, set()) for name in used))
    assert set(_LABEL.findall(query)) - _ADDED_LABELS <= labels


def test_every_metric_is_in_the_dashboard() -> None:
    shown = {name for query in QUERIES.values() for name in _METRIC.findall(query)}
    suffix = re.compile(r"_(total|bucket|count|sum|info)$")
    assert {suffix.sub("", name) for name in shown} == documented("Metric")


def test_every_alert_says_what_is_wrong_and_what_to_do_and_how_urgent_it_is() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]


def watched() -> dict[str, tuple[str, str]]:
    """What docs/operations/watch.md watches: the first column and when to page someone, by the alert's name."""
    rows = re.findall(
        r"^\| ([^|]+) \|[^|]+\| ([^|]+) \| ([^|]+) \|$", section("watch.md", "What to watch"), re.MULTILINE
    )
    return {alert: (what, when) for what, alerts, when in rows for alert in SPAN.findall(alerts)}


def test_an_alert_wakes_somebody_if_the_page_about_what_to_watch_says_so() -> None:
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    documented_as = {
        alert: "ticket" if when == "in working hours" else "page" for alert, (_, when) in watched().items()
    }
    assert {alert: severities[alert] for alert in documented_as} == documented_as
    assert {alert for alert, severity in severities.items() if severity == "page"} <= documented_as.keys()


def test_the_alarms_that_wake_somebody_are_those_of_the_page() -> None:
    urgent = set(SPAN.findall(watched()["InfolineUrgentAlarm"][0]))
    assert urgent < set(Alarm)
    expressions = {rule["alert"]: rule["expr"] for rule in rules()}
    (waking,) = re.findall(r'name=~"([^"]+)"', expressions["InfolineUrgentAlarm"])
    (others,) = re.findall(r'name!~"([^"]+)"', expressions["InfolineAlarm"])
    assert (set(waking.split("|")), others) == (urgent, waking)


def test_no_two_panels_of_the_dashboard_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.processes
def test_the_alert_rules_are_valid() -> None:
    checked = promtool("check", "rules", ALERTS)
    assert checked.returncode == 0, checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout


@pytest.mark.processes
def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    tested = promtool("test", "rules", ALERT_TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.processes
def test_a_wrong_expectation_about_an_alert_is_noticed(tmp_path: Path) -> None:
    shutil.copy(ALERTS, tmp_path)
    changed = ALERT_TESTS.read_text().replace("'3x60'", "'0x60'")
    (tmp_path / "tests.yml").write_text(changed)
    assert promtool("test", "rules", tmp_path / "tests.yml").returncode == 1


@pytest.mark.processes
def test_the_queries_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    expressions = [
        target["expr"].replace("$__rate_interval", "5m") for panel in panels() for target in panel["targets"]
    ]
    recorded = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(expressions)]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stderr
