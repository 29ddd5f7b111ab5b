"""The gates that keep state work on the store's clock and database."""

from tests.store.conftest import clock, database

__all__ = ["clock", "database"]
