"""Keeps what somebody typed into a form whose session has ended, until they have signed in again.

Kept on disk, sealed, for half an hour, and only for the browser that sent it.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Flask, current_app, request, session

from ivr.ledger.vault import UnknownKey
from ivr.private_files import make_private
from ivr.web.services import Services

SECONDS = 1800
MAX_BYTES = 200_000
KEY = "kept_form"
"""The key of the session."""
_NEVER_KEPT = frozenset({"csrf_token", "password", "new_password", "new_password_confirm", "code"})


def install(app: Flask) -> None:
    """Make kept fields available to templates."""

    @app.context_processor
    def values() -> dict[str, Any]:
        return {"kept": kept_fields, "is_kept_for": is_kept_for}


def keep_form(path: str) -> None:
    """Store the fields of the request that was refused, for the page at a path. Files are not stored."""
    fields = {name: request.form.getlist(name) for name in request.form if name not in _NEVER_KEPT}
    text = json.dumps({"path": path, "fields": fields, "had_files": bool(request.files)})
    if not fields or len(text) > MAX_BYTES:
        return
    folder, token = _folder(), secrets.token_hex(16)
    _forget_old(folder)
    file = folder / token
    file.touch(mode=0o600)
    file.write_bytes(_services().vault.seal(text))
    session[KEY] = token


def kept_fields(path: str) -> dict[str, list[str]]:
    """The fields that were kept for a path, once: the next call has none."""
    kept = _kept_form()
    if kept is None or kept["path"] != path:
        return {}
    (_folder() / session.pop(KEY)).unlink(missing_ok=True)
    return cast(dict[str, list[str]], kept["fields"])


def kept_values() -> dict[str, str]:
    """The first value of each field that was kept for the page that is asked for; none when a form is sent."""
    kept = kept_fields(request.script_root + request.path) if request.method == "GET" else {}
    return {name: values[0] for name, values in kept.items()}


def typed_values() -> dict[str, str]:
    """The first value of each field of a form that is sent, or that was kept for its page."""
    return request.form.to_dict() if request.method == "POST" else kept_values()


def is_kept_for(page: str) -> bool:
    """Whether everything that was sent is kept for a page, so that it needs not be typed or chosen again."""
    kept = _kept_form()
    return kept is not None and kept["path"] == urlsplit(page).path and not kept["had_files"]


def _kept_form() -> dict[str, Any] | None:
    token = session.get(KEY)
    if not isinstance(token, str) or not token.isalnum():
        return None
    try:
        return cast(dict[str, Any], json.loads(_services().vault.open((_folder() / token).read_bytes())))
    except (OSError, UnknownKey, ValueError):
        session.pop(KEY, None)
        return None


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
