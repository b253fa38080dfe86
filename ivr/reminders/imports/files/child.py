"""The child process that reads a file of a format that can take much memory or time: `python -m ...child OPTIONS`.

The file is standard input. Each line of standard output is JSON: ["expect", rows], ["rows", [[number, cells], ...]],
["warning", [row, column, code, message]], and last ["end"] or ["error", [row, column, code, message]].
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from contextlib import suppress
from dataclasses import astuple
from io import BufferedReader, FileIO
from itertools import islice

from ivr.reminders.imports.errors import ErrorCode
from ivr.reminders.imports.files.cells import ReadOptions, Source, UnreadableFile, file_error
from ivr.reminders.imports.files.formats import reader_for
from ivr.reminders.imports.files.json_file import read_json

_ROWS_PER_LINE = 100


def main(options: str) -> None:
    """options: JSON with those of ReadOptions, and the limits "memory" in bytes and "cpu" in seconds."""
    values = json.loads(options)
    memory, cpu = values.pop("memory"), values.pop("cpu")
    for limit, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, cpu), (resource.RLIMIT_AS, memory)):
        # Not every system has every limit.
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    try:
        _read(ReadOptions(**values))
    except UnreadableFile as unreadable:
        _write("error", astuple(unreadable.error))
    except MemoryError:
        _write("error", astuple(file_error(ErrorCode.TOO_COMPLEX).error))


def _read(options: ReadOptions) -> None:
    source = Source(BufferedReader(FileIO(sys.stdin.fileno())), options, expect=lambda rows: _write("expect", rows))
    reader = reader_for(source.raw)
    if reader is read_json:
        # Nothing that it makes refers to itself, and the search for such objects takes a fifth of its time.
        gc.disable()
    rows = reader(source)
    while chunk := list(islice(rows, _ROWS_PER_LINE)):
        _write("rows", chunk)
    for warning in source.warnings:
        _write("warning", astuple(warning))
    _write("end")


def _write(*line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
