"""What to do about a fault in an answer of the line, for the developers' pane. Codes: twilio.com/docs/api/errors."""

from simulator.exchange_log import Exchange, Fault

REFERENCE = "https://www.twilio.com/docs/api/errors/{}"
_DEFAULT = "Twilio's page about the code, below, lists causes."

_BY_CODE = {
    11100: "Use an absolute http URL, or a path of the line.",
    11202: "Start the line, and see that PUBLIC_URL names its host and port.",
    11205: "Answer within 15 seconds: do slow work after the answer, or in a job.",
    11206: "The process of the line ended, or sent less than its Content-Length: see its log.",
    11215: "Two addresses of the line redirect to each other: let one of them answer.",
    11216: "Answer the address itself, or redirect with 301, 302, 303, or 307 and a Location.",
    11220: "Serve the address with TLS, or use an http URL.",
    11750: "Send at most 64 kB: split the document with a redirect.",
    12100: "Send well-formed XML with an XML content type: escape &, <, and > in words.",
    12102: "Let <Response> be the outermost element.",
    12200: "Correct the TwiML at the line that the sentence names; the answer is shown below.",
    12300: "Send TwiML as text/xml, and sound as audio/mpeg or audio/wav.",
    13201: "Let the whisper say or gather only: it cannot transfer.",
    13223: "Put a number into the <Dial>.",
    13224: "Write numbers in E.164, such as +16036632180.",
    13521: "Split the words into several <Say>.",
    14106: "The texts' documents redirect to each other: let one of them answer.",
    15003: "Nothing waits for a status callback, but its news is lost: see the line's log.",
}
_BY_STATUS = {
    403: "The line refused the signature: the auth token and PUBLIC_URL of the line must be those of the simulator.",
    404: "The line has no such address: compare it with the number's webhooks.",
    405: "The line takes another method: see whether it expects GET or POST.",
}
_STATUS_FAULTS = (11200, 15003)


def advice(exchange: Exchange, fault: Fault) -> str:
    """One sentence that says what to do. After 500 it points to the log of the line."""
    if fault.code in _STATUS_FAULTS and exchange.status is not None:
        if exchange.status in _BY_STATUS:
            return _BY_STATUS[exchange.status]
        if exchange.status >= 500:
            return "The line failed: its log has the reason. Under infoline run that is web.log in var/logs."
    return _BY_CODE.get(fault.code, _DEFAULT)
