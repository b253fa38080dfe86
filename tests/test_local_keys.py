"""The keys of a local line: created once, read by every process, and never replaced."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.setting_rules import decode_key
from ivr.settings import SettingsError, load
from tests.support.paths import ROOT

KEY = base64.urlsafe_b64encode(hashlib.sha256(b"a key for tests").digest()).decode()


@pytest.fixture(autouse=True)
def _var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"twilio_auth_token": "x"}', "\x00", '{"phone_key": "x"}']
)
def test_damaged_local_keys_are_reported_and_not_replaced(content: str, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "local-keys.json").write_text(content)
    with pytest.raises(SettingsError, match=r"local-keys\.json is damaged"):
        load()
    assert (tmp_path / "var" / "local-keys.json").read_text() == content


def test_local_keys_are_created_once_by_processes_that_start_together(tmp_path: Path) -> None:
    # All processes wait for input, so that they read the keys at the same time.
    program = (
        "from ivr.settings import load; print(flush=True); input(); s = load(); print(s.twilio_auth_token, s.phone_key)"
    )
    environment = {**os.environ, "VAR_DIR": str(tmp_path / "together")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment, text=True, **pipes)
        for _ in range(8)
    ]
    for process in started:
        assert process.stdout
        process.stdout.readline()
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert len({process.communicate()[0] for process in started}) == 1
    assert {process.returncode for process in started} == {0}
    assert [path.name for path in (tmp_path / "together").iterdir()] == ["local-keys.json"]
    keys = tmp_path / "together" / "local-keys.json"
    assert keys.stat().st_mode & 0o077 == 0
    assert set(json.loads(keys.read_text())) == {"phone_key", "twilio_auth_token"}


def test_a_process_uses_the_keys_that_another_one_created_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, existing = os.link, {"phone_key": KEY, "twilio_auth_token": "t"}

    def link_too_late(temporary: Path, path: Path) -> None:
        path.write_text(json.dumps(existing))
        link(temporary, path)

    monkeypatch.setattr(os, "link", link_too_late)
    settings = load()
    assert (settings.phone_key, settings.twilio_auth_token) == (KEY, "t")
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["local-keys.json"]


def test_a_second_start_reads_the_same_keys() -> None:
    assert load().phone_keys == load().phone_keys


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_a_valid_key_with_or_without_padding(key: bytes) -> None:
    text = base64.urlsafe_b64encode(key).decode()
    assert decode_key(text) == decode_key(text.rstrip("=")) == decode_key(f" {text}\n") == key


@given(st.text(max_size=60))
def test_any_other_text_is_rejected_with_an_explanation(text: str) -> None:
    try:
        assert len(decode_key(text)) == 32
    except ValueError as error:
        message = str(error)
        assert message.startswith("each key must be 32 random bytes")
