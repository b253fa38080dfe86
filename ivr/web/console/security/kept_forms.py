"""Keeps what somebody typed into a form that could not be done: the session had ended, or the database was down.

Kept on disk, sealed, for half an hour, and only for the browser that sent it. A full folder drops its oldest files, so
that nobody can fill the disk.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from flask import Flask, current_app, g, request, session
from werkzeug.wrappers import Response

from ivr.ledger.vault import UnknownKey
from ivr.private_files import make_private
from ivr.web.services import Services

SECONDS = 1800
MAX_BYTES = 200_000
MAX_FORMS = 500
MAX_FOLDER_BYTES = 20_000_000
KEY = "kept_form"
"""The key of the session."""
_NEVER_KEPT = frozenset({"csrf_token", "password", "new_password", "new_password_confirm", "code"})


def install(app: Flask) -> None:
    """Make kept fields available to templates."""

    @app.context_processor
    def values() -> dict[str, Any]:
        return {"kept": kept_fields, "is_kept_for": is_kept_for}

    @app.after_request
    def forget_shown(response: Response) -> Response:
        # A page that failed has not shown them.
        if g.get("kept_form_shown") and response.status_code < 400:
            _forget()
        return response


def keep_form(path: str) -> bool:
    """Store the fields of the request for the page at a path. Files are not stored. Returns whether it is kept."""
    fields = {name: request.form.getlist(name) for name in request.form if name not in _NEVER_KEPT}
    text = json.dumps({"path": path, "fields": fields, "had_files": bool(request.files)})
    if not fields or len(text) > MAX_BYTES:
        return False
    folder, token = _folder(), secrets.token_hex(16)
    file = folder / token
    file.touch(mode=0o600)
    file.write_bytes(_services().vault.seal(text))
    _make_room(folder)
    session[KEY] = token
    g.form_is_kept = True
    return True


def forget_earlier(path: Callable[[], str]) -> None:
    """Forget what an earlier request kept for a path, which is asked for only if something is kept."""
    kept = None if "form_is_kept" in g else _kept_form()
    if kept is not None and kept["path"] == path():
        _forget()


def _forget() -> None:
    if token := session.pop(KEY, None):
        (_folder() / token).unlink(missing_ok=True)


def kept_fields(path: str) -> dict[str, list[str]]:
    """The fields that were kept for a path, until a page has shown them."""
    kept = _kept_form()
    if kept is None or kept["path"] != path:
        return {}
    g.kept_form_shown = True
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
    return kept is not None and kept["path"] == page.partition("?")[0] and not kept["had_files"]


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


def _make_room(folder: Path) -> None:
    """Delete the files that are too old, and the oldest of too many."""
    files, size = [], 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            stat = file.stat()
            files.append((stat.st_mtime_ns, stat.st_size, file))
            size += stat.st_size
    files.sort()
    oldest_kept = (time.time() - SECONDS) * 1e9
    for number, (changed, bytes_of_file, file) in enumerate(files):
        if changed >= oldest_kept and len(files) - number <= MAX_FORMS and size <= MAX_FOLDER_BYTES:
            break
        file.unlink(missing_ok=True)
        size -= bytes_of_file
