"""Requests as the page of the phones sends them."""

import http.client
import json
from urllib.parse import urlsplit

from tests.support.network import JANE

PAGE = {"Content-Type": "application/json", "X-Phone-Page": "1"}


def ask(network, path, body=None, headers=PAGE):
    """(status, headers, JSON or text) of a request: POST with a body, else GET."""
    address = urlsplit(network.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    read = response.read()
    connection.close()
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return response.status, response.headers, json.loads(read) if is_json else read


def state(network, number=JANE):
    return ask(network, f"/phone/{number}")[2]


def place_call(network):
    return ask(network, f"/phone/{JANE}/call", {})[2]["call"]


def act(network, call, **action):
    body = {"sid": call["sid"], "turn": len(call["turns"]), **action}
    return ask(network, f"/phone/{JANE}/act", body)


def after(network, call, **action):
    """The call after an action."""
    return act(network, call, **action)[2]["call"]


def exchanges(network, after=0):
    """The webhooks about Jane's phone, oldest first."""
    return ask(network, f"/phone/{JANE}/exchanges?after={after}")[2]
