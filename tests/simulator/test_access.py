"""Who may reach the simulator, and whom it may reach: websites cannot drive it, and it stays on this machine."""

import datetime
import http.client
import json
import ssl
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulator import loopback
from simulator.settings import SettingsError, settings_from
from tests.support.network import JANE, Line, Network, wait_for

JSON = {"Content-Type": "application/json"}
HOST = "line.example.org"


def post(network, headers, path="/simulator/texts", method="POST"):
    """The status of a request with exactly these headers."""
    address = urlsplit(network.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request(method, path, json.dumps({"from": JANE, "body": "hi"}) if method == "POST" else None, headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": "text/plain; application/json"}, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (JSON, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({**JSON, "Origin": "https://evil.example"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Origin": "http://127.0.0.1:1"}, 403),
        ({**JSON, "Origin": "own"}, 200),
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**JSON, "Sec-Fetch-Site": "same-site"}, 403),
        ({**JSON, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ({**JSON, "Sec-Fetch-Site": "same-origin"}, 200),
        ({**JSON, "Host": "evil.example"}, 403),
        ({**JSON, "Host": "127.0.0.1:1"}, 403),
        ({**JSON, "Host": "127.0.0.1"}, 403),
        ({**JSON, "Host": "127.0.0.1:port"}, 403),
        ({**JSON, "Host": "127.0.0.1.evil.example:own"}, 403),
        ({**JSON, "Host": "localhost:own"}, 200),
    ],
    ids=str,
)
def test_a_website_cannot_drive_the_phones(network, line, headers, status):
    line.says["/sms"] = ""
    own = {"own": network.url, "localhost:own": f"localhost:{urlsplit(network.url).port}"}
    own["127.0.0.1.evil.example:own"] = f"127.0.0.1.evil.example:{urlsplit(network.url).port}"
    assert post(network, {name: own.get(value, value) for name, value in headers.items()}) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Host": "rebound.example"}, 403),
    ],
    ids=str,
)
def test_a_website_can_link_to_the_start_page_but_not_read_it(network, headers, status):
    assert post(network, headers, "/", "GET") == status


# A line with TLS


def certificate(folder, name, issuer=None):
    """A certificate and its key in one file; self-signed, or signed by `issuer`: (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    signed = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path, (signed, key)


@pytest.fixture
def tls_line(tmp_path):
    """A line with TLS on loopback. Its URL has the public name; `ca`: the file that its certificate is signed with."""
    ca, issuer = certificate(tmp_path, "ca.example.org")
    own, _ = certificate(tmp_path, HOST, issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    line = Line()
    line.server.socket = context.wrap_socket(line.server.socket, server_side=True)
    line.ca, line.url = ca, f"https://{HOST}"
    yield line
    line.close()


@pytest.fixture(autouse=True)
def _no_host_is_allowed(monkeypatch):
    monkeypatch.setattr(loopback, "_allowed", {})


def allow(line, **more):
    address = f"{HOST}=127.0.0.1:{line.server.server_port}"
    return settings_from({"PUBLIC_URL": line.url, "SIMULATOR_ALLOW_HOST": address, **more}, [])


@pytest.mark.parametrize("verified", [True, False], ids=["with its CA", "with any certificate"])
def test_a_line_at_its_public_https_url_can_be_called_and_texted(tls_line, verified):
    settings = allow(tls_line, **({"SIMULATOR_CA_FILE": str(tls_line.ca)} if verified else {}))
    tls_line.says = {"/voice": "<Say>Hello.</Say><Redirect>/more</Redirect>", "/more": "<Say>More.</Say>", "/sms": ""}
    network = Network(tls_line, public_url=settings.public_url)
    try:
        turn = network.call()
        assert (turn["said"], turn["error"]) == (["Hello.", "More."], None)
        assert network.text("hi")[0] == 200
        assert tls_line.asked[0][2]["Host"] == HOST
        client = network.client()
        client.messages.create(to=JANE, from_="+16035550100", body="hi", status_callback=f"https://{HOST}/receipts/1")
        wait_for(
            lambda: [params["MessageStatus"] for params in tls_line.params("/receipts/1")][-1:] == ["delivered"], 10
        )
        assert network.ask("/simulator/errors")[1] == []
    finally:
        network.close()


def test_a_certificate_of_another_ca_is_refused(tls_line, tmp_path):
    other, _ = certificate(tmp_path, "other.example.org")
    network = Network(tls_line, public_url=allow(tls_line, SIMULATOR_CA_FILE=str(other)).public_url)
    try:
        assert "certificate" in network.call()["error"].lower()
        assert not tls_line.asked
        assert [entry["code"] for entry in network.ask("/simulator/errors")[1]] == [11237]
    finally:
        network.close()


def test_a_certificate_for_another_name_and_a_line_without_tls_have_codes_of_their_own(tls_line):
    settings = allow(tls_line, SIMULATOR_CA_FILE=str(tls_line.ca))
    network = Network(tls_line, public_url=settings.public_url)
    plain = Line()
    try:
        loopback._allowed[HOST] = replace(loopback._allowed[HOST], name="other.example.org")
        network.call()
        loopback._allowed[HOST] = replace(loopback._allowed[HOST], port=plain.server.server_port)
        network.call()
        assert [entry["code"] for entry in network.ask("/simulator/errors")[1]] == [11235, 11220]
    finally:
        network.close()
        plain.close()


def test_any_other_host_is_still_refused(tls_line):
    settings = allow(tls_line)
    tls_line.says = {"/voice": "<Redirect>https://other.example.org/voice</Redirect>"}
    network = Network(tls_line, public_url=settings.public_url)
    try:
        assert "not on this machine" in network.call()["error"]
    finally:
        network.close()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"PUBLIC_URL": f"https://{HOST}"}, "--allow-host"),
        ({"PUBLIC_URL": "https://other.example.org", "SIMULATOR_ALLOW_HOST": f"{HOST}=127.0.0.1:8443"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": f"http://{HOST}", "SIMULATOR_ALLOW_HOST": f"{HOST}=127.0.0.1:8443"}, "PUBLIC_URL"),
        ({"SIMULATOR_ALLOW_HOST": f"{HOST}=192.0.2.1:8443"}, "SIMULATOR_ALLOW_HOST"),
        ({"SIMULATOR_ALLOW_HOST": f"{HOST}=127.0.0.1"}, "SIMULATOR_ALLOW_HOST"),
        ({"SIMULATOR_ALLOW_HOST": f"{HOST}=127.0.0.1:99999"}, "SIMULATOR_ALLOW_HOST"),
        ({"SIMULATOR_ALLOW_HOST": HOST}, "SIMULATOR_ALLOW_HOST"),
        ({"SIMULATOR_CA_FILE": "/no/such/file"}, "SIMULATOR_CA_FILE"),
        ({"SIMULATOR_CA_FILE": __file__}, "SIMULATOR_CA_FILE"),
        ({"SIMULATOR_CONTACTS": "603-663-2180=Central Scheduling"}, "SIMULATOR_CONTACTS"),
        ({"SIMULATOR_CONTACTS": "+16036632180"}, "SIMULATOR_CONTACTS"),
    ],
)
def test_an_invalid_setting_is_explained(settings, sentence):
    with pytest.raises(SettingsError) as raised:
        settings_from(settings, [])
    assert sentence in str(raised.value)


def test_contacts_are_numbers_with_their_names():
    contacts = "+16036632180=Central Scheduling; +16036683067 = Breast Health Center;"
    settings = settings_from({}, ["--contacts", contacts])
    assert settings.contacts == {"+16036632180": "Central Scheduling", "+16036683067": "Breast Health Center"}
