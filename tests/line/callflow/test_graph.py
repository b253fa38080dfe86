"""The call graph: what any caller can do at any place, by day and by night."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.callflow import hours
from ivr.line.callflow.explore import Explorer, reachable
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import (
    HIDDEN,
    TASK_OUTCOMES,
    ActionResult,
    CallbackOffer,
    CallbackTime,
    Confirmation,
    ConfirmOwnNumber,
    EnterNumber,
    Goodbye,
    Heard,
    Helped,
    Key,
    Menu,
    NumberEntered,
    ReadBack,
    Silence,
    SpokenAnswer,
    SpokenWords,
    State,
    Task,
    TextConsent,
    TopicEnd,
    TopicPart,
    Transfer,
    Turn,
)
from ivr.line.content.config import ANSWERS
from ivr.line.content.loader import Content, read_content
from ivr.line.content.required_prompts import OUTCOMES
from ivr.line.twiml.release import CompiledLine
from tests.line.content.test_loader import SHIPPED, changed

ENTRIES = ("central-scheduling", "breast-health-center", "breast-diagnostic-center")
KEYS = "1234567890*#"
# Every place where a caller is asked for something.
WAITING = (
    Menu,
    TopicPart,
    TopicEnd,
    SpokenAnswer,
    Confirmation,
    TextConsent,
    CallbackOffer,
    ConfirmOwnNumber,
    EnterNumber,
    ReadBack,
    CallbackTime,
    Helped,
)
ENDED_ELSEWHERE = ("busy", "no-answer", "failed", "canceled", "something-new")
TASKS_END = sorted({outcome for outcomes in TASK_OUTCOMES.values() for outcome in outcomes})
# What is heard, which facts hold then, and how a task ends that it leads to.
Step = tuple[Heard, frozenset[str], str]

heard = st.one_of(
    st.sampled_from(KEYS).map(Key),
    st.sampled_from(["", "A", "12", "é"]).map(Key),
    st.just(Silence()),
    st.just(NumberEntered()),
    st.sampled_from([*sorted(OUTCOMES), *ANSWERS, *ENTRIES, "cancer", "people", "en", "es", "nonsense"]).map(
        SpokenWords
    ),
    st.sampled_from(["completed", "answered", *ENDED_ELSEWHERE]).map(ActionResult),
)
what_holds = st.sets(st.sampled_from([*ENTRIES, HIDDEN])).map(frozenset)
steps = st.tuples(heard, what_holds, st.sampled_from(TASKS_END))
walks = st.lists(steps, max_size=40)


def at(line: CompiledLine, turn: Turn, step: Step) -> Turn:
    what, facts, ended = step
    turn = line.graph.step(turn.state, what, facts.__contains__)
    if isinstance(turn.state.place, Task):
        turn = line.graph.step(turn.state, ActionResult(ended), facts.__contains__)
    return turn


def everybody(_name: str) -> bool:
    return True


def nobody(_name: str) -> bool:
    return False


def quiet(line: CompiledLine, *kinds: type) -> list[State]:
    """Every state at places of some kinds that the graph can reach."""
    return [state for state in line.states.values() if isinstance(state.place, kinds)]


def dialled(line: CompiledLine, turn: Turn) -> str | None:
    return ElementTree.fromstring(line.document(turn)).findtext("Dial/Number")


@settings(max_examples=300)
@given(walk=walks)
def test_no_walk_leaves_the_graph_or_finds_a_turn_without_words(line: CompiledLine, walk: list[Step]) -> None:
    turn = line.graph.start()
    for step in walk:
        turn = at(line, turn, step)
        assert line.states[turn.state.token] == turn.state
        assert line.document(turn)


@settings(max_examples=300)
@given(walk=walks)
def test_our_side_never_ends_a_call_before_help_was_offered(line: CompiledLine, walk: list[Step]) -> None:
    turn, helped = line.graph.start(), False
    for step in walk:
        turn = at(line, turn, step)
        helped = helped or isinstance(turn.state.place, Transfer | CallbackOffer)
        assert helped or not isinstance(turn.state.place, Goodbye)


@given(walk=walks, step=steps)
def test_a_step_is_pure(line: CompiledLine, walk: list[Step], step: Step) -> None:
    turn = line.graph.start()
    for earlier in walk:
        turn = at(line, turn, earlier)
    before = Turn(replace(turn.state), turn.preface)
    assert at(line, turn, step) == at(line, turn, step)
    assert turn == before


def test_key_0_leads_to_a_person_when_open_and_to_the_offer_when_closed(line: CompiledLine) -> None:
    for state in quiet(line, *WAITING):
        assert isinstance(line.graph.step(state, Key("0"), everybody).state.place, Transfer), state.token
        offer = line.graph.step(state, Key("0"), nobody).state.place
        assert offer == CallbackOffer(line.graph.person_of(state.place), "closed"), state.token


@pytest.mark.parametrize(
    "missed", [Silence(), Key("7"), SpokenWords("none")], ids=["silence", "a wrong key", "words not understood"]
)
def test_nothing_said_for_ever_ends_in_a_person_by_day_within_three_tries(line: CompiledLine, missed: Heard) -> None:
    for state in quiet(line, *WAITING):
        if isinstance(state.place, CallbackOffer | Helped):
            continue
        turn = Turn(state)
        for _ in range(line.content.config.tries):
            if isinstance(turn.state.place, Transfer):
                break
            turn = line.graph.step(turn.state, missed, everybody)
        assert isinstance(turn.state.place, Transfer), state.token
        assert turn.preface == "to-a-person"


@pytest.mark.parametrize(
    "missed", [Silence(), Key("7"), SpokenWords("none")], ids=["silence", "a wrong key", "words not understood"]
)
def test_nothing_said_for_ever_ends_in_the_offer_by_night_and_then_in_goodbye(
    line: CompiledLine, missed: Heard
) -> None:
    for state in quiet(line, *WAITING):
        places = []
        turn = Turn(state)
        for _ in range(2 * line.content.config.tries):
            turn = line.graph.step(turn.state, missed, nobody)
            places.append(turn.state.place)
        assert isinstance(places[-1], Goodbye), state.token
        offered = isinstance(state.place, CallbackOffer | Helped) or any(
            isinstance(place, CallbackOffer) for place in places[:3]
        )
        assert offered, state.token


def test_silence_and_wrong_keys_are_counted_apart_and_worded_apart(line: CompiledLine) -> None:
    turn, said = line.graph.start(), []
    for missed in (Silence(), Key("7"), Silence(), Key("7")):
        turn = line.graph.step(turn.state, missed, everybody)
        said.append(turn.preface)
    assert said == ["silence", "wrong-key", "silence", "wrong-key"]
    assert (turn.state.silences, turn.state.wrongs, turn.state.place) == (2, 2, Menu("welcome"))
    assert isinstance(line.graph.step(turn.state, Silence(), everybody).state.place, Transfer)
    for language in line.content.config.languages:
        words = {line.speech.words(language, name).paragraphs for name in ("silence", "wrong-key", "to-a-person")}
        assert len(words) == 3


def test_a_key_that_leads_somewhere_forgives_what_was_missed(line: CompiledLine) -> None:
    turn = line.graph.step(line.graph.start().state, Silence(), everybody)
    turn = line.graph.step(turn.state, Key("1"), everybody)
    assert turn == Turn(State("en", Menu("calcifications")))


BACK = [
    (TopicPart("cancer", 2), Menu("calcifications")),
    (TopicPart("cancer", 0), Menu("calcifications")),
    (TopicEnd("cancer", 2), Menu("calcifications")),
    (TopicPart("the-visit", 0), Menu("welcome")),
    (Menu("calcifications"), Menu("welcome")),
    (Menu("people"), Menu("welcome")),
    (Menu("welcome"), Menu("welcome")),
    (CallbackOffer("breast-health-center", "closed"), Menu("welcome")),
    (CallbackOffer("breast-health-center", "no-one-free"), Menu("welcome")),
]


@pytest.mark.parametrize(("place", "above"), BACK, ids=[str(case[0]) for case in BACK])
def test_key_9_goes_back(line: CompiledLine, place, above) -> None:
    assert line.graph.step(State("es", place, 1, 2, 3), Key("9"), everybody) == Turn(State("es", above))


def test_key_8_changes_the_language_and_keeps_the_place(line: CompiledLine) -> None:
    for state in quiet(line, *WAITING):
        there = line.graph.step(state, Key("8"), everybody).state
        assert (there.place, {there.language, state.language}) == (state.place, {"en", "es"})
        assert line.graph.step(there, Key("8"), everybody).state == State(state.language, state.place)


def test_a_star_says_it_again_and_the_tenth_in_a_row_offers_a_person(line: CompiledLine) -> None:
    for start in (State("en", TopicPart("cancer", 1)), State("es", Menu("welcome"))):
        turns = [Turn(start)]
        for _ in range(11):
            turns.append(line.graph.step(turns[-1].state, Key("*"), everybody))
        assert {turn.state.place for turn in turns} == {start.place}
        assert [turn.preface for turn in turns[1:]] == [None] * 9 + ["repeat-offer"] * 2
        assert line.speech.blocks(turns[1]) == line.speech.blocks(turns[0])
        assert line.speech.blocks(turns[10])[1:] == line.speech.blocks(turns[0])


@pytest.mark.parametrize("between", [Silence(), Key("7"), Key("8")], ids=["silence", "a wrong key", "8"])
def test_only_stars_in_a_row_count(line: CompiledLine, between: Heard) -> None:
    state = State("en", TopicPart("cancer", 1), repeats=9)
    assert line.graph.step(state, between, everybody).state.repeats == 0


def test_a_topic_goes_on_with_1_and_can_be_skipped_with_pound(line: CompiledLine) -> None:
    state = State("en", TopicPart("cancer", 0))
    assert line.graph.step(state, Key("1"), nobody) == Turn(State("en", TopicPart("cancer", 1)))
    assert line.graph.step(state, Key("#"), nobody) == Turn(State("en", TopicEnd("cancer", 2)))
    last = State("en", TopicPart("cancer", 2))
    menu = Turn(State("en", Menu("calcifications")))
    assert line.graph.step(last, Key("1"), nobody) == menu
    assert line.graph.step(State("en", TopicEnd("cancer", 2)), Key("1"), nobody) == menu


def test_a_star_after_a_skipped_topic_says_the_topic_and_counts_on(line: CompiledLine) -> None:
    state = State("en", TopicEnd("cancer", 2), repeats=8)
    assert line.graph.step(state, Key("*"), nobody) == Turn(State("en", TopicPart("cancer", 0), repeats=9))


@pytest.mark.parametrize(
    ("status", "preface"),
    [
        ("busy", "transfer-busy"),
        ("no-answer", "transfer-no-answer"),
        ("failed", "transfer-failed"),
        ("canceled", "transfer-failed"),
        ("something-new", "transfer-failed"),
    ],
)
def test_a_call_that_is_not_taken_goes_to_the_next_who_is_open_and_then_to_the_offer(
    line: CompiledLine, status: str, preface: str
) -> None:
    for entry in ENTRIES:
        chain = line.graph.chain(entry)
        turn = line.graph.reach("en", entry, everybody)
        for link, name in enumerate(chain):
            assert line.speech.rung(turn.state.place) == name
            assert turn.preface == (preface if link else None)
            turn = line.graph.step(turn.state, ActionResult(status), everybody)
        assert turn == Turn(State("en", CallbackOffer(entry, "no-one-free")))
        only_last = {chain[-1]}.__contains__
        skipped = line.graph.step(State("en", Transfer(entry, 0)), ActionResult(status), only_last)
        assert line.speech.rung(skipped.state.place) == chain[-1]


@pytest.mark.parametrize("status", ["completed", "answered"])
def test_a_call_that_was_taken_ends_with_goodbye(line: CompiledLine, status: str) -> None:
    for state in quiet(line, Transfer):
        assert line.graph.step(state, ActionResult(status), everybody) == Turn(State(state.language, Goodbye()))


REACHED = [
    (Menu("welcome"), "0", "+16036632180"),
    (Menu("welcome"), "4", "+16036632180"),
    (Menu("people"), "1", "+16036632180"),
    (Menu("people"), "2", "+16036683067"),
    (Menu("people"), "3", "+16036634490"),
    (Menu("calcifications"), "0", "+16036683067"),
    (TopicPart("what-they-are", 1), "0", "+16036683067"),
    (TopicPart("cancer", 0), "0", "+16036683067"),
    (TopicPart("next-steps", 1), "0", "+16036683067"),
    (TopicPart("more-pictures", 0), "0", "+16036634490"),
    (TopicPart("skin-products", 0), "0", "+16036634490"),
    (TopicEnd("the-visit", 1), "0", "+16036634490"),
    (CallbackOffer("breast-health-center", "closed"), "0", "+16036683067"),
]


@pytest.mark.parametrize(("place", "key", "number"), REACHED, ids=[f"{case[0]} {case[1]}" for case in REACHED])
def test_each_menu_and_topic_transfers_to_its_own_number(line: CompiledLine, place, key: str, number: str) -> None:
    assert dialled(line, line.graph.step(State("es", place), Key(key), everybody)) == number


def test_no_number_is_dialled_twice_in_one_attempt_to_reach_somebody(line: CompiledLine) -> None:
    for entry in ENTRIES:
        numbers = [line.content.config.entry(name).number for name in line.graph.chain(entry)]
        assert len(set(numbers)) == len(numbers) > 1


def test_two_entries_that_share_a_number_are_rung_once() -> None:
    shared = CompiledLine(read_content(changed("line.yaml", "number: 603-663-4490", "number: 603-668-3067")))
    assert shared.graph.chain("breast-health-center") == ("breast-health-center", "central-scheduling")
    assert shared.graph.chain("central-scheduling") == ("central-scheduling", "breast-health-center")


def test_a_state_is_named_by_a_token_of_its_own_that_a_url_can_carry(line: CompiledLine) -> None:
    states = {state for turn in line.documents for state in [turn.state]}
    assert len({state.token for state in states}) == len(states) == len(line.states)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,100}", token) for token in line.states)


@given(token=st.text(max_size=30), what=heard)
def test_an_unknown_token_starts_again(line: CompiledLine, token: str, what: Heard) -> None:
    if token not in line.states:
        assert line.step(token, what, everybody) == line.graph.start()


def test_a_known_token_goes_on_from_there(line: CompiledLine) -> None:
    assert line.step("es.menu-welcome", Key("1"), nobody) == Turn(State("es", Menu("calcifications")))


HOURS = [
    ("a Tuesday morning", "2026-12-01T15:00+00:00", True),
    ("the minute it opens", "2026-12-01T08:00-05:00", True),
    ("the minute before", "2026-12-01T07:59-05:00", False),
    ("the last minute", "2026-12-01T16:59:59-05:00", True),
    ("the minute it closes", "2026-12-01T17:00-05:00", False),
    ("a Saturday", "2026-12-05T10:00-05:00", False),
    ("Christmas", "2026-12-25T10:00-05:00", False),
    ("in summer time", "2026-07-01T08:00-04:00", True),
    ("an hour too early in summer time", "2026-07-01T08:30-03:00", False),
    ("Tuesday in Tokyo is Monday night here", "2026-12-01T08:00+09:00", False),
]


@pytest.mark.parametrize(("label", "moment", "is_open"), HOURS, ids=[case[0] for case in HOURS])
def test_who_is_open_is_decided_by_the_lines_own_clock(
    label: str, moment: str, is_open: bool, content: Content
) -> None:
    entry = content.config.entry("central-scheduling")
    assert hours.is_open(content.config, entry, datetime.fromisoformat(moment)) is is_open


def test_a_holiday_can_be_added_and_taken_away() -> None:
    added = read_content(changed("line.yaml", "add: [], remove: []", "add: [2026-12-01], remove: [2026-12-25]")).config
    entry = added.entry("central-scheduling")
    assert not hours.is_open(added, entry, datetime(2026, 12, 1, 15, tzinfo=UTC))
    assert hours.is_open(added, entry, datetime(2026, 12, 25, 15, tzinfo=UTC))


def test_opening_hours_are_said_as_people_say_them(content: Content) -> None:
    entry = content.config.entry("central-scheduling")
    assert hours.describe_hours(entry, "en") == "Monday to Friday from 8:00 AM to 5:00 PM"
    assert hours.describe_hours(entry, "es").startswith("de lunes a viernes, de 8:00")
    split = read_content(changed("line.yaml", "{Mon-Fri: 08:00-17:00}", "{Mon-Tue: 08:00-17:00, Fri: 09:00-12:00}"))
    words = hours.describe_hours(split.config.entry("central-scheduling"), "en")
    assert words == "Monday to Tuesday from 8:00 AM to 5:00 PM, Friday from 9:00 AM to 12:00 PM"


REMEMBERED = [
    ("other words", "en/goodbye.md", "Take good care.", "Take very good care."),
    ("other hours", "line.yaml", "{Mon-Fri: 08:00-17:00}", "{Mon-Sat: 08:00-17:00}"),
    ("another try", "line.yaml", "tries: 3", "tries: 2"),
    ("another next in line", "line.yaml", "next: [breast-health-center]", "next: [breast-diagnostic-center]"),
    ("another key", "line.yaml", "4: central-scheduling, 5: people", "4: people, 5: central-scheduling"),
    ("a piece more", "en/skin-products.md", "## Texted", "## Spoken\n\nMore.\n\n## Texted"),
]


@pytest.mark.parametrize(("label", "file", "old", "new"), REMEMBERED, ids=[case[0] for case in REMEMBERED])
def test_what_calls_can_reach_is_remembered_only_where_it_is_the_same(label, file, old, new) -> None:
    files = changed(file, old, new)
    if label == "a piece more":
        files["es/skin-products.md"] = changed("es/skin-products.md", old, new)["es/skin-products.md"]
    before, after = Graph(read_content(SHIPPED)), Graph(read_content(files))
    remembered = reachable(before, speech=False)
    assert reachable(after, speech=False) == Explorer(after, speech=False).turns()
    assert (reachable(after, speech=False) is remembered) is label.startswith("other ")
