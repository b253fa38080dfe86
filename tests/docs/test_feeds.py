"""docs/feeds.md: its commands run as pasted, and its sample is the default."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner

from ivr.cli import main
from ivr.feeds.hl7.mapping import FeedMapping, parse_mapping
from ivr.line.content.hl7_mapping import mapping_findings
from tests.docs.test_operations import blocks, shell_commands
from tests.feeds.fhir.servers import FakeServer, bundle, running
from tests.feeds.hl7.messages import siu
from tests.support.paths import ROOT

PAGE = ROOT / "docs/feeds.md"
# Processes that run until they are stopped: other tests start them.
PROCESSES = ("hl7 --port",)


def test_the_mapping_on_the_page_is_valid_for_the_shipped_line(content):
    (sample,) = blocks(PAGE, "yaml")
    sites = [site.id for site in content.config.sites]
    assert list(mapping_findings(sample.encode(), sites)) == []
    assert parse_mapping(sample.encode()) != FeedMapping()


def test_every_command_on_the_page_runs(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "messages.hl7").write_bytes(siu(1, starts="209912081030") * 12)
    (tmp_path / "incoming").mkdir()
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    commands = [shlex.split(command)[1:] for command in shell_commands(PAGE)]
    # The page takes a file in last, and item 12 has to exist before.
    commands.sort(key=lambda arguments: "replay" not in arguments)
    ran = 0
    with running(FakeServer(lambda _query: bundle(), needs_token=False)) as fhir:
        for arguments in commands:
            if " ".join(arguments).startswith(PROCESSES):
                continue
            values = {"12": "1", "http://127.0.0.1:8090/fhir": fhir.url}
            result = CliRunner().invoke(main, [values.get(word, word) for word in arguments])
            # 1: the file has an appointment in 2099, which is too far ahead.
            assert result.exit_code == (1 if "replay" in arguments else 0), (arguments, result.output)
            ran += 1
    assert ran == 6
