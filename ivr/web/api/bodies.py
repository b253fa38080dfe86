"""Bodies of requests: hashed within the limit of their path, and as files for those that read them as files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from flask import Request, g, request

from ivr.web.api.problems import ProblemError
from ivr.web.body_files import BodyFile, BodyFolder
from ivr.web.routes import body_limits

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

IN_MEMORY = 1 << 20
_CHUNK = 1 << 16


def spool_body(environ: WSGIEnvironment) -> str:
    """Read the body into a temporary file, from which it is read again. Returns the hex SHA-256 of the body.

    A body that the server received into a file stays there. Ends the request with a problem if the body is too large.
    """
    limit, _ = body_limits(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"])
    received = environ["wsgi.input"]
    if isinstance(received, BodyFile):
        source: IO[bytes] = received
        spooled = None
    else:
        source = Request(environ).stream
        spooled = g.spooled_body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - see close_body
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise ProblemError("too_large")
        digest.update(chunk)
        if spooled is not None:
            spooled.write(chunk)
    environ["wsgi.input"] = received if spooled is None else spooled
    environ["wsgi.input"].seek(0)
    environ["CONTENT_LENGTH"] = str(size)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return digest.hexdigest()


def close_body(_error: BaseException | None = None) -> None:
    """Delete the temporary file at the end of the request. The server deletes its own."""
    if "spooled_body" in g:
        g.spooled_body.close()


@contextmanager
def body_file(folder: BodyFolder) -> Iterator[Path]:
    """The body of the request as a file, which is deleted at the end."""
    received = request.environ["wsgi.input"]
    if isinstance(received, BodyFile):
        yield received.path
        return
    file = folder.create(limited=False)
    try:
        shutil.copyfileobj(cast(Any, request.stream), file)
        file.flush()
        yield file.path
    finally:
        file.remove()
