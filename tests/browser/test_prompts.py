"""Nurses change the words of the line in a real browser, with scripts and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.people import Office
from tests.e2e.running import until

pytestmark = pytest.mark.browser
SPOKEN = "#words-0"
TOO_HARD = (
    "Mammographic calcifications characteristically necessitate supplementary radiological investigations, "
    "particularly whenever indeterminate morphological characteristics accompany multidimensional distributions."
)
PUBLISH_SECONDS = 150


@pytest.fixture(autouse=True)
def _no_draft(office: Office) -> None:
    """Throw away what an earlier test has left in the draft."""
    page = office.page("operator", "/console/prompts/draft")
    if page.get_by_text("Throw away every change").is_visible():
        discard(page)


def discard(page: Page) -> None:
    page.goto("/console/prompts/draft")
    page.get_by_text("Throw away every change").click()
    page.locator("details").get_by_role("button", name="Throw away").click()
    expect(page.get_by_text("The draft changes nothing")).to_be_visible()


def change_words(page: Page, old: str, new: str) -> None:
    """Replace some of the first spoken part, as typing does."""
    area = page.locator(SPOKEN)
    words = area.input_value()
    assert old in words
    area.fill(words.replace(old, new))


def save(page: Page) -> None:
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_text("Saved in the draft.")).to_be_visible()


def shown_later(page: Page, what: Locator, *, scripts: bool) -> None:
    """Wait for something that live parts bring. Without scripts, a person reloads the page."""
    for _ in range(0 if scripts else PUBLISH_SECONDS):
        if what.is_visible():
            return
        page.wait_for_timeout(1000)
        page.goto(page.url)
    expect(what).to_be_visible(timeout=PUBLISH_SECONDS * 1000)


def publish(page: Page, note: str) -> None:
    page.goto("/console/prompts/draft")
    page.get_by_label("What changed and why").fill(note)
    page.get_by_label("Publish even if words are not signed off").check()
    page.get_by_role("button", name="Check and publish 1 change").click()


@pytest.mark.parametrize(
    ("scripts", "name", "old", "new", "keys"),
    [
        (True, "cancer", "It is natural to ask this.", "It is good to ask this.", ("1", "2")),
        (False, "more-pictures", "It can be worrying to be asked back.", "Being asked back can worry you.", ("1", "3")),
    ],
    ids=["with scripts", "without scripts"],
)
def test_a_nurse_hears_new_words_is_refused_for_hard_ones_and_publishes_what_the_next_call_says(
    office: Office, scripts: bool, name: str, old: str, new: str, keys: tuple[str, ...]
) -> None:
    page = office.page("operator", f"/console/prompts/en/{name}", java_script_enabled=scripts)
    change_words(page, old, TOO_HARD)
    if scripts:
        expect(page.locator("#part-0")).to_contain_text("This reads at grade")
    save(page)
    publish(page, "Harder words")
    shown_later(page, page.get_by_text("Nothing was published."), scripts=scripts)
    expect(page.locator("#publishing")).to_contain_text("use shorter words and sentences")
    office.line.call().presses(*keys).hears(old)

    page.goto(f"/console/prompts/en/{name}")
    change_words(page, TOO_HARD, new)
    preview(page, new, scripts=scripts)
    save(page)
    hear(page, scripts=scripts)
    older = page.context.new_page()
    older.goto("/console/prompts/draft")
    publish(page, f"Kinder words about {name}")
    shown_later(page, page.get_by_text("is live: calls and texts that begin now get the new words."), scripts=scripts)
    until(lambda: new in office.line.call().presses(*keys).said, "a call with the new words")

    # Neither the back button nor the form in an older tab publishes a second time, and both pages say why.
    page.go_back()
    expect(page.get_by_text("The draft changes nothing")).to_be_visible()
    older.get_by_label("What changed and why").fill("Once more")
    older.get_by_role("button", name="Check and publish 1 change").click()
    expect(older.get_by_role("alert")).to_contain_text("Nothing was published, because this page was out of date.")
    expect(older.get_by_role("alert")).to_contain_text(f"{office.person('operator').name} made release")
    expect(older.get_by_text("Your note was: Once more")).to_be_visible()
    older.close()
    page.goto("/console/prompts/history")
    expect(page.get_by_text(f"Kinder words about {name}")).to_have_count(1)

    page.get_by_role("link", name="Go back to release").first.click()
    expect(page.locator(".runs del").first).to_be_visible()
    page.get_by_label("Why you go back").fill(f"The old words of {name} were right")
    page.get_by_role("button", name="live").click()
    shown_later(page, page.get_by_text("is live again"), scripts=scripts)
    until(lambda: old in office.line.call().presses(*keys).said, "a call with the old words")
    page.goto("/console/prompts/history")
    expect(page.get_by_text(f"The old words of {name} were right")).to_have_count(1)


def preview(page: Page, new: str, *, scripts: bool) -> None:
    """Hear words before they are saved: they stay in their field, and the draft stays as it is."""
    page.get_by_role("button", name="Preview").click()
    player = page.get_by_label("The words as they are typed")
    expect(player).to_be_visible()
    assert new in page.locator(SPOKEN).input_value()
    expect(page.get_by_text("A preview: these words are not saved yet.")).to_have_count(0 if scripts else 1)
    sound = page.request.get(str(player.get_attribute("src")))
    assert sound.headers["content-type"] == "audio/wav"
    assert len(sound.body()) > 8000 * 5, "less than five seconds"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_nurse_tries_a_question_with_a_phrase_that_is_not_saved(office: Office, scripts: bool) -> None:
    page = office.page("operator", "/console/prompts/en/children", java_script_enabled=scripts)
    phrases = page.get_by_label("Phrases that lead here")
    phrases.fill(f"{phrases.input_value()}\nmay my zebra come along")
    page.get_by_label("What would this be understood as?").fill("may my zebra come along")
    page.get_by_role("button", name="Try it").click()
    understood = page.locator("#understood")
    expect(understood).to_contain_text("Understood as")
    expect(understood).to_contain_text("has not learned the phrases of the draft yet")
    assert "zebra" in phrases.input_value()
    # The check of what is being typed and a button do not get into each other's way.
    count = len(phrases.input_value().splitlines()) + 1
    phrases.press("Control+End")
    phrases.press_sequentially("\nand my cat")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#heard audio")).to_be_visible()
    expect(page.locator("#phrase-panel")).to_contain_text(f"{count} phrases")
    expect(page.locator("#proof .understood")).to_have_count(0)
    expect(page.locator("#proof .notice")).to_have_count(1)
    # The Enter key neither saves nor adds a part.
    parts = page.locator("textarea[name=words]").count()
    page.get_by_label("What would this be understood as?").press("Enter")
    expect(page.locator("#heard audio")).to_be_visible()
    expect(page.locator("textarea[name=words]")).to_have_count(parts)
    page.goto("/console/prompts/draft")
    expect(page.get_by_text("The draft changes nothing")).to_be_visible()


def hear(page: Page, *, scripts: bool) -> None:
    """Listen to the words in the local voice."""
    player = page.get_by_label("All parts of this prompt")
    if not scripts:
        sound = page.request.get(str(player.get_attribute("src")))
        assert sound.headers["content-type"] == "audio/wav"
        assert len(sound.body()) > 8000 * 5, "less than five seconds"
        return
    plays(player)
    assert player.evaluate("player => player.duration") > 5


def test_a_nurse_records_words_with_the_microphone_listens_and_saves(office: Office) -> None:
    page = office.page("operator", "/console/prompts/en/goodbye")
    part = page.locator("[data-recorder]").first
    card = page.locator(".card-block").filter(has=part)
    saved = card.get_by_label("The recording of:")
    expect(saved).to_have_count(0)
    part.get_by_role("button", name="Record with the microphone").click()
    part.get_by_role("button", name="Stop (2 s)").click()
    expect(part.get_by_text("This is your recording. Listen to it, then save it.")).to_be_visible()
    plays(part.locator("audio"))
    part.get_by_role("button", name="Save this recording in the draft").click()
    expect(page.get_by_role("status")).to_contain_text("Saved in the draft: a recording of")
    # As telephones play it: what was recorded has a sound.
    sound = page.request.get(str(saved.get_attribute("src")))
    assert len(set(sound.body())) > 50
    plays(saved)
    card.get_by_role("button", name="Remove this recording").click()
    expect(page.get_by_role("status")).to_contain_text("Removed in the draft")
    expect(saved).to_have_count(0)


def plays(player: Locator) -> None:
    player.evaluate("player => player.play()")
    until(lambda: player.evaluate("player => player.currentTime") > 0.2, "the sound")


def test_a_nurse_who_does_not_allow_the_microphone_is_told_what_to_do(office: Office) -> None:
    page = office.page("operator", "/console/prompts/en/goodbye")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )
    part = page.locator("[data-recorder]").first
    part.get_by_role("button", name="Record with the microphone").click()
    expect(part.get_by_text("The browser did not allow the microphone.")).to_be_visible()
    expect(part.get_by_role("button", name="Record with the microphone")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_two_nurses_who_change_the_same_words_see_both_versions_and_lose_neither(office: Office, scripts: bool) -> None:
    name = "prevent" if scripts else "dense"
    path = f"/console/prompts/en/{name}"
    ruth = office.page("operator", path, java_script_enabled=scripts)
    lena = office.page("operator", path, name="Lena Novak", java_script_enabled=scripts)
    words = ruth.locator(SPOKEN).input_value()
    ruth.locator(SPOKEN).fill(words + "\n\nRuth wrote this.")
    save(ruth)
    lena.locator(SPOKEN).fill(words + "\n\nLena wrote that.")
    lena.get_by_role("button", name="Save in the draft").click()
    both = lena.get_by_role("region", name="Both versions, word by word")
    expect(both.locator(".runs del")).to_have_text(["Ruth", "this."])
    expect(both.locator(".runs ins")).to_have_text(["Lena", "that."])
    assert "Lena wrote that." in lena.locator(SPOKEN).input_value()
    ruth.goto(path)
    assert "Ruth wrote this." in ruth.locator(SPOKEN).input_value()

    lena.locator(SPOKEN).fill(words + "\n\nRuth wrote this. Lena wrote that.")
    lena.get_by_role("button", name="Save mine instead").click()
    expect(lena.get_by_text("Saved in the draft.")).to_be_visible()
    ruth.goto(path)
    assert "Ruth wrote this. Lena wrote that." in ruth.locator(SPOKEN).input_value()


def test_words_that_are_published_and_taken_back_meanwhile_do_not_overwrite_a_draft(office: Office) -> None:
    ruth = office.page("operator", "/console/prompts/en/goodbye")
    lena = office.page("operator", "/console/prompts/en/goodbye", name="Lena Novak")
    change_words(ruth, "Take good care of yourself.", "Take very good care of yourself.")
    save(ruth)
    publish(ruth, "Warmer goodbye")
    expect(ruth.get_by_text("is live: calls and texts")).to_be_visible(timeout=PUBLISH_SECONDS * 1000)
    ruth.get_by_role("link", name="See the history").click()
    ruth.get_by_role("link", name="Go back to release").first.click()
    ruth.get_by_role("button", name="live").click()
    expect(ruth.get_by_text("is live again")).to_be_visible(timeout=PUBLISH_SECONDS * 1000)

    # Lena's page is older than both releases, and her words start from what is live again.
    change_words(lena, "You can hang up whenever you like.", "You may hang up now.")
    save(lena)
    lena.goto("/console/prompts/draft")
    expect(lena.locator("ins").filter(has_text="may")).to_be_visible()
    expect(lena.get_by_text("very good care")).to_have_count(0)
