"""A local Twilio account: its REST API, its webhooks, and the phones that call and text it.

It speaks HTTP only, imports nothing from the line, keeps all state in memory, and connects only to loopback
addresses. `python -m simulator` starts it; `GET /` is a telephone to call and text with.

rest/: Twilio's REST API. voice/: calls. messaging/: text messages. twiml/: the grammar and the parser. webhook: signed
requests to the line. phones: the people with phones, for commands; phone_page/: for a browser. Here belongs what two of
these share.
"""
