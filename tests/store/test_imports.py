"""The store stays at the bottom of the house."""

from __future__ import annotations

import subprocess
import sys

ROOMS = ("cache", "clients", "gates", "http", "ollama", "pipeline", "providers", "routing", "wire", "bus", "settings")


def test_the_store_loads_no_room_above_it() -> None:
    names = ["answers", "database", "idempotency", "ledger", "lock", "operator", "requests", "report"]
    imports = "; ".join(f"import gateway_core.store.{name}" for name in names)
    script = f"import sys; {imports}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {f"gateway_core.{room}" for room in ROOMS} & set(loaded)
    assert not {"aiohttp", "textual", "openai", "lancedb"} & set(loaded)
