"""Alembic's entry point. It runs on the connection that `ivr.ledger.engine.migrate` passes in."""

from alembic import context

from ivr.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
