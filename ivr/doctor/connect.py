"""Sets the webhooks of the line's numbers at Twilio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ivr.carrier.twilio.account import Account, Number
from ivr.doctor.carrier import expected_webhooks, own_numbers
from ivr.settings import Settings


@dataclass(frozen=True)
class Change:
    """What to change: values of a number by field, or, without a number, where the messaging service sends texts."""

    number: Number | None
    values: dict[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """The change for people; numbers are named by their ids in the Twilio Console."""
        if self.number is None:
            yield "The messaging service passes texts to the webhook of each number."
            return
        yield f"{self.number.sid}:"
        for name, value in self.values.items():
            yield f"  {name}: {self.number.webhooks[name] or 'none'} → {value}"
        for name in self.number.diverted:
            yield f"  {name}: removed, because it overrides the webhooks"


def needed_changes(account: Account, settings: Settings, fallback_url: str = "") -> tuple[int, list[Change]]:
    """How many numbers the line has, and what to change. Raises one of UNREACHABLE.

    fallback_url: the fallback of each number; without it, the fallbacks stay as they are.
    """
    wanted = expected_webhooks(settings.public_url)
    if fallback_url:
        wanted |= {"voice_fallback_url": fallback_url, "voice_fallback_method": "GET"}
    numbers, service = own_numbers(account, settings)
    changes = []
    for number in numbers:
        values = {name: value for name, value in wanted.items() if number.webhooks[name] != value}
        if values or number.diverted:
            changes.append(Change(number, values))
    if service is not None and service.inbound_url not in ("", wanted["sms_url"]):
        changes.append(Change(None))
    return len(numbers), changes


def make(change: Change, account: Account, settings: Settings) -> None:
    """Make a change at Twilio. Raises one of UNREACHABLE."""
    if change.number is None:
        account.use_number_webhooks(settings.twilio_messaging_service_sid)
    else:
        account.set_webhooks(change.number, change.values)
