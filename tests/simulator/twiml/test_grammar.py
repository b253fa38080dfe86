"""The grammar knows every attribute that the official library offers for the elements that the simulator has."""

import inspect
import re

import pytest
from twilio.twiml import messaging_response, voice_response
from twilio.twiml.messaging_response import Message, MessagingResponse
from twilio.twiml.voice_response import Client, Dial, Gather, VoiceResponse

from simulator.rest import fields
from simulator.rest.fields import PARTICIPANT_ATTRIBUTES, Form
from simulator.twiml.grammar import SPEECH, TEXT_VERBS, VOICE_VERBS, WITHOUT_EFFECT
from tests.support.paths import ROOT

# The methods of the library that make an element, and the parameters that are its content.
MAKERS = [
    (VOICE_VERBS, VoiceResponse, "Say", "say", {"message"}),
    (VOICE_VERBS, VoiceResponse, "Play", "play", {"url"}),
    (VOICE_VERBS, VoiceResponse, "Pause", "pause", set()),
    (VOICE_VERBS, VoiceResponse, "Gather", "gather", set()),
    (VOICE_VERBS, VoiceResponse, "Dial", "dial", {"number"}),
    (VOICE_VERBS, VoiceResponse, "Record", "record", set()),
    (VOICE_VERBS, VoiceResponse, "Redirect", "redirect", {"url"}),
    (VOICE_VERBS, VoiceResponse, "Reject", "reject", set()),
    (VOICE_VERBS, VoiceResponse, "Hangup", "hangup", set()),
    (VOICE_VERBS, Gather, "Say", "say", {"message"}),
    (VOICE_VERBS, Dial, "Number", "number", {"phone_number"}),
    (VOICE_VERBS, Dial, "Client", "client", {"identity"}),
    (VOICE_VERBS, Dial, "Sip", "sip", {"sip_url"}),
    (VOICE_VERBS, Dial, "Conference", "conference", {"name"}),
    (VOICE_VERBS, Client, "Parameter", "parameter", set()),
    (TEXT_VERBS, MessagingResponse, "Message", "message", {"body"}),
    (TEXT_VERBS, MessagingResponse, "Redirect", "redirect", {"url"}),
    (TEXT_VERBS, Message, "Media", "media", {"url"}),
]


def camel(name):
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.title() for part in rest)


@pytest.mark.parametrize(("verbs", "parent", "name", "method", "content"), MAKERS)
def test_each_attribute_of_the_official_library_is_known(verbs, parent, name, method, content):
    parameters = set(inspect.signature(getattr(parent, method)).parameters) - {"self", "kwargs"} - content
    assert {camel(parameter) for parameter in parameters} <= set(verbs[name].attributes)


def test_each_element_that_the_grammar_has_can_be_made_with_the_official_library():
    made = {name for name, value in [*vars(voice_response).items(), *vars(messaging_response).items()]
            if inspect.isclass(value)}  # fmt: skip
    made |= {"Response"}
    elements = {name for name in {*VOICE_VERBS, *TEXT_VERBS} if name[0].isupper()}
    assert elements <= made


def read_names():
    """The names that the code which simulates mentions, outside of the tables that only check them."""
    tables = ("grammar.py", "codes.py", "fields.py")
    sources = (path.read_text() for path in (ROOT / "simulator").rglob("*.py") if path.name not in tables)
    return {name for source in sources for name in re.findall(r"\"(\w+)\"", source)}


def test_an_attribute_is_used_or_listed_as_without_effect():
    read = read_names()
    for name, verb in {**VOICE_VERBS, **TEXT_VERBS}.items():
        without_effect = WITHOUT_EFFECT.get(name, frozenset())
        assert without_effect <= set(verb.attributes), name
        if name not in SPEECH:
            assert set(verb.attributes) - without_effect <= read, name


def test_a_field_of_a_request_is_used_or_listed_as_without_effect():
    # The code of numbers has the names of the resource, such as voice_url.
    read = {name[0].upper() + camel(name)[1:] for name in read_names()} | set(PARTICIPANT_ATTRIBUTES)
    forms = {name: form for name, form in vars(fields).items() if isinstance(form, Form)}
    assert len(forms) > 10
    for name in [name for name in forms if not name.startswith("LIST_")]:
        assert forms[name].accepted <= read, name
