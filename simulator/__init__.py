"""A local Twilio account: its REST API, its webhooks, and the phones that call and text it.

It speaks HTTP only, imports nothing from the line, keeps all state in memory, and connects only to loopback
addresses. `python -m simulator` starts it; `GET /` shows what happened.

rest, fields, listing: Twilio's REST API. phones, actions, page: the people with phones. call, outbound, transfer,
twiml, document, grammar: calls. texts, receipts: text messages. webhook: signed requests to the line.
"""
