"""Working through a list: prompts that match a filter, and questions that the line did not understand."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ivr import clock
from ivr.people.inbound.unanswered import UnansweredLog, UnansweredQuestion
from tests.web.console.prompts.support import GOODBYE, edit
from tests.web.console.prompts.test_pages import CANCER, kinds

UNANSWERED = "/prompts/unanswered"
IGNORED = "<details><summary>"


@pytest.fixture
def nurse(published):
    return published.browser("operator", "Ann Example")


def ask(console, *questions, minutes=60):
    log = UnansweredLog(console.services.ledger, console.services.vault)
    for words in questions:
        log.add(UnansweredQuestion(clock.now() - timedelta(minutes=minutes), "text", "en", words))
    log.close()


def lists(browser):
    """The questions that are asked, and those that are ignored, as the page shows them."""
    asked, _, ignored = browser.page(UNANSWERED).lower().partition("ignored question")
    return asked, ignored


def group_of(words, page):
    """The id of the group whose part of the page has these words."""
    parts = re.split(r'(?=<section class="card-block">|<li>)', page)
    return next(re.search(r'name="group" value="(\w+)"', part)[1] for part in parts if words in part)


def test_what_is_no_question_for_the_line_is_ignored_until_it_is_listed_again(published, nurse):
    ask(published, "how loud is the machine", "zebra umbrella", "Zebra, umbrella!", "my number is 603 555 0123")
    assert "could not answer 4 questions" in nurse.page("/")
    asked, ignored = lists(nurse)
    assert ignored == ""
    assert nurse.post(f"{UNANSWERED}/ignore", {"group": group_of("zebra", asked)}).status_code == 303
    assert kinds(published)[-1] == "questions_ignored"
    asked, ignored = lists(nurse)
    assert ("loud" in asked, "zebra" in asked, "asked 2 times" in ignored) == (True, False, True)
    assert "could not answer 2 questions" in nurse.page("/")
    # The same words are ignored when somebody asks them later.
    ask(published, "ZEBRA UMBRELLA?", minutes=5)
    asked, ignored = lists(nurse)
    assert ("zebra" in asked, "asked 3 times" in ignored) == (False, True)
    group = group_of("zebra", ignored)
    assert "not on the list any more" in nurse.post(
        f"{UNANSWERED}/ignore", {"group": group}, follow_redirects=True
    ).get_data(as_text=True)
    assert nurse.post(f"{UNANSWERED}/ignore", {"group": group, "again": "yes"}).status_code == 303
    assert kinds(published)[-1] == "questions_restored"
    asked, ignored = lists(nurse)
    assert ("zebra" in asked, ignored) == (True, "")
    assert "could not answer 5 questions" in nurse.page("/")


def sign(browser, path):
    version = re.search(r'name="version" value="(\w+)"', browser.page(path))[1]
    return browser.post(path, {"version": version})


def test_a_nurse_signs_off_one_prompt_after_the_other(nurse):
    page = nurse.page("/prompts?show=sign-off")
    number = int(re.search(r"Needs a sign-off \((\d+)\)", page)[1])
    wanted = re.findall(r'href="(/prompts/\w\w/[\w-]+)\?show=sign-off"', page)
    assert len(wanted) == number > 20
    assert "/prompts/en/goodbye" not in wanted
    editor = nurse.page(f"{wanted[0]}?show=sign-off")
    assert f'rel="next" href="{wanted[1]}?show=sign-off"' in editor
    path = f"{wanted[0]}/sign-off?show=sign-off"
    assert path in editor
    for following in wanted[1:4]:
        answer = sign(nurse, path)
        path = f"{following}/sign-off?show=sign-off"
        assert (answer.status_code, answer.location) == (303, path)
    # One can be left out.
    assert f'rel="next" href="{wanted[4]}/sign-off?show=sign-off"' in nurse.page(path)
    assert f"Needs a sign-off ({number - 3})" in nurse.page("/prompts?show=sign-off")
    # After the last one, those follow that were left out.
    assert sign(nurse, f"{wanted[-1]}/sign-off?show=sign-off").location == f"{wanted[3]}/sign-off?show=sign-off"


def test_the_list_shows_what_the_draft_changes_and_which_translations_are_behind(nurse):
    assert "No prompt is on this list, so there is nothing to do" in nurse.page("/prompts?show=behind")
    edit(nurse, "Once more", "Again", CANCER)
    edit(nurse)
    for show in ("draft", "behind"):
        names = set(re.findall(r'href="/prompts/en/([\w-]+)\?show', nurse.page(f"/prompts?show={show}")))
        assert names == {"cancer", "goodbye"}
    path = "/prompts/es/cancer"
    for following in (f"{'/prompts/es/goodbye'}?show=behind", "/prompts?show=behind#list"):
        page = nurse.page(f"{path}?show=behind")
        fields = dict(re.findall(r'name="(version|source)" value="(\w+)"', page))
        assert nurse.post(f"{path}/up-to-date?show=behind", fields).location == following
        path = "/prompts/es/goodbye"


def test_a_filter_that_does_not_exist_shows_everything_and_a_saved_prompt_stays_on_its_list(nurse):
    assert f'href="{CANCER}"' in nurse.page("/prompts?show=made-up")
    assert edit(nurse, path=f"{GOODBYE}?show=draft").location == f"{GOODBYE}?show=draft"
