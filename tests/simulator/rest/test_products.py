"""What the simulator does not have: Twilio's 404 or 405, and a line in the log of the simulator."""

import json
import re
import subprocess
import sys

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException

from tests.support.network import JANE, SERVICE, SID, TOKEN
from tests.support.paths import ROOT


def error_of(request):
    """The status and the code of an error. The library raises another exception for a list."""
    with pytest.raises(TwilioException) as caught:
        request()
    if isinstance(caught.value, TwilioRestException):
        return caught.value.status, caught.value.code
    response = caught.value.args[1]
    return response.status_code, json.loads(response.text)["code"]


OTHER = [
    (lambda client: client.lookups.v2.phone_numbers(JANE).fetch(), "GET /v2/PhoneNumbers of lookups.twilio.com"),
    (lambda client: client.verify.v2.services.list(), "GET /v2/Services of verify.twilio.com"),
    (lambda client: client.conversations.v1.services.list(), "GET /v1/Services of conversations.twilio.com"),
    (lambda client: client.sync.v1.services.list(), "GET /v1/Services of sync.twilio.com"),
    (lambda client: client.taskrouter.v1.workspaces.list(), "GET /v1/Workspaces of taskrouter.twilio.com"),
    (lambda client: client.flex_api.v1.flex_flow.list(), "GET /v1/FlexFlows of flex-api.twilio.com"),
    (lambda client: client.monitor.v1.events.list(), "GET /v1/Events of monitor.twilio.com"),
    (lambda client: client.messaging.v1.tollfree_verifications.list(), "GET /v1/Tollfree of messaging.twilio.com"),
    (lambda client: client.queues.list(), "GET Queues"),
    (lambda client: client.applications.create(friendly_name="x"), "POST Applications"),
    (lambda client: client.available_phone_numbers("GB").mobile.list(), "GET AvailablePhoneNumbers"),
]


@pytest.mark.parametrize(("request_of", "name"), OTHER, ids=[name for _, name in OTHER])
def test_what_the_simulator_does_not_have_is_twilios_404_and_a_line_in_the_log(network, caplog, request_of, name):
    client = network.client()
    for _ in range(2):
        assert error_of(lambda: request_of(client)) == (404, 20404)
    [line] = caplog.messages
    assert line == f"The simulator does not have {name}: see docs/simulator.md."


def test_a_resource_that_does_not_exist_is_a_404_without_a_line(network, caplog):
    assert error_of(network.client().messages("SM" + "9" * 32).fetch) == (404, 20404)
    assert error_of(network.client().messaging.v1.services("MG" + "9" * 32).fetch) == (404, 20404)
    assert caplog.messages == []


def test_a_request_that_a_resource_does_not_take_is_twilios_405(network, caplog):
    client = network.client()
    services = client.messaging.v1.services
    assert error_of(lambda: services.create(friendly_name="Another")) == (405, 20004)
    assert error_of(services(SERVICE).delete) == (405, 20004)
    assert error_of(client.available_phone_numbers("US").fetch) == (404, 20404)
    assert error_of(lambda: client.recordings("RE" + "1" * 32).transcriptions("TR" + "1" * 32).delete()) == (404, 20404)
    assert [re.search(r"have (.*?)(?: of|:)", line)[1] for line in caplog.messages] == [
        "POST /v1/Services",
        "DELETE /v1/Services",
        "GET AvailablePhoneNumbers",
        "DELETE Recordings",
    ]


@pytest.mark.parametrize("prefix", ["", "/messaging"])
def test_a_path_may_leave_out_its_product(network, prefix):
    response = network.client().request("GET", f"{network.url}{prefix}/v1/Services")
    assert (response.status_code, SERVICE in response.text) == (200, True)


@pytest.mark.parametrize("path", ["/monitor/v1/Services", "/messaging/2010-04-01/Accounts/x.json", "/phone/v1/x"])
def test_a_product_has_its_own_paths_only(network, path):
    response = network.client().request("GET", network.url + path)
    assert (response.status_code, json.loads(response.text)["code"]) == (404, 20404)


@pytest.mark.processes
def test_the_simulator_prints_the_line_and_no_phone_number(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", "--account-sid", SID, "--auth-token", TOKEN],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    url = process.stdout.readline().split()[-1]
    get = f"import urllib.request as r\ntry: r.urlopen({url!r} + '/lookups/v2/PhoneNumbers/{JANE}')\nexcept OSError: 0"
    subprocess.run([sys.executable, "-c", get], check=True)
    process.terminate()
    _, printed = process.communicate(timeout=20)
    assert printed.splitlines() == [
        "The simulator does not have GET /v2/PhoneNumbers of lookups.twilio.com: see docs/simulator.md."
    ]
