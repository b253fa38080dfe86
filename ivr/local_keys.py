"""The keys that a local line makes for itself, in VAR_DIR."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from ivr.setting_rules import decode_key

_LOCAL_KEYS: dict[str, Callable[[], str]] = {
    "phone_key": lambda: secrets.token_urlsafe(32),
    "twilio_auth_token": lambda: secrets.token_hex(16),
}


class LocalKeysError(Exception):
    """The keys cannot be read or written; the message says what to do."""


def local_keys(var_dir: Path, *, save: bool) -> dict[str, str]:
    """The keys of a local line. They are created once, even if two processes start at the same time.

    save: create them if there are none; otherwise they are empty then.
    """
    path = var_dir / "local-keys.json"
    try:
        if not path.exists() and not save:
            return dict.fromkeys(_LOCAL_KEYS, "")
        if not path.exists():
            _create_local_keys(path)
        loaded: dict[str, str] = json.loads(path.read_text())
        decode_key(loaded["phone_key"])
        return {name: loaded[name] for name in _LOCAL_KEYS}
    except OSError as error:
        raise LocalKeysError(f"VAR_DIR: {path} cannot be read or written ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LocalKeysError(
            f"VAR_DIR: {path} is damaged: restore it from a backup, or delete it and the database to start over"
        ) from None


def _create_local_keys(path: Path) -> None:
    keys = {name: create() for name, create in _LOCAL_KEYS.items()}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"local-keys.{secrets.token_hex(8)}")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(keys))
    try:
        # Unlike a rename, a link never replaces keys that another process has just created.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
