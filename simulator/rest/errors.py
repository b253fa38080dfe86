"""Twilio's REST errors: https://www.twilio.com/docs/api/errors"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ErrorType:
    """The HTTP status and the message of a code; `{0}` is the rejected value."""

    status: int
    message: str


ERRORS = {
    20001: ErrorType(400, "{0}"),
    20003: ErrorType(401, "Authenticate"),
    20004: ErrorType(405, "Method not allowed"),
    20009: ErrorType(409, "The resource {0} cannot be changed or deleted before it is complete"),
    20400: ErrorType(400, "The request could not be read"),
    20404: ErrorType(404, "The requested resource {0} was not found"),
    20413: ErrorType(413, "Request entity is larger than limits defined by the server"),
    20429: ErrorType(429, "Too Many Requests"),
    20500: ErrorType(500, "An internal server error has occurred"),
    21201: ErrorType(400, "No 'To' number is specified"),
    21205: ErrorType(400, "Url is not a valid URL: {0}"),
    21206: ErrorType(400, "SendDigits takes 0-9, #, *, w and W, not {0}"),
    21208: ErrorType(400, "{0}"),
    21209: ErrorType(400, "{0}"),
    21210: ErrorType(400, "The source phone number provided, {0}, is not yet verified for your account."),
    21211: ErrorType(400, "The 'To' number {0} is not a valid phone number."),
    21212: ErrorType(400, "The 'From' number {0} is not a valid phone number, shortcode, or alphanumeric sender ID."),
    21213: ErrorType(400, "No 'From' number is specified"),
    21214: ErrorType(400, "The phone number you are attempting to call, {0}, cannot be reached."),
    21215: ErrorType(
        400, "Account not authorized to call {0}. Perhaps you need to enable some international permissions."
    ),
    21216: ErrorType(400, "Calls to the number {0} are blocked."),
    21217: ErrorType(400, "Phone number {0} does not appear to be valid."),
    21218: ErrorType(400, "Invalid ApplicationSid: {0}"),
    21220: ErrorType(400, "Invalid call state: {0}"),
    21266: ErrorType(400, "'To' and 'From' number cannot be the same: {0}"),
    21402: ErrorType(400, "The URL is not valid: {0}"),
    21403: ErrorType(400, "{0}"),
    21405: ErrorType(400, "A VoiceFallbackUrl needs a VoiceUrl"),
    21406: ErrorType(400, "An SmsFallbackUrl needs an SmsUrl"),
    21408: ErrorType(
        403, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {0}"
    ),
    21421: ErrorType(400, "PhoneNumber {0} is not valid"),
    21422: ErrorType(400, "PhoneNumber {0} is not available"),
    21451: ErrorType(400, "No PhoneNumber and no valid area code was given"),
    21452: ErrorType(400, "No phone numbers were found in this area code: name the PhoneNumber"),
    21602: ErrorType(400, "Message body is required."),
    21603: ErrorType(400, "A 'From' phone number or a Messaging Service SID is required."),
    21604: ErrorType(400, "A 'To' phone number is required."),
    21606: ErrorType(
        400,
        "The 'From' phone number {0} is not a valid, SMS-capable inbound phone number or short code for your account.",
    ),
    21609: ErrorType(400, "Invalid 'StatusCallback' URL: {0}"),
    21610: ErrorType(400, "Attempt to send to unsubscribed recipient"),
    21611: ErrorType(429, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: ErrorType(
        400, "The 'To' phone number {0} is not currently reachable using the 'From' phone number via SMS."
    ),
    21614: ErrorType(400, "'To' number is not a valid mobile number: {0}"),
    21617: ErrorType(400, "The concatenated message body exceeds the 1600 character limit"),
    21620: ErrorType(400, "Invalid media URL: {0}"),
    21623: ErrorType(400, "Number of media files exceeds allowed limit: {0}"),
    21626: ErrorType(400, "Invalid StatusCallbackEvent: {0}"),
    21655: ErrorType(400, "The ContentSid {0} is invalid: the simulator has no content templates"),
    21659: ErrorType(400, "'From' {0} is not a Twilio phone number or Short Code country mismatch"),
    21701: ErrorType(404, "The Messaging Service {0} does not exist"),
    21705: ErrorType(400, "The Messaging Service {0} is invalid"),
    30409: ErrorType(409, "This message cannot be canceled: it is {0}"),
    32018: ErrorType(400, "Twiml size exceeded maximum allowed value of 4000 characters"),
    35111: ErrorType(400, "SendAt timestamp is missing"),
    35114: ErrorType(400, "SendAt {0} is not a time from 5 minutes to 35 days ahead, in ISO 8601"),
    35118: ErrorType(400, "MessagingServiceSid is required to schedule a message"),
    35126: ErrorType(400, "The ScheduleType value provided is not supported: {0}"),
    63007: ErrorType(400, "Twilio could not find a Channel with the specified From address: {0}"),
}

# The code for an HTTP status.
HTTP_ERRORS = {400: 20400, 404: 20404, 405: 20004, 413: 20413}

# The `error_message` of a text that failed after Twilio had accepted it.
DELIVERY_ERRORS = {
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Carrier violation",
    30008: "Unknown error",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
}


class RestError(Exception):
    """Answers a REST request with one of Twilio's errors."""

    def __init__(self, code: int, value: str = "") -> None:
        super().__init__(str(code))
        self.code = code
        self.status = ERRORS[code].status
        self.message = ERRORS[code].message.replace("{0}", value)

    def body(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
