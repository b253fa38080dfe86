"""Pictures for the documents. `PICTURES=1 make test-browser` takes them again, of a line with the made-up clinic.

PICTURES=FOLDER takes them into another folder, and compares them with those in docs/images.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from ivr.demo.sign_ins import saved_password
from ivr.line.twiml.release import CompiledLine
from tests.browser.conftest import NOW
from tests.browser.files import appointments, write
from tests.browser.people import Office
from tests.browser.phone.phones import People
from tests.e2e.running import RunningLine, running_line, until
from tests.support.paths import ROOT

pytestmark = pytest.mark.browser
FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 150_000
WIDTH, HEIGHT = 1280, 800
PHONE = (1280, 940)
COUNTING = "This takes a few seconds."
# A picture is compared in squares of so many pixels. A square differs if its mean brightness, of 255, does by more.
SQUARE, BRIGHTER = 20, 16
# Of all squares. A part of a page that is new or gone covers more; a changed line of words covers less, and so does the
# picture of the line in the font of another machine.
MOST_DIFFERENT = 0.03


def at(path: str) -> Callable[[Page, Path], None]:
    """A page at an address below /console, when all numbers of it are counted."""

    def go(page: Page, _folder: Path) -> None:
        until(lambda: is_shown(page, path), f"{path} with all numbers")

    return go


def is_shown(page: Page, path: str) -> bool:
    answer = page.goto(f"/console{path}")
    return bool(answer and answer.ok) and COUNTING not in page.inner_text("main")


def upload(page: Page, folder: Path) -> None:
    """What was found in a file with a fault."""
    page.goto("/console/reminders/upload")
    rows = [*appointments("MC", 6, "2026-12-10"), "MC-2001,603-555-01,2026-12-10 09:30,Ines,en,"]
    page.get_by_label("File with appointments").set_input_files(write(folder / "thursday-clinic.csv", rows))
    page.get_by_role("button", name="Check this file").click()
    page.get_by_role("heading", name="What was found in the file").wait_for()


# Name of the picture, how to get to its page, color scheme, height.
PICTURES: tuple[tuple[str, Callable[[Page, Path], None], str, int], ...] = (
    ("today", at("/"), "light", 1180),
    ("today-dark", at("/"), "dark", 1180),
    ("line", at("/line"), "light", 1000),
    ("batch", at("/reminders/batches/1"), "light", HEIGHT),
    ("plan", at("/reminders/plan"), "light", HEIGHT),
    ("work-list", at("/work"), "light", HEIGHT),
    ("prompt", at("/prompts/en/cancer"), "light", HEIGHT),
    ("upload", upload, "light", HEIGHT),
    ("appointment", at("/people/appointments/DEMO-1000"), "light", 1060),
    ("directory", at("/prompts/hours"), "light", 1000),
    ("calendar", at("/prompts/hours?year=2026#days"), "light", 1000),
    ("audit", at("/settings/audit"), "light", HEIGHT),
)
SIZES = {**{name: (WIDTH, height) for name, _, _, height in PICTURES}, "phone": PHONE}
TAKES_PICTURES = pytest.mark.skipif(not os.environ.get("PICTURES"), reason="PICTURES=1 takes the pictures again")


@pytest.fixture(scope="module")
def clinic(browser: Browser, line: CompiledLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLine]:
    line.matcher.match("hello", "en")
    with running_line(tmp_path_factory.mktemp("clinic"), "--at", NOW, clinic=True) as running:
        yield running


@pytest.fixture(scope="module")
def admin(clinic: RunningLine, browser: Browser) -> Iterator[Page]:
    office = Office(clinic, browser)
    page = office.stranger(reduced_motion="reduce")
    page.goto("/console/login")
    page.get_by_label("Email address").fill("admin@example.org")
    page.get_by_label("Password", exact=True).fill(saved_password(clinic.var_dir) or "")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Today")).to_be_visible()
    yield page
    office.close_pages()


@TAKES_PICTURES
@pytest.mark.parametrize(("name", "go", "scheme", "height"), PICTURES, ids=[each[0] for each in PICTURES])
def test_take_a_picture_of_the_console(
    admin: Page, tmp_path: Path, name: str, go: Callable[[Page, Path], None], scheme: str, height: int
) -> None:
    admin.set_viewport_size({"width": WIDTH, "height": height})
    admin.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    go(admin, tmp_path)
    take(admin, name)


@TAKES_PICTURES
def test_take_a_picture_of_the_phone_in_a_call(clinic: RunningLine, browser: Browser, tmp_path: Path) -> None:
    people = People(browser, clinic.simulator)
    width, height = PHONE
    phone = people.person(
        "+16035550112", color_scheme="light", reduced_motion="reduce", viewport={"width": width, "height": height}
    )
    file = write(tmp_path / "friday.csv", ["AB-1,603-555-0112,2026-12-03 09:00,Maria,en,"])
    assert clinic.json("reminders", "import", file)["accepted"] == 1
    phone.receives("Thu Dec 3 at 9:00 AM")
    phone.texts("C").receives("We noted that you plan to come")
    phone.texts("what should I wear?").receives("Wear a top")
    phone.calls().presses("1").hears("What would you like to know?").is_listened_to()
    phone.page.locator(".exchange summary").first.click()
    take(phone.page, "phone")
    people.leave()
    assert people.errors == []


def take(page: Page, name: str) -> None:
    """Save what a page shows, with 256 colors: a third of the bytes, and no difference to see."""
    image = Image.open(BytesIO(page.screenshot(scale="css", animations="disabled"))).convert("RGB")
    folder = FOLDER if os.environ["PICTURES"] == "1" else Path(os.environ["PICTURES"])
    file = folder / f"{name}.png"
    image.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    assert image.size == SIZES[name]
    assert file.stat().st_size < MOST_BYTES
    share = different_share(image, Image.open(FOLDER / f"{name}.png"))
    assert share <= MOST_DIFFERENT, (
        f"docs/images/{name}.png is stale: {share:.0%} of the page look different now."
        " Take it again: PICTURES=1 make test-browser TEST=tests/browser/test_pictures.py"
    )


def different_share(taken: Image.Image, kept: Image.Image) -> float:
    """How much of two pictures of one size looks different: 0 to 1, of their squares."""
    width, height = taken.size
    size = (width // SQUARE, height // SQUARE)
    squares = (each.convert("L").resize(size, Image.Resampling.BOX).tobytes() for each in (taken, kept))
    pairs = list(zip(*squares, strict=True))
    return sum(abs(one - other) > BRIGHTER for one, other in pairs) / len(pairs)


@pytest.mark.parametrize("name", SIZES)
def test_a_picture_has_its_size_and_is_small(name: str) -> None:
    data = (FOLDER / f"{name}.png").read_bytes()
    assert struct.unpack(">II", data[16:24]) == SIZES[name]
    assert len(data) < MOST_BYTES


def test_every_picture_is_made_here() -> None:
    assert {file.stem for file in FOLDER.glob("*.png")} == SIZES.keys()


def test_a_page_with_a_new_part_looks_different_and_one_with_other_digits_does_not() -> None:
    kept = Image.open(FOLDER / "today.png").convert("RGB")
    changed, digits = kept.copy(), kept.copy()
    changed.paste((30, 90, 160), (40, 300, 1240, 360))
    digits.paste((30, 30, 30), (200, 300, 260, 312))
    assert different_share(kept, kept) == 0
    assert different_share(digits, kept) <= MOST_DIFFERENT < different_share(changed, kept)
