"""https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource

A bought number rings no phone: it is one more number of the line.
"""

import re
from typing import Any

from flask import Response, jsonify, request

from simulator.numbers import E164, MAGIC_BOUGHT, places
from simulator.phone_number import URL_FIELDS, PhoneNumber, no_webhooks
from simulator.rest.endpoint import Endpoint, Route, created, deleted
from simulator.rest.errors import RestError
from simulator.rest.fields import (
    CREATE_NUMBER,
    LIST_AVAILABLE,
    LIST_NUMBERS,
    UPDATE_NUMBER,
    integer,
    method_of,
    url_of,
)
from simulator.rest.listing import paginate

INVALID_URL, INVALID_METHOD = 21402, 21403
# A fallback needs the address that it stands in for.
FALLBACKS = {"voice_fallback_url": ("voice_url", 21405), "sms_fallback_url": ("sms_url", 21406)}


class PhoneNumbers(Endpoint):
    """The numbers of the account, with their webhooks."""

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("/IncomingPhoneNumbers.json", "GET", self.list_numbers),
            Route("/IncomingPhoneNumbers.json", "POST", self.create),
            Route("/IncomingPhoneNumbers/<sid>.json", "GET", self.get),
            Route("/IncomingPhoneNumbers/<sid>.json", "POST", self.update),
            Route("/IncomingPhoneNumbers/<sid>.json", "DELETE", self.delete),
            Route("/AvailablePhoneNumbers/US/Local.json", "GET", self.list_available),
        )

    def list_numbers(self) -> Response:
        self.check(LIST_NUMBERS, request.args)
        wanted = re.sub(r"[^0-9*]", "", request.args.get("PhoneNumber", ""))
        pattern = re.compile(wanted.replace("*", r"\d"))
        name = request.args.get("FriendlyName")
        with self.account.lock:
            numbers = [
                number
                for number in self.account.numbers.values()
                if pattern.search(number.number) and (not name or number.friendly_name == name)
            ]
        sid = self.account.settings.account_sid
        return jsonify(
            paginate(
                numbers,
                request.args,
                request.path,
                "incoming_phone_numbers",
                lambda number: number.resource(sid),
                lambda number: number.sid,
            )
        )

    def list_available(self) -> Response:
        """Fictional ones. https://www.twilio.com/docs/phone-numbers/api/availablephonenumberlocal-resource"""
        self.check(LIST_AVAILABLE, request.args)
        area = request.args.get("AreaCode", self.account.settings.sender[2:5])
        if not re.fullmatch(r"[2-9]\d\d", area):
            raise RestError(21451)
        size = integer(request.args, "PageSize", 30, 1, 1000)
        numbers = [f"+1{area}55501{last:02}" for last in range(100)]
        free = [number for number in numbers if number not in self.account.numbers][:size]
        return jsonify({"available_phone_numbers": [_available(number) for number in free], "uri": request.path})

    def get(self, sid: str) -> Response:
        return jsonify(self._number(sid).resource(self.account.settings.account_sid))

    def create(self) -> Response:
        """Buy a number: any that the account does not have yet."""
        self.check(CREATE_NUMBER, request.form)
        bought = request.form.get("PhoneNumber", "")
        if not bought:
            raise RestError(21452 if "AreaCode" in request.form else 21451)
        if bought in MAGIC_BOUGHT:
            raise RestError(MAGIC_BOUGHT[bought], bought)
        if not re.fullmatch(E164, bought):
            raise RestError(21421, bought)
        if bought in self.account.numbers:
            raise RestError(21422, bought)
        number = PhoneNumber(bought, self.account.settings.now(), bought, no_webhooks())
        self._apply(number)
        with self.account.lock:
            self.account.numbers[bought] = number
        return created(number.resource(self.account.settings.account_sid))

    def update(self, sid: str) -> Response:
        number = self._number(sid)
        self.check(UPDATE_NUMBER, request.form)
        self._apply(number)
        number.updated = self.account.settings.now()
        return jsonify(number.resource(self.account.settings.account_sid))

    def delete(self, sid: str) -> Response:
        """The line's own number stays, because the phones call it."""
        number = self._number(sid)
        if number.number == self.account.settings.sender:
            raise RestError(20001, "The number that the phones call cannot be released.")
        with self.account.lock:
            self.account.numbers.pop(number.number, None)
        return deleted()

    def _apply(self, number: PhoneNumber) -> None:
        """Store the fields of the form, all of them or none."""
        fields = dict(number.fields)
        for name, method in URL_FIELDS.items():
            form_name, method_name = _camel(name), _camel(method)
            if form_name in request.form:
                fields[name] = url_of(request.form, form_name, INVALID_URL) or ""
            if method_name in request.form:
                fields[method] = method_of(request.form, method_name, INVALID_METHOD)
        for fallback, (primary, code) in FALLBACKS.items():
            if fields[fallback] and not fields[primary]:
                raise RestError(code)
        number.fields = fields
        number.friendly_name = request.form.get("FriendlyName", number.friendly_name)

    def _number(self, sid: str) -> PhoneNumber:
        with self.account.lock:
            found = next((number for number in self.account.numbers.values() if number.sid == sid), None)
        if found is None:
            raise RestError(20404, request.path)
        return found


def _available(number: str) -> dict[str, Any]:
    place = places(number, "")
    return {
        "address_requirements": "none",
        "beta": False,
        "capabilities": {"MMS": True, "SMS": True, "fax": False, "voice": True},
        "friendly_name": f"({number[2:5]}) {number[5:8]}-{number[8:]}",
        "iso_country": "US",
        "lata": None,
        "latitude": None,
        "locality": place["City"],
        "longitude": None,
        "phone_number": number,
        "postal_code": place["Zip"],
        "rate_center": None,
        "region": place["State"],
    }


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
