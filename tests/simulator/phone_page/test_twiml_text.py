"""TwiML, laid out for reading."""

import pytest

from simulator.phone_page.twiml_text import pretty, state_after, state_before


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        ("", []),
        ("<Response/>", ["<Response/>"]),
        ("<Response><Say>Hi</Say></Response>", ["<Response>", "  <Say>Hi</Say>", "</Response>"]),
        (
            '<Response><Gather><Say>Press <break time="1s"/> 1</Say></Gather><Hangup/></Response>',
            [
                "<Response>",
                "  <Gather>",
                '    <Say>Press <break time="1s"/> 1</Say>',
                "  </Gather>",
                "  <Hangup/>",
                "</Response>",
            ],
        ),
        ("not XML < at all", ["not XML", "< at all"]),
    ],
)
def test_each_verb_has_its_line_and_what_is_said_stays_whole(document, lines):
    assert pretty(document) == "\n".join(lines)


@pytest.mark.parametrize(
    ("document", "state"),
    [
        ("<Response/>", ""),
        ('<Gather action="http://127.0.0.1:8000/voice/abc/en.menu"/>', "/voice/abc/en.menu"),
        ('<Dial timeout="20" action="/voice/x?a=1&amp;b=2">', "/voice/x?a=1&b=2"),
        ("<Redirect method='POST'>/voice/y</Redirect>", "/voice/y"),
    ],
)
def test_the_state_after_an_answer_is_where_the_next_webhook_goes(document, state):
    assert state_after(document) == state


def test_the_state_before_leaves_out_the_host():
    assert state_before("http://127.0.0.1:8000/voice/abc/es.menu%2Fx?n=1") == "/voice/abc/es.menu/x?n=1"
