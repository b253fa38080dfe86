"""A local Twilio account: its REST API, its webhooks, and the phones that call and text it.

It speaks HTTP only, imports nothing from the line, keeps all state in memory, and connects only to loopback
addresses. `python -m simulator` starts it; `GET /` shows what happened.

rest/: Twilio's REST API. voice/: calls. messaging/: text messages. twiml/: the grammar and the parser. webhook: signed
requests to the line. phones, page: the people with phones. Here belongs what two of these share.
"""
