"""How the child process is told of its table: not on its command line, which anybody on the machine can read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from gateway_core.cache.table.place import Place
from gateway_core.cache.table.worth import Limits
from gateway_core.frozen import frozen

VARIABLE = "LLMGW_SEMANTIC_TABLE"
ELSEWHERE = "+"
"""In the place of a folder on the command line: the place is in the environment."""
MAX_ENTRIES = 100_000
MAX_BYTES = 1024 * 1024 * 1024


@frozen
class TableOptions:
    """Where the table is, and how large it may become."""

    place: Place
    limits: Limits = Limits(MAX_ENTRIES, MAX_BYTES)

    @property
    def argument(self) -> Path:
        """What the child's command line says of it."""
        return Path(ELSEWHERE) if self.place.folder is None or self.place.shared else self.place.folder

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What the child needs to know, and the ``variables`` that it needs to get there."""
        told = {"max_entries": self.limits.max_entries, "max_bytes": self.limits.max_bytes, "uri": ""}
        if self.place.shared:
            told["uri"] = self.place.uri
        return {VARIABLE: orjson.dumps(told).decode(), **self.place.environment(variables)}

    @classmethod
    def of_child(cls, argument: str, variables: Mapping[str, str]) -> TableOptions | None:
        """What this process was started with; None where it has no table."""
        if argument == "-":
            return None
        told = orjson.loads(variables.get(VARIABLE, "{}"))
        limits = Limits(told.get("max_entries", MAX_ENTRIES), told.get("max_bytes", MAX_BYTES))
        if argument == ELSEWHERE:
            return cls(Place.of(told["uri"], Path()), limits)
        return cls(Place.own(Path(argument)), limits)
