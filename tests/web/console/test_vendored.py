"""Files from elsewhere are exactly those that their table names."""

from __future__ import annotations

import hashlib
import re

from ivr.shipped import ROOT

FOLDER = ROOT / "ivr/web/console/static/vendor"
ROW = re.compile(r"^\| (\S+) \(https://\S+\) \| [\d.]+ \| \S+ \| ([0-9a-f]{64}) \|$", re.MULTILINE)


def test_each_vendored_file_has_the_digest_of_its_row_and_a_license():
    table = dict(ROW.findall((FOLDER / "README.md").read_text()))
    files = {file.relative_to(FOLDER).as_posix(): file for file in FOLDER.rglob("*.*") if file.name != "README.md"}
    assert table == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
    assert table
    assert all((file.parent / "LICENSE").is_file() for file in files.values())
