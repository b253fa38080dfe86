"""Texts on the telephone of the page: replies, reminders, ticks, and several phones at once."""

from __future__ import annotations

import pytest

from tests.browser.phone.phones import People, expect
from tests.e2e.running import RunningLine
from tests.support.network import Line

pytestmark = pytest.mark.browser


def test_a_conversation_leads_from_a_reminder_to_a_confirmation(people: People, running: RunningLine) -> None:
    phone = people.person("+16035550168")
    file = running.var_dir / "one.csv"
    file.write_text(
        "appointment_id,phone,starts_at,language,first_name\nPHONE-1,603-555-0168,2026-12-03 09:00,en,Ana\n"
    )
    assert running.json("reminders", "import", file)["accepted"] == 1
    phone.receives("Thu Dec 3 at 9:00 AM")
    phone.texts("can I wear deodorant?").receives("use no deodorant")
    phone.texts("C").receives("We noted that you plan to come on Thu Dec 3")
    exported = running.var_dir / "exported.csv"
    assert running.infoline("reminders", "export", "1", "-o", exported).returncode == 0
    assert "confirmed" in exported.read_text()


def test_stop_is_answered_by_the_carrier_and_silences_the_line(people: People) -> None:
    phone = people.person()
    phone.texts("STOP").receives("You have successfully been unsubscribed.")
    expect(phone.page.get_by_label("Texts to this phone")).to_have_value("opted-out")
    phone.texts("can I wear deodorant?")
    phone.texts("START").receives("re-subscribed")
    expect(phone.page.locator("#thread .theirs").filter(has_text="use no deodorant")).to_have_count(0)


def test_a_long_text_shows_its_segments_before_it_is_sent(people: People) -> None:
    page = people.person().page
    page.get_by_label("Text message").fill("a" * 161)
    expect(page.get_by_role("button", name="Send (2 segments)")).to_be_visible()
    page.get_by_label("Text message").fill("ñ" * 160)
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    page.get_by_label("Text message").fill("ą" * 71)
    expect(page.get_by_role("button", name="Send (2 segments)")).to_be_visible()


def test_each_bubble_shows_how_many_segments_its_text_has(testers: People, script: Line) -> None:
    script.says["/sms"] = f"<Message>{'b' * 307}</Message><Message>Short.</Message>"
    phone = testers.person()
    page = phone.page
    page.get_by_label("Text message").fill("a" * 161)
    page.get_by_role("button", name="Send (2 segments)").click()
    phone.receives("Short.")
    mine, long, short = page.locator("#thread .mine"), *page.locator("#thread .theirs").all()
    expect(mine.locator(".meta")).to_contain_text(" · 2 segments · ")
    expect(long.locator(".meta")).to_contain_text(" · 3 segments · ")
    expect(short.locator(".meta")).to_contain_text(" · 1 segment · ")
