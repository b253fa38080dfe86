"""Bodies of requests: spooled to disk while they are read, within the limit of their path."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flask import Request, g, request

from ivr.web.api.problems import ProblemError
from ivr.web.routes import body_limits

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

IN_MEMORY = 1 << 20
_CHUNK = 1 << 16


def spool_body(environ: WSGIEnvironment) -> str:
    """Read the body into a temporary file, from which it is read again. Returns the hex SHA-256 of the body.

    Ends the request with a problem if the body is too large.
    """
    limit, _ = body_limits(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"])
    digest, size = hashlib.sha256(), 0
    source = Request(environ).stream
    spooled = g.spooled_body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - see close_body
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise ProblemError("too_large")
        digest.update(chunk)
        spooled.write(chunk)
    spooled.seek(0)
    environ["wsgi.input"] = spooled
    environ["CONTENT_LENGTH"] = str(size)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return digest.hexdigest()


def close_body(_error: BaseException | None = None) -> None:
    """Delete the temporary file at the end of the request."""
    if "spooled_body" in g:
        g.spooled_body.close()


@contextmanager
def body_file() -> Iterator[Path]:
    """The body of the request as a file, which is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="infoline-api-") as folder:
        path = Path(folder) / "body"
        with path.open("wb") as file:
            shutil.copyfileobj(cast(Any, request.stream), file)
        yield path
