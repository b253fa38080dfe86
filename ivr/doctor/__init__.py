"""What `infoline doctor` and the console's Settings check. Each check is a small function that reads, and says what to
do in one sentence; only `connect` changes anything, at Twilio. Nothing here prints, and no secret or number leaves it.
"""
