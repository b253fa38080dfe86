"""The settings file: strict lines, the environment first, and no file that others can change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ivr.env_file import EnvFileError, read_env_file
from ivr.settings import Settings, SettingsError, load
from tests.test_settings import KEY, PUBLIC, TOKEN

KNOWN = ("PORT", "PHONE_KEY", "TWILIO_FROM")


@pytest.fixture(autouse=True)
def _empty_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*Settings.model_fields, "infoline_env"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_has_one_setting_a_line_with_comments_and_quotes(tmp_path: Path) -> None:
    text = "# the line\n\nPORT=8001\n  export TWILIO_FROM='+16035550100'  \nPHONE_KEY=\"a=b # $c\"\n"
    settings = read_env_file(write(tmp_path / "line.env", text), KNOWN)
    assert settings == {"PORT": "8001", "TWILIO_FROM": "+16035550100", "PHONE_KEY": "a=b # $c"}


FAULTS = [
    ("a name that is not a setting", "PORT=1\nPROT=8001\n", ":2: PROT is not a setting"),
    ("spaces around the sign", "PORT = 8001\n", ":1: write the line as NAME=VALUE"),
    ("a sentence", "the secret line\n", ":1: write the line as NAME=VALUE"),
    ("a setting twice", "PORT=1\nPORT=2\n", ":2: PORT is set twice"),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_line_that_is_not_a_setting_is_reported_with_its_place_and_without_its_value(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(EnvFileError) as raised:
        read_env_file(write(tmp_path / "line.env", text), KNOWN)
    assert message in str(raised.value)
    assert "8001" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "line.env").write_bytes(b"\xff\xfe")
    with pytest.raises(EnvFileError, match="UTF-8"):
        read_env_file(tmp_path / "line.env", KNOWN)


def test_the_file_next_to_var_dir_is_read_and_the_environment_overrides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / ".env", "PORT=8001\nWEB_WORKERS=3\n")
    monkeypatch.setenv("PORT", "8002")
    assert (load().port, load().web_workers) == (8002, 3)
    monkeypatch.chdir("/")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    assert load().web_workers == 3
    assert "WEB_WORKERS" not in os.environ


def test_a_named_file_replaces_the_one_next_to_var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / ".env", "PORT=8001\n")
    monkeypatch.setenv("INFOLINE_ENV", str(write(tmp_path / "other.env", "WEB_WORKERS=3\n")))
    assert (load().port, load().web_workers) == (8000, 3)


def test_a_named_file_that_does_not_exist_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFOLINE_ENV", str(tmp_path / "none.env"))
    with pytest.raises(SettingsError, match="INFOLINE_ENV: there is no file"):
        load()


@pytest.mark.parametrize(
    ("mode", "public", "refused"),
    [
        (0o600, True, False),
        (0o640, True, False),
        (0o644, True, True),
        (0o660, True, True),
        (0o644, False, False),
        (0o666, False, True),
        (0o620, False, True),
    ],
    ids=lambda value: f"{value:o}" if isinstance(value, int) and not isinstance(value, bool) else str(value),
)
def test_a_file_that_others_can_change_or_read_on_a_public_line_is_refused(
    mode: int, public: bool, refused: bool, tmp_path: Path
) -> None:
    lines = [f"{name}={value}" for name, value in PUBLIC.items()] if public else ["PORT=8001"]
    write(tmp_path / ".env", "\n".join(lines), mode)
    if not refused:
        assert load().loopback is not public
        return
    with pytest.raises(SettingsError, match="chmod 600") as raised:
        load()
    assert KEY not in str(raised.value)
    assert TOKEN not in str(raised.value)
