"""Reads a file in a child process, so that a hostile file cannot exhaust the memory or the time of this process.

The libraries that read XLSX and JSON allocate what the file asks for, and one of them aborts the process when that
fails. The child has limits, no settings and no keys. However it ends, this process gets rows or one error.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import IO

from ivr.reminders.imports.errors import ErrorCode, RowError
from ivr.reminders.imports.files.cells import Row, Source, UnreadableFile, file_error, read_whole
from ivr.shipped import ROOT

# The largest files that are accepted take half of this memory and a fifth of this time.
MEMORY_BYTES = 800_000_000
CPU_SECONDS = 60
# The child may wait for a processor, but not for anything else.
SILENT_SECONDS = 120.0
_MODULE = "ivr.reminders.imports.files.child"
# Where a Python that is not installed in the usual place finds its libraries.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
_CHUNK_BYTES = 1 << 16
_MAX_LINE_BYTES = 32_000_000


def read_in_child(source: Source) -> Iterator[Row]:
    """The rows of a file that is read as a whole. Raises UnreadableFile."""
    data = read_whole(source.raw)
    options = json.dumps({**asdict(source.options), "memory": MEMORY_BYTES, "cpu": CPU_SECONDS})
    child = subprocess.Popen(
        _command(options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={"PYTHONUTF8": "1", **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}},
    )
    feeder = threading.Thread(target=_feed, args=(child, data), daemon=True)
    feeder.start()
    try:
        yield from _rows(child, source)
    finally:
        child.kill()
        feeder.join()
        child.wait()
        for pipe in filter(None, (child.stdin, child.stdout)):
            with suppress(OSError):
                pipe.close()


def _command(options: str) -> list[str]:
    return [sys.executable, "-m", _MODULE, options]


def _feed(child: subprocess.Popen[bytes], data: bytes) -> None:
    """Write the file, while this process reads rows."""
    assert child.stdin
    # The child ends early if it cannot read the file.
    with suppress(OSError), child.stdin as pipe:
        pipe.write(data)


def _rows(child: subprocess.Popen[bytes], source: Source) -> Iterator[Row]:
    assert child.stdout
    for line in _lines(child.stdout):
        try:
            kind, *rest = json.loads(line)
        except ValueError:
            break
        if kind == "rows":
            yield from ((number, cells) for number, cells in rest[0])
        elif kind == "warning":
            source.warnings.append(RowError(*rest[0]))
        elif kind == "expect":
            source.expect(rest[0])
        elif kind == "error":
            raise UnreadableFile(RowError(*rest[0]))
        else:
            return
    raise file_error(ErrorCode.TOO_COMPLEX)


def _lines(pipe: IO[bytes]) -> Iterator[bytearray]:
    """The complete lines that the child writes. They end early if it dies, is silent, or writes an endless line."""
    rest = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(rest) <= _MAX_LINE_BYTES and selector.select(SILENT_SECONDS):
            chunk = os.read(pipe.fileno(), _CHUNK_BYTES)
            if not chunk:
                return
            rest += chunk
            if b"\n" in chunk:
                *complete, rest = rest.split(b"\n")
                yield from complete
