"""The public address: a request to it must arrive here with its signature intact, and its certificate must last."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ivr.carrier.twilio.signature import compute_signature
from ivr.doctor.measures import certificate_end
from ivr.doctor.result import CARRIER_SECONDS, Line, Result, ok, problem, warning, worst

PATH = "/receipts/text/doctor?check=a%20b"
"""A receipt of no text: after its signature is verified, it is not found, and nothing is written."""
_FIELDS = (("Check", "the proxy must not change this: +%20&="), ("Name", "ñ"))
_FORM = "application/x-www-form-urlencoded"
FEW_DAYS = 21
_DAY = 86_400


def check_signature_path(line: Line) -> Result:
    """Send a signed and an unsigned request to PUBLIC_URL, as Twilio would."""
    url, token = line.settings.public_url, line.settings.auth_tokens[0] if line.settings.auth_tokens else ""
    try:
        signed = _post(url, compute_signature(url + PATH, _FIELDS, token).decode())
        unsigned = _post(url, "")
    except ssl.SSLCertVerificationError as error:
        return problem(f"The certificate at PUBLIC_URL is not valid ({error.verify_message}): renew it.")
    except (OSError, http.client.HTTPException) as error:
        what = f"PUBLIC_URL does not answer ({type(error).__name__})"
        advice = "start the line" if line.settings.loopback else "check the proxy, the firewall, and DNS"
        return Result(line.not_running, f"{what}: {advice}.")
    return judge_responses(signed, unsigned)


def judge_responses(signed: int, unsigned: int) -> Result:
    """What the statuses of a signed and an unsigned request mean. The line answers 404 and 403."""
    if (signed, unsigned) == (404, 403):
        return ok("A signed request to PUBLIC_URL arrives unchanged, and an unsigned one is refused.")
    if signed == 403:
        return problem(
            "The line refuses its own signed request: the proxy must pass the path, query and body unchanged, and all"
            " machines must have the same PUBLIC_URL and TWILIO_AUTH_TOKEN."
        )
    if unsigned == 404:
        return problem("Another server answers at PUBLIC_URL, or the proxy does not pass /receipts to the line.")
    return problem(f"PUBLIC_URL answers with HTTP {signed}: check that the proxy passes /receipts to a running line.")


def _post(url: str, signature: str) -> int:
    from urllib.parse import urlencode

    address = urlsplit(url)
    kind: Callable[..., http.client.HTTPConnection]
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=CARRIER_SECONDS)
    headers = {"Content-Type": _FORM} | ({"X-Twilio-Signature": signature} if signature else {})
    try:
        connection.request("POST", address.path + PATH, urlencode(_FIELDS), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def check_certificate(line: Line) -> Result:
    """How long the certificates of PUBLIC_URL and of HL7_CERTIFICATE are still valid."""
    return worst([_check_public_certificate(line), *_check_hl7_certificate(line)])


def _check_hl7_certificate(line: Line) -> Iterator[Result]:
    path = line.settings.hl7_certificate
    if path is None:
        return
    try:
        yield judge_end("HL7_CERTIFICATE", certificate_end(path.read_bytes()), time.time())
    except OSError as error:
        yield problem(f"HL7_CERTIFICATE cannot be read ({error.strerror}): correct it, or the modes of its file.")
    except ValueError:
        yield problem("HL7_CERTIFICATE is not a PEM file with a certificate: correct it.")


def _check_public_certificate(line: Line) -> Result:
    address = urlsplit(line.settings.public_url)
    if address.scheme != "https":
        return ok("A local line needs no certificate.")
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((address.hostname or "", address.port or 443), CARRIER_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=address.hostname) as secure,
        ):
            certificate = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return problem(f"The certificate is not valid ({error.verify_message}): renew it, or correct PUBLIC_URL.")
    except OSError as error:
        return problem(f"PUBLIC_URL does not answer ({type(error).__name__}): check the proxy, the firewall, and DNS.")
    return judge_end("PUBLIC_URL", ssl.cert_time_to_seconds(str(certificate["notAfter"])), time.time())


def judge_end(name: str, end: float, now: float) -> Result:
    """What the end of a certificate means. name: of the setting. end, now: seconds since 1970."""
    days = int((end - now) // _DAY)
    if days < 0:
        return problem(f"The certificate of {name} has ended: renew it.")
    if days < FEW_DAYS:
        return warning(f"The certificate of {name} ends in {days} days: renew it.")
    return ok(f"The certificate of {name} is valid for {days} more days.")
