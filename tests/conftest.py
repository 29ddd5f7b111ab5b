"""What holds for every test: hypothesis takes the same examples each time, and does not time them on a busy machine.

Two things are dear only because thousands of tests do them over and over in one process, and are spared.
"""

from __future__ import annotations

import gc
from functools import cache

import httpcore2
from hypothesis import settings

settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")

setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))  # noqa: B010  (mypy lets none be assigned)
"""Each client of each SDK reads the system's certificates, 30 ms, to talk to fakes without TLS."""


def pytest_collection_finish() -> None:
    """Lets the collector of garbage pass over what was imported and collected: it stays."""
    gc.collect()
    gc.freeze()
