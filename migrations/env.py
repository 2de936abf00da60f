"""How Alembic reaches the catalog: over the connection it is given, or over SPKSEARCH_DATABASE_URL."""

from alembic import context
from sqlalchemy import create_engine, make_url

from speaker_search import settings
from speaker_search.catalog.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    url = make_url(settings.load().url)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    connection = create_engine(url).connect()
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
