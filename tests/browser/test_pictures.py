"""Pictures of the main pages for the documents. `PICTURES=1 make test-browser` replaces those in docs/images/."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.pages import Scene
from tests.support.paths import ROOT

pytestmark = pytest.mark.browser
MOST_BYTES = 150_000
SIZE = {"width": 1100, "height": 760}
# Name, address, color scheme.
PICTURES = (
    ("line", "/line", "light"),
    ("batch", "/reminders/batches/1", "light"),
    ("plan", "/reminders/plan", "light"),
    ("work-list", "/work", "light"),
    ("prompt", "/prompts/en/cancer", "light"),
    ("upload", "", "light"),
    # Last, because what is counted is kept for a while.
    ("today", "/", "light"),
    ("today-dark", "/", "dark"),
)


@pytest.mark.parametrize(("name", "path", "scheme"), PICTURES, ids=[name for name, _, _ in PICTURES])
def test_a_picture_shows_a_page_and_is_small(scene: Scene, tmp_path: Path, name: str, path: str, scheme: str) -> None:
    folder = ROOT / "docs" / "images" if os.environ.get("PICTURES") else tmp_path
    page: Page = scene.page
    page.set_viewport_size(SIZE)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.goto(f"/console{path or scene.upload()}")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / f"{name}.png", scale="css", animations="disabled")
    data = (folder / f"{name}.png").read_bytes()
    assert struct.unpack(">II", data[16:24]) == (SIZE["width"], SIZE["height"])
    assert len(data) < MOST_BYTES
