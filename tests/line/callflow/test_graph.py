"""The call graph: transitions from every state, when offices are open and when they are closed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.callflow import hours
from ivr.line.callflow.explore import Explorer, reachable_turns
from ivr.line.callflow.graph import Graph
from ivr.line.callflow.states import (
    HIDDEN,
    TASK_OUTCOMES,
    UNREACHABLE,
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
# Every node that waits for the caller.
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
NOT_ANSWERED = ("busy", "no-answer", "failed", "canceled", "something-new")
TASK_RESULTS = sorted({outcome for outcomes in TASK_OUTCOMES.values() for outcome in outcomes})
# An input, the facts that hold, and the result of a task that it leads to.
Step = tuple[Heard, frozenset[str], str]

inputs = st.one_of(
    st.sampled_from(KEYS).map(Key),
    st.sampled_from(["", "A", "12", "é"]).map(Key),
    st.just(Silence()),
    st.just(NumberEntered()),
    st.sampled_from([*sorted(OUTCOMES), *ANSWERS, *ENTRIES, "cancer", "people", "en", "es", "nonsense"]).map(
        SpokenWords
    ),
    st.sampled_from(["completed", "answered", *NOT_ANSWERED]).map(ActionResult),
)
facts_that_hold = st.sets(st.sampled_from([*ENTRIES, HIDDEN, UNREACHABLE])).map(frozenset)
steps = st.tuples(inputs, facts_that_hold, st.sampled_from(TASK_RESULTS))
walks = st.lists(steps, max_size=40)


def follow(line: CompiledLine, turn: Turn, step: Step) -> Turn:
    heard, facts, task_result = step
    turn = line.graph.next_turn(turn.state, heard, facts.__contains__)
    if isinstance(turn.state.node, Task):
        turn = line.graph.next_turn(turn.state, ActionResult(task_result), facts.__contains__)
    return turn


def all_open(_fact: str) -> bool:
    return True


def all_closed(_fact: str) -> bool:
    return False


def states_at(line: CompiledLine, *kinds: type) -> list[State]:
    """Every reachable state at nodes of the given kinds."""
    return [state for state in line.states.values() if isinstance(state.node, kinds)]


def dialed_number(line: CompiledLine, turn: Turn) -> str | None:
    return ElementTree.fromstring(line.document(turn)).findtext("Dial/Number")


@settings(max_examples=300)
@given(walk=walks)
def test_every_walk_stays_in_the_graph_and_every_turn_has_a_document(line: CompiledLine, walk: list[Step]) -> None:
    turn = line.graph.start()
    for step in walk:
        turn = follow(line, turn, step)
        assert line.states[turn.state.token] == turn.state
        assert line.document(turn)


@settings(max_examples=300)
@given(walk=walks)
def test_the_line_never_hangs_up_before_it_has_offered_help(line: CompiledLine, walk: list[Step]) -> None:
    turn, helped = line.graph.start(), False
    for step in walk:
        turn = follow(line, turn, step)
        helped = helped or isinstance(turn.state.node, Transfer | CallbackOffer)
        assert helped or not isinstance(turn.state.node, Goodbye)


@given(walk=walks, step=steps)
def test_a_transition_is_a_pure_function(line: CompiledLine, walk: list[Step], step: Step) -> None:
    turn = line.graph.start()
    for earlier in walk:
        turn = follow(line, turn, earlier)
    before = replace(turn, state=replace(turn.state))
    assert follow(line, turn, step) == follow(line, turn, step)
    assert turn == before


def test_key_0_leads_to_a_person_when_open_and_to_the_callback_offer_when_closed(line: CompiledLine) -> None:
    for state in states_at(line, *WAITING):
        assert isinstance(line.graph.next_turn(state, Key("0"), all_open).state.node, Transfer), state.token
        offer = line.graph.next_turn(state, Key("0"), all_closed).state.node
        assert offer == CallbackOffer(line.graph.person_of(state.node), "closed"), state.token


@pytest.mark.parametrize(
    "miss", [Silence(), Key("7"), SpokenWords("none")], ids=["no input", "a wrong key", "speech not understood"]
)
def test_repeated_misses_when_open_lead_to_a_person_within_three_tries(line: CompiledLine, miss: Heard) -> None:
    for state in states_at(line, *WAITING):
        if isinstance(state.node, CallbackOffer | Helped):
            continue
        turn = Turn(state)
        for _ in range(line.content.config.tries):
            if isinstance(turn.state.node, Transfer):
                break
            turn = line.graph.next_turn(turn.state, miss, all_open)
        assert isinstance(turn.state.node, Transfer), state.token
        assert turn.preface == "to-a-person"


@pytest.mark.parametrize(
    "miss", [Silence(), Key("7"), SpokenWords("none")], ids=["no input", "a wrong key", "speech not understood"]
)
def test_repeated_misses_when_closed_lead_to_the_callback_offer_and_then_to_goodbye(
    line: CompiledLine, miss: Heard
) -> None:
    for state in states_at(line, *WAITING):
        nodes = []
        turn = Turn(state)
        for _ in range(2 * line.content.config.tries):
            turn = line.graph.next_turn(turn.state, miss, all_closed)
            nodes.append(turn.state.node)
        assert isinstance(nodes[-1], Goodbye), state.token
        offered = isinstance(state.node, CallbackOffer | Helped) or any(
            isinstance(node, CallbackOffer) for node in nodes[:3]
        )
        assert offered, state.token


def test_no_input_and_no_match_have_separate_counters_and_prompts(line: CompiledLine) -> None:
    turn, prefaces = line.graph.start(), []
    for miss in (Silence(), Key("7"), Silence(), Key("7")):
        turn = line.graph.next_turn(turn.state, miss, all_open)
        prefaces.append(turn.preface)
    assert prefaces == ["silence", "wrong-key", "silence", "wrong-key"]
    assert (turn.state.silences, turn.state.wrongs, turn.state.node) == (2, 2, Menu("welcome"))
    assert isinstance(line.graph.next_turn(turn.state, Silence(), all_open).state.node, Transfer)
    for language in line.content.config.languages:
        prompts = {line.speech.block(language, name).paragraphs for name in ("silence", "wrong-key", "to-a-person")}
        assert len(prompts) == 3


def test_a_transition_resets_the_counters(line: CompiledLine) -> None:
    turn = line.graph.next_turn(line.graph.start().state, Silence(), all_open)
    turn = line.graph.next_turn(turn.state, Key("1"), all_open)
    assert turn == Turn(State("en", Menu("calcifications")))


BACK = [
    (TopicPart("cancer", 2), Menu("calcifications")),
    (TopicPart("cancer", 0), Menu("calcifications")),
    (TopicEnd("cancer", 2), Menu("calcifications")),
    (TopicPart("the-visit", 0), Menu("getting-ready")),
    # Offered after next-steps, and then after biopsy.
    (TopicPart("biopsy", 0), Menu("calcifications")),
    (TopicPart("medicines", 0), Menu("calcifications")),
    (TopicPart("cost", 0), Menu("welcome")),
    (Menu("getting-ready"), Menu("welcome")),
    (Menu("calcifications"), Menu("welcome")),
    (Menu("people"), Menu("welcome")),
    (Menu("welcome"), Menu("welcome")),
    (CallbackOffer("breast-health-center", "closed"), Menu("welcome")),
    (CallbackOffer("breast-health-center", "no-one-free"), Menu("welcome")),
]


@pytest.mark.parametrize(("node", "parent"), BACK, ids=[case[0].token for case in BACK])
def test_key_9_leads_to_the_parent(line: CompiledLine, node, parent) -> None:
    assert line.graph.next_turn(State("es", node, 1, 2, 3), Key("9"), all_open) == Turn(State("es", parent))


def test_key_8_changes_the_language_and_keeps_the_node(line: CompiledLine) -> None:
    for state in states_at(line, *WAITING):
        other = line.graph.next_turn(state, Key("8"), all_open).state
        assert (other.node, {other.language, state.language}) == (state.node, {"en", "es"})
        assert line.graph.next_turn(other, Key("8"), all_open).state == State(state.language, state.node)


def test_star_repeats_and_the_tenth_in_a_row_offers_a_person(line: CompiledLine) -> None:
    for start in (State("en", TopicPart("cancer", 1)), State("es", Menu("welcome"))):
        turns = [Turn(start)]
        for _ in range(11):
            turns.append(line.graph.next_turn(turns[-1].state, Key("*"), all_open))
        assert {turn.state.node for turn in turns} == {start.node}
        assert [turn.preface for turn in turns[1:]] == [None] * 9 + ["repeat-offer"] * 2
        assert line.speech.blocks(turns[1]) == line.speech.blocks(turns[0])
        assert line.speech.blocks(turns[10])[1:] == line.speech.blocks(turns[0])


@pytest.mark.parametrize("between", [Silence(), Key("7"), Key("8")], ids=["no input", "a wrong key", "key 8"])
def test_any_other_input_resets_the_count_of_stars(line: CompiledLine, between: Heard) -> None:
    state = State("en", TopicPart("cancer", 1), repeats=9)
    assert line.graph.next_turn(state, between, all_open).state.repeats == 0


def test_key_1_continues_a_topic_and_pound_skips_it(line: CompiledLine) -> None:
    state = State("en", TopicPart("cancer", 0))
    assert line.graph.next_turn(state, Key("1"), all_closed) == Turn(State("en", TopicPart("cancer", 1)))
    assert line.graph.next_turn(state, Key("#"), all_closed) == Turn(State("en", TopicEnd("cancer", 2)))
    last = State("en", TopicPart("cancer", 2))
    menu = Turn(State("en", Menu("calcifications")))
    assert line.graph.next_turn(last, Key("1"), all_closed) == menu
    assert line.graph.next_turn(State("en", TopicEnd("cancer", 2)), Key("1"), all_closed) == menu


OFFERED = [
    ("next-steps", 1, "2", "biopsy"),
    ("biopsy", 0, "2", "biopsy-pain"),
    ("biopsy", 0, "3", "medicines"),
]


@pytest.mark.parametrize(("subject", "part", "key", "offered"), OFFERED, ids=[case[3] for case in OFFERED])
def test_the_end_of_a_topic_and_of_an_answer_offers_others_by_voice_and_by_text(
    line: CompiledLine, subject: str, part: int, key: str, offered: str
) -> None:
    for language in ("en", "es"):
        state = State(language, TopicPart(subject, part))
        assert line.graph.next_turn(state, Key(key), all_open) == Turn(State(language, TopicPart(offered, 0)))
        answer = next(answer for answer in line.content.config.library if answer.id == offered)
        assert answer.word[language] in line.text(language, subject).splitlines()[-1]


def test_the_end_of_an_answer_without_offers_has_no_such_keys(line: CompiledLine) -> None:
    turn = line.graph.next_turn(State("en", TopicPart("medicines", 0)), Key("2"), all_open)
    assert turn == Turn(State("en", TopicPart("medicines", 0), wrongs=1), "wrong-key")


def test_star_after_a_skipped_topic_repeats_the_topic_and_keeps_counting(line: CompiledLine) -> None:
    state = State("en", TopicEnd("cancer", 2), repeats=8)
    assert line.graph.next_turn(state, Key("*"), all_closed) == Turn(State("en", TopicPart("cancer", 0), repeats=9))


DIALED = [
    (Menu("welcome"), "0", "+16036632180"),
    (Menu("welcome"), "2", "+16036632180"),
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


@pytest.mark.parametrize(("node", "key", "number"), DIALED, ids=[f"{case[0].token} key {case[1]}" for case in DIALED])
def test_each_menu_and_topic_transfers_to_its_own_number(line: CompiledLine, node, key: str, number: str) -> None:
    assert dialed_number(line, line.graph.next_turn(State("es", node), Key(key), all_open)) == number


def test_each_state_has_a_unique_token_that_is_safe_in_a_url(line: CompiledLine) -> None:
    states = {state for turn in line.documents for state in [turn.state]}
    assert len({state.token for state in states}) == len(states) == len(line.states)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,100}", token) for token in line.states)


@given(token=st.text(max_size=30), heard=inputs)
def test_an_unknown_token_restarts_the_call(line: CompiledLine, token: str, heard: Heard) -> None:
    if token not in line.states:
        assert line.next_turn(token, heard, all_open) == line.graph.start()


def test_a_known_token_continues_the_call(line: CompiledLine) -> None:
    assert line.next_turn("es.menu-welcome", Key("1"), all_closed) == Turn(State("es", Menu("calcifications")))


HOURS = [
    ("a Tuesday morning", "2026-12-01T15:00+00:00", True),
    ("at the opening minute", "2026-12-01T08:00-05:00", True),
    ("one minute before opening", "2026-12-01T07:59-05:00", False),
    ("one second before closing", "2026-12-01T16:59:59-05:00", True),
    ("at the closing minute", "2026-12-01T17:00-05:00", False),
    ("a Saturday", "2026-12-05T10:00-05:00", False),
    ("Christmas", "2026-12-25T10:00-05:00", False),
    ("during daylight saving time", "2026-07-01T08:00-04:00", True),
    ("an hour early during daylight saving time", "2026-07-01T08:30-03:00", False),
    ("Tuesday in Tokyo, Monday night on the line", "2026-12-01T08:00+09:00", False),
]


@pytest.mark.parametrize(("label", "moment", "is_open"), HOURS, ids=[case[0] for case in HOURS])
def test_opening_hours_are_in_the_time_zone_of_the_line(
    label: str, moment: str, is_open: bool, content: Content
) -> None:
    entry = content.config.entry("central-scheduling")
    assert hours.is_open(content.config, entry, datetime.fromisoformat(moment)) is is_open


def test_line_yaml_can_add_and_remove_holidays() -> None:
    added = read_content(changed("line.yaml", "add: [], remove: []", "add: [2026-12-01], remove: [2026-12-25]")).config
    entry = added.entry("central-scheduling")
    assert not hours.is_open(added, entry, datetime(2026, 12, 1, 15, tzinfo=UTC))
    assert hours.is_open(added, entry, datetime(2026, 12, 25, 15, tzinfo=UTC))


def test_opening_hours_read_naturally_in_each_language(content: Content) -> None:
    entry = content.config.entry("central-scheduling")
    assert hours.describe_hours(entry, "en") == "Monday to Friday from 8:00 AM to 5:00 PM"
    assert hours.describe_hours(entry, "es").startswith("de lunes a viernes, de 8:00")
    split = read_content(changed("line.yaml", "{Mon-Fri: 08:00-17:00}", "{Mon-Tue: 08:00-17:00, Fri: 09:00-12:00}"))
    description = hours.describe_hours(split.config.entry("central-scheduling"), "en")
    assert description == "Monday to Tuesday from 8:00 AM to 5:00 PM, Friday from 9:00 AM to 12:00 PM"


CHANGES = [
    ("other wording", "en/goodbye.md", "Take good care of yourself.", "Take very good care."),
    ("other hours", "line.yaml", "{Mon-Fri: 08:00-17:00}", "{Mon-Sat: 08:00-17:00}"),
    ("a different number of tries", "line.yaml", "tries: 3", "tries: 2"),
    ("a different fallback entry", "line.yaml", "next: [breast-health-center]", "next: [breast-diagnostic-center]"),
    ("a different key", "line.yaml", "1: the-visit, 2: skin-products", "1: skin-products, 2: the-visit"),
    ("an additional part", "en/skin-products.md", "## Texted", "## Spoken\n\nMore.\n\n## Texted"),
]


@pytest.mark.parametrize(("label", "file", "old", "new"), CHANGES, ids=[case[0] for case in CHANGES])
def test_reachable_turns_are_cached_only_while_the_transitions_stay_the_same(label, file, old, new) -> None:
    files = changed(file, old, new)
    if label == "an additional part":
        files["es/skin-products.md"] = changed("es/skin-products.md", old, new)["es/skin-products.md"]
    before, after = Graph(read_content(SHIPPED)), Graph(read_content(files))
    cached = reachable_turns(before, speech=False)
    assert reachable_turns(after, speech=False) == Explorer(after, speech=False).turns()
    assert (reachable_turns(after, speech=False) is cached) is label.startswith("other ")
