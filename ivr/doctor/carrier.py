"""The Twilio account: credentials, clock, numbers and their webhooks, and the sender's registration."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from ivr import clock
from ivr.carrier.clock_skew import WARN_SECONDS, clock_skew
from ivr.carrier.twilio.account import UNREACHABLE, Account, AccountState, Number, Registration, Service
from ivr.doctor.result import CARRIER_SECONDS, Line, Result, ok, problem, warning, worst
from ivr.releases.live import NoRelease
from ivr.settings import Settings

_SETTLE_CLOCK = "set up NTP, because texts go out at wrong times"
# https://www.twilio.com/docs/iam/api/account#account-status-values
_ACTIVE = "active"
_FALLBACK_BYTES = 65_536
_DIALED = re.compile(rb"<Number[^>]*>\s*(\+\d{7,15})\s*</Number>")
_NO_NUMBER = warning("Unknown, because the line's number is not in the account.")


def _of_twilio(check: Callable[[Line], Result]) -> Callable[[Line], Result]:
    """A check that asks Twilio: not of a simulated line, and a problem if Twilio does not answer."""

    @wraps(check)
    def run(line: Line) -> Result:
        if line.is_simulated:
            return ok("The line uses the simulated phone network of this machine.")
        try:
            return check(line)
        except UNREACHABLE as error:
            return problem(f"Twilio does not answer ({error}): check the network of this machine, and TWILIO_API_URL.")

    return run


@_of_twilio
def check_credentials(line: Line) -> Result:
    """Whether Twilio accepts our account."""
    state = line.account.state()
    if not state.status:
        return problem(
            "Twilio refuses our account: correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, and restart the line."
        )
    if state.status != _ACTIVE:
        return problem(f"Our Twilio account is {state.status}: reactivate it in the Twilio Console.")
    return ok("Twilio accepts our account.")


@_of_twilio
def check_clock_skew(line: Line) -> Result:
    """How far this machine's clock is from Twilio's."""
    return _judge_skew(line.account.state(), clock.unshifted_now())


def _judge_skew(state: AccountState, now: datetime) -> Result:
    if not state.date:
        return warning("Twilio's response has no time, so the clock could not be compared.")
    skew = clock_skew(state.date, now)
    if abs(skew) > WARN_SECONDS:
        direction = "ahead of" if skew > 0 else "behind"
        return problem(f"This machine's clock is {abs(skew):.0f} s {direction} Twilio's: {_SETTLE_CLOCK}.")
    return ok("This machine's clock agrees with Twilio's.")


@_of_twilio
def check_message_log(line: Line) -> Result:
    """Whether an uncertain text can be found in Twilio's log: by its number and body, which redaction hides."""
    if line.account.is_redacted():
        return problem(
            "Twilio redacts numbers or bodies in its message log, so a text could go out twice after a crash: switch"
            " message redaction off, see docs/operations/twilio.md."
        )
    return ok("An uncertain text can be found in Twilio's message log.")


def expected_webhooks(public_url: str) -> dict[str, str]:
    """The webhooks of a number, as Twilio's API names them, without the fallback, which is on another server."""
    return {
        "voice_url": f"{public_url}/voice",
        "voice_method": "POST",
        "sms_url": f"{public_url}/sms",
        "sms_method": "POST",
        "status_callback": f"{public_url}/receipts/call/incoming",
        "status_callback_method": "POST",
    }


def own_numbers(account: Account, settings: Settings) -> tuple[list[Number], Service | None]:
    """The line's numbers: TWILIO_FROM, or those of the messaging service. Raises one of UNREACHABLE."""
    numbers, sid = account.numbers(), settings.twilio_messaging_service_sid
    if not sid:
        return [number for number in numbers if number.number == settings.twilio_from], None
    service = account.service(sid)
    if service is None:
        return numbers, None
    return [number for number in numbers if number.number in service.numbers], service


@_of_twilio
def check_webhooks(line: Line) -> Result:
    """Whether our numbers call this line."""
    numbers, service = own_numbers(line.account, line.settings)
    return judge_webhooks(numbers, service, line.settings)


def judge_webhooks(numbers: list[Number], service: Service | None, settings: Settings) -> Result:
    """The same, of what Twilio answered. Numbers are named by their ids in the Twilio Console."""
    if not numbers:
        if settings.twilio_from and not settings.twilio_from.startswith("+"):
            return warning("A short code's webhook cannot be read: compare it in the Twilio Console.")
        return problem("The line's number is not in the account: correct the sender, or buy the number at Twilio.")
    wrong = {number.sid: fields for number in numbers if (fields := wrong_webhooks(number, settings.public_url))}
    if wrong:
        sid, fields = next(iter(wrong.items()))
        more = f" ({len(wrong)} numbers in all)" if len(wrong) > 1 else ""
        return problem(f"{', '.join(fields)} of {sid} do not point here{more}: run `infoline doctor --connect`.")
    if service is not None and service.inbound_url not in ("", f"{settings.public_url}/sms"):
        return problem("The messaging service does not pass texts to this line: run `infoline doctor --connect`.")
    return ok("All numbers point here.")


def wrong_webhooks(number: Number, public_url: str) -> list[str]:
    """The webhooks of a number that do not point to this line, by their names in Twilio's API."""
    wrong = [field for field, value in expected_webhooks(public_url).items() if number.webhooks[field] != value]
    return [*wrong, *number.diverted]


@_of_twilio
def check_fallback(line: Line) -> Result:
    """Whether callers of each number get TwiML of another server while this line cannot answer."""
    numbers, _ = own_numbers(line.account, line.settings)
    by_url = {number.webhooks["voice_fallback_url"]: number.sid for number in numbers}
    return worst([_judge_fallback(url, sid, line) for url, sid in by_url.items()] or [_NO_NUMBER])


def _judge_fallback(url: str, sid: str, line: Line) -> Result:
    if urlsplit(url).hostname in (None, urlsplit(line.settings.public_url).hostname):
        return warning(f"{sid} has no fallback on another server: see `infoline doctor --write-fallback`.")
    try:
        with requests.get(url, timeout=CARRIER_SECONDS, stream=True) as response:
            status, document = response.status_code, response.raw.read(_FALLBACK_BYTES, decode_content=True)
    except (requests.RequestException, HTTPError) as error:
        return warning(f"The fallback of {sid} does not answer ({type(error).__name__}): start its server.")
    if status != HTTPStatus.OK or b"<Response" not in document:
        return warning(
            f"The fallback of {sid} is not TwiML (HTTP {status}): put the file of `infoline doctor --write-fallback`"
            " there."
        )
    if _former_numbers(document, line):
        return warning(
            f"The fallback of {sid} dials a number that the directory no longer has: write it again with"
            " `infoline doctor --write-fallback`."
        )
    return ok("While the line cannot answer, callers hear a file of another server.")


def _former_numbers(document: bytes, line: Line) -> set[str]:
    """The numbers that a fallback dials and the live directory does not have."""
    try:
        directory = line.live().config.own_numbers
    except NoRelease:
        return set()
    return {number.decode() for number in _DIALED.findall(document)} - directory


_REGISTRATIONS = {
    Registration.REGISTERED: ok("The sender is registered."),
    Registration.PENDING: warning(
        "The sender's registration is in review: mobile networks may reject texts until then."
    ),
    Registration.REFUSED: problem("The sender's registration was rejected: see the reason in the Twilio Console."),
    Registration.MISSING: problem(
        "The sender is not registered, so US networks reject its texts: register it, see docs/operations/twilio.md."
    ),
    Registration.UNKNOWN: warning("The server at TWILIO_API_URL does not say whether the sender is registered."),
}


@_of_twilio
def check_sender(line: Line) -> Result:
    """Whether the sender is registered: an A2P 10DLC campaign, or the verification of a toll-free number."""
    sender = line.settings.twilio_messaging_service_sid or line.settings.twilio_from
    if not sender.startswith(("+", "MG")):
        return ok("A short code is registered by Twilio.")
    return _REGISTRATIONS[_registration(line.account, line.settings)]


def _registration(account: Account, settings: Settings) -> Registration:
    numbers, _ = own_numbers(account, settings)
    toll_free = [number for number in numbers if number.is_toll_free]
    if toll_free and len(toll_free) == len(numbers):
        # The worst of them: a messaging service sends from any of its numbers.
        found = {account.toll_free(number.sid) for number in toll_free}
        return max(found, key=list(Registration).index)
    service = settings.twilio_messaging_service_sid or account.service_of(settings.twilio_from)
    if not service:
        is_twilio = settings.twilio_api_url == "https://api.twilio.com"
        return Registration.MISSING if is_twilio else Registration.UNKNOWN
    return account.campaign(service)
