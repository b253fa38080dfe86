"""The body of one request while it arrives: in memory, or in a file once it is large.

Files are written on a thread, because a slow disk must not delay callers, and the client is not read meanwhile: each
connection holds a little more than SPOOL_BYTES at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ivr import log
from ivr.web.body_files import BodyFile, BodyFolder

SPOOL_BYTES = 256 * 1024
"""A body of more bytes goes to a file."""


class Body:
    """What was received of a body that is not in the parser's buffer any more. folder: None keeps all in memory.

    All methods are called on the event loop.
    """

    def __init__(self, folder: BodyFolder | None) -> None:
        self._folder = folder
        self._file: BodyFile | None = None
        self._is_writing = self._is_closed = False

    def must_write(self, buffer: bytearray, *, is_complete: bool) -> bool:
        """Whether the bytes in the buffer go to the file before more is received, or before the request is answered."""
        is_rest = is_complete and self._file is not None and bool(buffer)
        return self._folder is not None and (is_rest or len(buffer) > SPOOL_BYTES)

    def write(self, buffer: bytearray, written: Callable[[OSError | None], None]) -> None:
        """Write the buffer on a thread, then call `written` unless the body is closed."""
        self._is_writing = True
        future = asyncio.get_running_loop().run_in_executor(None, self._append, buffer)

        def finish(done: asyncio.Future[None]) -> None:
            self._is_writing = False
            error = done.exception()
            if error is not None and not isinstance(error, OSError):
                raise error
            if error is not None:
                log.get_logger().error("body_not_stored", reason=error.strerror or type(error).__name__)
            if self._is_closed:
                self._remove()
            else:
                written(error)

        future.add_done_callback(finish)

    def take(self, buffer: bytearray) -> bytes | BodyFile:
        """The complete body."""
        if self._file is None:
            return bytes(buffer)
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Delete the file: the request is answered, refused, or abandoned by its client."""
        self._is_closed = True
        if not self._is_writing:
            self._remove()

    def _append(self, buffer: bytearray) -> None:
        if self._file is None:
            assert self._folder is not None
            self._file = self._folder.create()
        self._file.write(buffer)
        self._file.flush()

    def _remove(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.remove()
