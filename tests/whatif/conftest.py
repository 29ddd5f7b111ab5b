from __future__ import annotations

from tests.store.conftest import clock, database

__all__ = ["clock", "database"]
