"""A module's real processes are started once: its tests stay with the worker that has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.mortal import Mortals


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mortals() -> AsyncIterator[Mortals]:
    """The process that forks gateways which kill themselves."""
    made = await Mortals.start()
    yield made
    await made.stop()
