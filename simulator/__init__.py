"""A local Twilio account: its REST API, its webhooks, and the phones that call and text it.

It speaks HTTP only, imports nothing from the line, keeps all state in memory, and connects only to loopback
addresses. `python -m simulator` starts it; `GET /` is a telephone in the browser. docs/simulator.md: what is covered.

rest/: Twilio's REST API. voice/: calls. messaging/: text messages. twiml/: the grammar and the parser. phone_page/: the
telephone; phones: the same as JSON. webhook, cookies: requests to the line. The other modules here are shared by two of
these.
"""
