from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_core.store.database import Database
from tests.cache.review.support import Parts
from tests.cache.support import FakeClock


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    clock = FakeClock()
    database = await Database.open(tmp_path / "data" / "llmgw.db", clock)
    yield Parts(database, clock)
    await database.close()
