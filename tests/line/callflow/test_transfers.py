"""Transfers: who is dialed in which order, and what the caller hears after each outcome."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.line.callflow.states import ActionResult, CallbackOffer, Goodbye, State, Transfer, Turn
from ivr.line.content.loader import read_content
from ivr.line.twiml.release import CompiledLine, fallback_document
from tests.line.callflow.test_graph import ENTRIES, NOT_ANSWERED, all_open, states_at
from tests.line.content.test_loader import SHIPPED, changed


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
def test_an_unanswered_transfer_tries_the_next_open_entry_and_then_offers_a_callback(
    line: CompiledLine, status: str, preface: str
) -> None:
    for entry in ENTRIES:
        chain = line.graph.chains[entry]
        turn = line.graph.reach("en", entry, all_open)
        for link, name in enumerate(chain):
            assert line.speech.dialed_entry(turn.state.node) == name
            assert (turn.preface, turn.preface_entry) == ((preface, chain[link - 1]) if link else (None, ""))
            turn = line.graph.next_turn(turn.state, ActionResult(status), all_open)
        assert turn == Turn(State("en", CallbackOffer(entry, "no-one-free")))
        only_last = {chain[-1]}.__contains__
        skipped = line.graph.next_turn(State("en", Transfer(entry, 0)), ActionResult(status), only_last)
        assert line.speech.dialed_entry(skipped.state.node) == chain[-1]
        assert skipped.preface_entry == chain[0]


calls_to_entries = st.lists(
    st.tuples(st.sampled_from(NOT_ANSWERED), st.sets(st.sampled_from(ENTRIES))), min_size=1, max_size=4
)
PREFACES = {"busy": "transfer-busy", "no-answer": "transfer-no-answer"}


@settings(max_examples=300, deadline=None)
@given(
    language=st.sampled_from(["en", "es"]),
    asked=st.sampled_from(ENTRIES),
    open_first=st.sets(st.sampled_from(ENTRIES), min_size=1),
    calls=calls_to_entries,
)
def test_in_any_chain_of_outcomes_the_caller_hears_who_was_rung_last_and_who_is_rung_next(
    line: CompiledLine, language: str, asked: str, open_first: set[str], calls: list[tuple[str, set[str]]]
) -> None:
    speech, config = line.speech, line.content.config
    turn = line.graph.reach(language, asked, open_first.__contains__)
    for status, is_open in calls:
        node = turn.state.node
        if not isinstance(node, Transfer):
            break
        rung = speech.dialed_entry(node)
        turn = line.graph.next_turn(turn.state, ActionResult(status), is_open.__contains__)
        said = " ".join(paragraph for block in speech.blocks(turn) for paragraph in block.paragraphs)
        if isinstance(turn.state.node, Transfer):
            preface = speech.block(
                language, PREFACES.get(status, "transfer-failed"), name=config.entry(rung).name[language]
            )
            assert said.startswith(" ".join(preface.paragraphs))
            heard = {rung, speech.dialed_entry(turn.state.node)}
        else:
            assert isinstance(turn.state.node, CallbackOffer)
            heard = {turn.state.node.entry}
            assert heard <= is_open | {rung}, "the caller is asked to call an office that is closed"
        assert heard == {entry.id for entry in config.directory if entry.name[language] in said}
        assert line.document(turn)


@pytest.mark.parametrize("status", ["completed", "answered"])
def test_an_answered_transfer_ends_with_goodbye(line: CompiledLine, status: str) -> None:
    for state in states_at(line, Transfer):
        assert line.graph.next_turn(state, ActionResult(status), all_open) == Turn(State(state.language, Goodbye()))


def test_no_number_is_dialed_twice_in_one_transfer_chain(line: CompiledLine) -> None:
    for entry in ENTRIES:
        numbers = [line.content.config.entry(name).number for name in line.graph.chains[entry]]
        assert len(set(numbers)) == len(numbers) > 1


def test_two_entries_that_share_a_number_are_dialed_once() -> None:
    shared = CompiledLine(read_content(changed("line.yaml", "number: 603-663-4490", "number: 603-668-3067")))
    assert shared.graph.chains["breast-health-center"] == ("breast-health-center", "central-scheduling")
    assert shared.graph.chains["central-scheduling"] == ("central-scheduling", "breast-health-center")


COSTLY = {"premium": "900-234-1234", "premium in every area": "603-976-2180", "Jamaica": "876-234-1234"}


@pytest.mark.parametrize("number", COSTLY.values(), ids=COSTLY)
def test_a_costly_number_is_dialed_in_no_document_and_its_callers_reach_the_next_entry(number: str) -> None:
    line = CompiledLine(read_content(changed("line.yaml", "number: 603-663-2180", f"number: {number}")))
    costly = f"+1{number.replace('-', '')}".encode()
    assert not [turn for turn, document in line.documents.items() if costly in document]
    turn = line.graph.reach("en", "central-scheduling", all_open)
    assert line.speech.dialed_entry(turn.state.node) == "breast-health-center"


def test_callers_are_offered_a_callback_and_the_fallback_dials_nobody_if_all_numbers_are_costly(
    line: CompiledLine,
) -> None:
    words = SHIPPED["line.yaml"].replace(b"number: 603-", b"number: 900-")
    costly = CompiledLine(read_content({**SHIPPED, "line.yaml": words}))
    for entry in ENTRIES:
        assert costly.graph.reach("en", entry, all_open) == Turn(State("en", CallbackOffer(entry, "closed")))
    assert [b"<Dial" in fallback_document(one) for one in (line, costly)] == [True, False]
