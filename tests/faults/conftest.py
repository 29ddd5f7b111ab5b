"""A module's real processes are started once: its tests stay with the worker that has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

LONG = {
    "test_process_encoder",
    "test_security_canaries",
    "test_upstream_answers",
    "test_upstream_connections",
    "test_upstream_slow",
    "test_upstream_streams",
}
"""Half a minute and more each, most of it waiting: ``make test-faults`` runs them, ``make test`` does not."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
            if item.path.stem in LONG:
                item.add_marker(pytest.mark.long)
