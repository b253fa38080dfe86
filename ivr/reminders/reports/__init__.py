"""Reports on texts for staff: counts, exports, response rates; and manual actions on one appointment.

Nothing here calls the carrier: a text that staff send is planned here and claimed in `outbox`.
"""
