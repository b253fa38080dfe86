"""A Twilio account on one's own machine: its REST door, its webhooks, and the phones of the people who call
and text.

It speaks HTTP only, knows nothing of the line's code, keeps everything in memory, and never speaks to
anything but loopback addresses. `python -m simulator` starts it; `GET /` shows what happened.

One room a file: `rest*` what a program sees of Twilio, `phones` what a person's phone does, `texts` and
`calls` what happens between them, `twiml` the walk through a call's documents, `receipts` what is reported
back later.
"""
