"""HTTP: doors, health, metrics. What Twilio posts: `webhooks`; what staff see: `console`; what systems use: `api`."""
