"""The tables of Twilio's errors and statuses cover what Twilio documents."""

from __future__ import annotations

from ivr.carrier.twilio.errors import CLASSES, ErrorClass, classify
from ivr.carrier.twilio.statuses import STATE_BY_STATUS
from tests.conftest import shared_json


def test_error_codes_have_the_expected_classes():
    stop = {20003, 30002, 30007, 30034, 30032, 21408}
    # Wrong settings, which would fail every text.
    stop |= {21601, 21606, 21608, 21609, 21616, 21659, 21703, 21704, 21705}
    permanent = {21211, 21614, 21635, 30005, 30006, 21612, 30004}
    transient = {20429, 21611, 21702, 30001, 30003, 30008, 30022}
    assert {CLASSES[code] for code in stop} == {ErrorClass.STOP}
    assert {CLASSES[code] for code in permanent} == {ErrorClass.PERMANENT}
    assert {CLASSES[code] for code in transient} == {ErrorClass.TRANSIENT}
    assert classify(503, 21211) is ErrorClass.UNCERTAIN


def test_every_status_of_an_outgoing_text_has_a_state():
    document = shared_json("twilio-oai/twilio_api_v2010.json")
    statuses = set(document["components"]["schemas"]["message_enum_status"]["enum"])
    inbound = {"receiving", "received"}
    assert statuses - inbound - {"partially_delivered"} <= STATE_BY_STATUS.keys() <= statuses
