"""Over HTTP, too, a webhook is accepted exactly when Twilio's own validator accepts the URL that was requested."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex, token_urlsafe
from urllib.parse import unquote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from ivr import create_app
from ivr.settings import load
from tests.support.clinic import write_empty_ledger
from tests.support.serving import Serving, http_request, serving

TOKEN, PUBLIC = token_hex(16), "https://line.example.org"
CALL = {"CallSid": "CA" + "2" * 32, "From": "+16035550123", "To": "+16035550100", "CallStatus": "ringing"}
TEXT = {"MessageSid": "SM" + "3" * 32, "From": "+16035550100", "To": "+16035550100", "Body": "1 & 2", "NumMedia": "0"}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The whole web process of a public line."""
    folder = tmp_path_factory.mktemp("public")
    environment = {
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/infoline.db",
        "PUBLIC_URL": PUBLIC,
        "PHONE_KEY": token_urlsafe(32),
        "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM": "+16035550100",
    }
    write_empty_ledger(folder / "infoline.db")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        app = create_app(load())
    with serving(app.wsgi_app, folder / "requests") as running:
        yield running


def post(line: Serving, target: str, fields: dict[str, str], signature: str) -> int:
    headers = {"Content_Type": "application/x-www-form-urlencoded", "X_Twilio_Signature": signature}
    return line.ask(http_request(target, urlencode(fields).encode(), **headers))[0]


PATHS = [
    *("/voice", "/%76oice", "/v%6Fice", "/%76%6f%69%63%65", "/voice/000000000000/en.menu-welcome", "/sms", "/%73ms"),
    *("/voice/000000000000/a%2Fb", "/voice/0;x/a+b", "/voice//x", "//voice", "/voice/", "/voice;x", "/sms%3f", "/sms/"),
    *("/receipts/text/" + "0" * 32, "/receipts/text/%30" + "0" * 31, "/receipts/call/incoming", "/voice/%C3%B1/x"),
]
QUERIES = [
    "",
    "?",
    "?a=1&b=2",
    "?b=%20x",
    "?b=+x",
    "?%61=1",
    "?a=b;c",
    "?a=%2F/",
    "?x=//y",
    "?q=https://x.org:1/",
    "?a&a=",
]
# What a server or a proxy could make of a path, and sign instead.
CHANGES = [
    lambda target: target,
    lambda target: unquote(target),
    lambda target: target.replace("//", "/"),
    lambda target: target.replace("+", "%20"),
    lambda target: target.partition("?")[0],
    lambda target: target.rstrip("?"),
    lambda target: target.upper(),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(PATHS),
    query=st.sampled_from(QUERIES),
    change=st.sampled_from(CHANGES),
    token=st.sampled_from([TOKEN, TOKEN, "another"]),
    fields=st.sampled_from([CALL, TEXT]),
)
def test_any_request_is_accepted_exactly_when_the_official_validator_accepts_it(
    line: Serving, path: str, query: str, change, token: str, fields: dict[str, str]
) -> None:
    target = path + query
    signature = RequestValidator(token).compute_signature(PUBLIC + change(target), fields)
    valid = RequestValidator(TOKEN).validate(PUBLIC + target, fields, signature)
    status = post(line, target, fields, signature)
    first = unquote(path).split("/")[1]
    if first not in ("voice", "sms", "receipts"):
        assert status in (308, 404, 405)
    elif valid:
        assert status != 403
    elif unquote(path) in ("/voice", "/sms") or unquote(path).startswith(("/receipts/", "/voice/000000000000/en")):
        assert status == 403
    else:
        # No route has this path.
        assert status in (308, 403, 404, 405)


@pytest.mark.parametrize("target", ["/%76oice", "/voice?a=%2F+x", "/%73ms?b=//;"])
def test_an_encoded_path_is_verified_as_it_was_sent(line: Serving, target: str) -> None:
    fields = TEXT if "ms" in target else CALL
    assert post(line, target, fields, RequestValidator(TOKEN).compute_signature(PUBLIC + target, fields)) == 200
    decoded = RequestValidator(TOKEN).compute_signature(PUBLIC + unquote(target), fields)
    assert post(line, target, fields, decoded) == 403
