"""Keeps what somebody typed into a form whose session has ended, until they have signed in again.

Kept on disk, sealed, for half an hour, and only for the browser that sent it.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any, cast

from flask import Flask, current_app, request, session

from ivr.ledger.vault import UnknownKey
from ivr.private_files import make_private
from ivr.web.services import Services

SECONDS = 1800
MAX_BYTES = 200_000
_KEY = "kept_form"
_NEVER_KEPT = frozenset({"csrf_token", "password", "new_password", "new_password_confirm", "code"})


def install(app: Flask) -> None:
    """Make kept fields available to templates."""

    @app.context_processor
    def values() -> dict[str, Any]:
        return {"kept": kept_fields}


def keep_form(path: str) -> None:
    """Store the fields of the request that was refused, for the page at a path."""
    fields = {name: request.form.getlist(name) for name in request.form if name not in _NEVER_KEPT}
    text = json.dumps({"path": path, "fields": fields})
    if not fields or len(text) > MAX_BYTES:
        return
    folder, token = _folder(), secrets.token_hex(16)
    _forget_old(folder)
    file = folder / token
    file.touch(mode=0o600)
    file.write_bytes(_services().vault.seal(text))
    session[_KEY] = token


def kept_fields(path: str) -> dict[str, list[str]]:
    """The fields that were kept for a path, once: the next call has none."""
    token = session.get(_KEY)
    if not isinstance(token, str) or not token.isalnum():
        return {}
    file = _folder() / token
    try:
        kept = json.loads(_services().vault.open(file.read_bytes()))
    except (OSError, UnknownKey, ValueError):
        session.pop(_KEY, None)
        return {}
    if kept["path"] != path:
        return {}
    session.pop(_KEY, None)
    file.unlink(missing_ok=True)
    return cast(dict[str, list[str]], kept["fields"])


def _services() -> Services:
    return cast(Services, current_app.extensions["infoline"])


def _folder() -> Path:
    folder = _services().settings.var_dir / "kept-forms"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(folder)
    return folder


def _forget_old(folder: Path) -> None:
    for file in folder.iterdir():
        if file.stat().st_mtime < time.time() - SECONDS:
            file.unlink(missing_ok=True)
