"""Text messages: incoming ones with the line's replies, and the delivery of outgoing ones."""
