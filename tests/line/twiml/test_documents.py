"""Every TwiML document that a call can receive, checked against Twilio's schema and limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from ivr.line.callflow.speech import CALLERS_NUMBER, Speech, SpeechBlock
from ivr.line.callflow.states import Goodbye, Menu, State, TopicPart, Transfer, Turn, carries_number
from ivr.line.content.loader import read_content
from ivr.line.twiml.documents import text_document
from ivr.line.twiml.release import CompiledLine, TurnValues
from ivr.line.twiml.ssml import SLOWLY, build_say
from tests.line.content.test_loader import changed
from tests.support.paths import SHARED

# https://www.twilio.com/docs/api/errors/11750 and https://www.twilio.com/docs/voice/twiml/say#limits
LARGEST_DOCUMENT = 64 * 1024
LONGEST_SAY = 3000
OWN = "+16035550100"


@cache
def schema() -> xmlschema.XMLSchema:
    path = SHARED / "data" / "twiml-xsd" / "twiml_v20100401_twilioRealtimeCallSchema.xsd"
    if not path.exists():
        pytest.skip("Twilio's TwiML schema is not available")
    return xmlschema.XMLSchema(str(path))


def schema_errors(document: bytes) -> list[str]:
    """The schema's errors for a document, except for the dash of neural voices, which the schema predates."""
    plain = re.sub(r'voice="(Polly\.[A-Za-z]+)-Neural"', r'voice="\1"', document.decode())
    return [str(error.reason) for error in schema().iter_errors(plain)]


def documents(line: CompiledLine) -> Iterator[tuple[str, bytes]]:
    """Every voice document, including those for callers who withhold their number."""
    for turn, document in line.documents.items():
        yield turn.state.token, document
        if isinstance(turn.state.node, Transfer):
            yield f"{turn.state.token} withheld", line.document(turn, TurnValues(OWN))
    yield "unavailable", line.unavailable


def parsed(document: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(document)


def shape(document: bytes) -> bytes:
    """A document without its words and addresses: to the schema, all of them are just text."""
    without_addresses = re.sub(rb' action="[^"]*"', b' action="x"', document)
    return re.sub(rb">[^<]*[^<\s][^<]*<", b">x<", without_addresses)


def test_every_document_is_valid_under_twilios_schema(line: CompiledLine) -> None:
    names = {document: name for name, document in documents(line)}
    assert len(names) > 900
    # The schema takes seconds for all documents, which have far fewer shapes.
    shapes = {shape(document): document for document in names}
    errors = {names[document]: schema_errors(document) for document in shapes.values()}
    assert {name: reasons for name, reasons in errors.items() if reasons} == {}


@pytest.mark.parametrize(
    "document",
    [
        b'<Response><Gather numDigits="one"/></Response>',
        b'<Response><Say voice="alice-Neural">x</Say></Response>',
        b"<Response><Hello/></Response>",
    ],
)
def test_the_schema_check_rejects_invalid_documents(document: bytes) -> None:
    assert schema_errors(document)


def test_every_document_is_within_twilios_limits(line: CompiledLine) -> None:
    for name, document in documents(line):
        assert len(document) < LARGEST_DOCUMENT, name
        for spoken in parsed(document).iter("Say"):
            assert len("".join(spoken.itertext())) < LONGEST_SAY, name


def test_every_document_speaks_and_then_gathers_dials_or_hangs_up(line: CompiledLine) -> None:
    for name, document in documents(line):
        root = parsed(document)
        assert all("".join(spoken.itertext()).strip() for spoken in root.iter("Say")), name
        assert [child.tag for child in root if child.tag != "Say"] in (["Gather"], ["Dial"], ["Hangup"]), name
        assert root.find("Redirect") is None


def test_input_is_posted_to_the_state_that_asked_for_it(line: CompiledLine) -> None:
    for turn, document in line.documents.items():
        for verb in (*parsed(document).iter("Gather"), *parsed(document).iter("Dial")):
            held = "?held=SEALED-NUMBER" if carries_number(turn.state.node) else ""
            assert verb.get("action") == f"https://line.example.org/voice/{line.digest}/{turn.state.token}{held}"
            assert verb.get("method") == "POST"


def test_any_single_key_is_accepted_and_silence_is_posted_after_7_to_10_seconds(line: CompiledLine) -> None:
    for name, document in documents(line):
        for gather in parsed(document).iter("Gather"):
            expected = (None, "#") if ".keyin-" in name else ("1", "")
            assert (gather.get("numDigits"), gather.get("finishOnKey")) == expected, name
            assert gather.get("actionOnEmptyResult") == "true"
            assert 7 <= int(gather.get("timeout", 0)) <= 10


def test_each_language_is_spoken_by_its_own_voice(line: CompiledLine) -> None:
    voices = {voice.tag: voice for voice in line.content.config.languages.values()}
    for name, document in documents(line):
        for spoken in parsed(document).iter("Say"):
            voice = voices[spoken.get("language", "")]
            assert spoken.get("voice") == voice.voice, name
            assert spoken.find("prosody").get("rate") == voice.rate
    for spoken in parsed(line.document(line.graph.start("es"))).iter("Say"):
        assert (spoken.get("language") == "es-US") is ("English" not in "".join(spoken.itertext()))


def test_the_greeting_offers_the_other_language_in_that_language(line: CompiledLine) -> None:
    said = ["".join(spoken.itertext()) for spoken in parsed(line.document(line.graph.start())).iter("Say")]
    assert "español" in said[1]
    assert line.content.config.hospital["en"] in said[0]


def test_phone_numbers_and_emergency_numbers_are_read_digit_by_digit(line: CompiledLine) -> None:
    kinds = {}
    for name, document in documents(line):
        root = parsed(document)
        for part in root.iter("say-as"):
            kinds.setdefault(part.text, part.get("interpret-as"))
            part.text = ""
        other_words = "".join("".join(spoken.itertext()) for spoken in root.iter("Say"))
        assert not re.search(r"911|988|\d{3}-\d{4}", other_words), name
    numbers = [entry.number for entry in line.content.config.directory]
    said = [*numbers, CALLERS_NUMBER, "1-800-799-7233", "1-800-227-2345", "1-877-465-6636"]
    assert kinds == {**dict.fromkeys(said, "telephone"), **dict.fromkeys(("211", "911", "988"), "digits")}


def test_phone_numbers_are_read_slowly(line: CompiledLine) -> None:
    spoken = parsed(str(build_say(SpeechBlock("en", ("Call 603-555-0123, or 911.",)), line.content.config)).encode())
    slow = {part.text for prosody in spoken.iterfind("prosody/prosody") for part in prosody.iter("say-as")}
    assert slow == {"603-555-0123"}
    assert spoken.find("prosody/prosody").get("rate") == SLOWLY


READ_ALOUD = [
    ("a phone number", "Call 603-555-0123 now.", [("603-555-0123", "telephone")]),
    ("an emergency number that ends a sentence", "Call 911.", [("911", "digits")]),
    ("two in a row", "911 or 988", [("911", "digits"), ("988", "digits")]),
    ("a helpline", "Call 1-800-555-0123.", [("1-800-555-0123", "telephone")]),
    ("a number with another prefix", "2-603-555-0123", []),
    ("a year, an hour, a price", "In 1911 at 9:11, $9118", []),
    ("a longer number", "1603-555-01234", []),
]


@pytest.mark.parametrize(("label", "words", "expected"), READ_ALOUD, ids=[case[0] for case in READ_ALOUD])
def test_only_whole_numbers_are_read_digit_by_digit(
    label: str, words: str, expected: list[Any], line: CompiledLine
) -> None:
    spoken = parsed(str(build_say(SpeechBlock("en", (words,)), line.content.config)).encode())
    assert [(part.text, part.get("interpret-as")) for part in spoken.iter("say-as")] == expected
    assert "".join(spoken.itertext()) == words


def test_an_empty_line_is_a_pause_and_every_block_ends_with_one(line: CompiledLine) -> None:
    spoken = parsed(str(build_say(SpeechBlock("en", ("One.", "Two.")), line.content.config)).encode())
    assert [(part.tag, part.get("time"), part.tail) for part in spoken.iter("break")] == [
        ("break", "600ms", "Two."),
        ("break", "600ms", None),
    ]


# The content loader rejects characters that XML cannot contain.
sayable = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("&<>\"']"), max_size=80).filter(
    lambda words: not re.search("[\ufffe\uffff]", words)
)


@given(words=sayable)
def test_any_text_survives_the_round_trip_through_xml(words: str, line: CompiledLine) -> None:
    said = build_say(SpeechBlock("es", (words,)), line.content.config)
    assert "".join(parsed(said.to_xml().encode()).itertext()) == words
    assert parsed(text_document([words])).findtext("Message") == (words or None) or not words


def test_xml_special_characters_in_a_prompt_are_escaped() -> None:
    files = changed("en/closed.md", "I am sorry,", "You & <b>us</b> > all,")
    odd = CompiledLine(read_content(files))
    turn = odd.graph.reach("en", "central-scheduling", lambda _fact: False)
    document = odd.document(turn)
    assert "You & <b>us</b> > all," in "".join(parsed(document).itertext())
    assert schema_errors(document) == []


def test_a_transfer_shows_the_callers_number_or_the_lines_own_if_it_is_withheld(line: CompiledLine) -> None:
    turn = Turn(State("en", Transfer("central-scheduling", 0)))
    assert parsed(line.document(turn)).find("Dial").attrib == {
        "action": f"https://line.example.org/voice/{line.digest}/{turn.state.token}",
        "method": "POST",
        "timeout": "25",
    }
    assert parsed(line.document(turn, TurnValues(OWN))).find("Dial").get("callerId") == OWN
    for node in (Menu("welcome"), Goodbye(), TopicPart("cancer", 0)):
        assert line.document(Turn(State("en", node)), TurnValues(OWN)) == line.document(Turn(State("en", node)))


def test_a_caller_id_that_is_not_a_number_is_escaped(line: CompiledLine) -> None:
    turn = Turn(State("en", Transfer("central-scheduling", 0)))
    odd = 'sip:line@example.org?a=1&b="<2>"'
    assert parsed(line.document(turn, TurnValues(odd))).find("Dial").get("callerId") == odd


def test_a_transfer_says_who_did_not_answer_and_who_is_dialed_next(line: CompiledLine) -> None:
    turn = Turn(State("en", Transfer("breast-health-center", 1)), "transfer-busy", "breast-health-center")
    said = "".join(parsed(line.document(turn)).itertext())
    assert said.index("the Elliot Breast Health Center is busy") < said.index("connect you to the Elliot Breast Diag")


def test_the_last_resort_document_gives_every_phone_number(line: CompiledLine) -> None:
    said = "".join(parsed(line.unavailable).itertext())
    assert all(entry.number in said for entry in line.content.config.directory)


def test_each_reply_to_a_text_becomes_one_message() -> None:
    assert [message.text for message in parsed(text_document(["a & b", "c"]))] == ["a & b", "c"]
    assert list(parsed(text_document([]))) == []


def test_every_text_has_a_document(line: CompiledLine) -> None:
    for prompt in line.content.prompts.values():
        if prompt.texted:
            document = parsed(line.text_document(prompt.language, prompt.name))
            assert document.findtext("Message") == line.text(prompt.language, prompt.name)


def test_speech_consists_of_the_prompts(line: CompiledLine) -> None:
    speech = Speech(line.content, line.graph)
    blocks = speech.blocks(Turn(State("es", TopicPart("cancer", 1)), "silence"))
    assert [block.language for block in blocks] == ["es", "es", "es"]
    assert blocks[1].paragraphs == line.content.prompt("es", "cancer").spoken[1].paragraphs


def test_a_caller_who_cannot_get_texts_is_offered_none(line: CompiledLine) -> None:
    offers = 0
    for turn, document in line.documents.items():
        heard = line.without_text_offer(document) if line.offers_text(turn) else document
        for words in (b"To get this in a text", b"To get it in a text", b"en un mensaje, oprima", b"press 5"):
            offers += words in document
            assert words not in heard, turn
    assert offers > 0
