"""Reading a file, as the importer does."""

from __future__ import annotations

import pytest

from ivr.reminders.imports.files import UnreadableFile
from tests.reminders.imports.files.reading import read_rows


@pytest.fixture
def read(tmp_path):
    def read_content(content: bytes | str, name: str = "file.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read_rows(path))

    return read_content


@pytest.fixture
def error_of(read):
    def read_error(content: bytes | str, name: str = "file.csv"):
        with pytest.raises(UnreadableFile) as caught:
            read(content, name)
        assert caught.value.error.row == 0
        assert caught.value.error.message.endswith(".")
        return caught.value.error

    return read_error
