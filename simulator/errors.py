"""Twilio's refusals: https://www.twilio.com/docs/api/errors. One table; the body is the same for all of
them.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """The HTTP status and the sentence that go with a code; `{0}` is the value that was refused."""

    status: int
    message: str


REFUSALS = {
    20001: Refusal(400, "{0}"),
    20003: Refusal(401, "Authenticate"),
    20004: Refusal(405, "Method not allowed"),
    20404: Refusal(404, "The requested resource {0} was not found"),
    20429: Refusal(429, "Too Many Requests"),
    20500: Refusal(500, "An internal server error has occurred"),
    21201: Refusal(400, "No 'To' number is specified"),
    21205: Refusal(400, "Url is not a valid URL: {0}"),
    21210: Refusal(400, "The source phone number provided, {0}, is not yet verified for your account."),
    21211: Refusal(400, "The 'To' number {0} is not a valid phone number."),
    21212: Refusal(400, "The 'From' number {0} is not a valid phone number, shortcode, or alphanumeric sender ID."),
    21213: Refusal(400, "No 'From' number is specified"),
    21214: Refusal(400, "The phone number you are attempting to call, {0}, cannot be reached."),
    21215: Refusal(
        400, "Account not authorized to call {0}. Perhaps you need to enable some international permissions."
    ),
    21216: Refusal(400, "Calls to the number {0} are blocked."),
    21217: Refusal(400, "Phone number {0} does not appear to be valid."),
    21218: Refusal(400, "Invalid ApplicationSid: {0}"),
    21220: Refusal(400, "Invalid call state: {0}"),
    21408: Refusal(
        403, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {0}"
    ),
    21602: Refusal(400, "Message body is required."),
    21603: Refusal(400, "A 'From' phone number or a Messaging Service SID is required."),
    21604: Refusal(400, "A 'To' phone number is required."),
    21606: Refusal(
        400,
        "The 'From' phone number {0} is not a valid, SMS-capable inbound phone number or short code for your account.",
    ),
    21609: Refusal(400, "Invalid 'StatusCallback' URL: {0}"),
    21610: Refusal(400, "Attempt to send to unsubscribed recipient"),
    21611: Refusal(429, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: Refusal(400, "The 'To' phone number {0} is not currently reachable using the 'From' phone number via SMS."),
    21614: Refusal(400, "'To' number is not a valid mobile number: {0}"),
    21617: Refusal(400, "The concatenated message body exceeds the 1600 character limit"),
    21626: Refusal(400, "Invalid statusCallback: {0}"),
    21659: Refusal(400, "'From' {0} is not a Twilio phone number or Short Code country mismatch"),
    21701: Refusal(404, "The Messaging Service {0} does not exist"),
    21705: Refusal(400, "The Messaging Service {0} is invalid"),
}

# What `error_message` says on a text that failed after it had been taken.
LATER_ERRORS = {
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Carrier violation",
    30008: "Unknown error",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
}


class Refused(Exception):
    """A REST request that is answered with one of Twilio's errors."""

    def __init__(self, code: int, value: str = "") -> None:
        super().__init__(str(code))
        self.code = code
        self.status = REFUSALS[code].status
        self.message = REFUSALS[code].message.replace("{0}", value)

    def body(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
