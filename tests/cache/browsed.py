"""A child in memory that can be browsed, with the shapes that the real one answers in."""

from __future__ import annotations

from gateway_core.cache.encoder.worker import Message
from tests.cache.fakes import FakeChild


class BrowsedChild(FakeChild):
    """Counts what it is asked to; ``state`` other than ``ready`` answers nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.error = ""

    def start(self) -> None:
        if self.state == "idle":
            self.state = "ready"

    async def stop(self) -> None:
        self.state = "stopped"

    async def ask(self, message: Message, timeout_s: float) -> Message | None:
        if message["op"] not in ("browse", "entry", "drop"):
            return await super().ask(message, timeout_s)
        if self.state != "ready":
            return None
        if self.error:
            return {"error": self.error}
        if message["op"] == "entry":
            kept = self.kept.get(message["entry_id"])
            return {"entry": {**_told(kept), "completion": kept["completion"]} if kept else None}
        if message["op"] == "drop":
            ids = list(self.kept) if message.get("all") else message["ids"]
            return {"dropped": sum(self.kept.pop(one, None) is not None for one in ids)}
        column = {"newest": "created_at", "hits": "hits", "saved": "saved_microusd", "largest": "size_bytes"}
        rows = [
            _told(kept) for kept in self.kept.values() if message["query"].casefold() in kept["user_text"].casefold()
        ]
        rows.sort(key=lambda row: (row[column[message["order"]]], row["created_at"], row["id"]), reverse=True)
        start = next((at for at, row in enumerate(rows, 1) if row["id"] == message["before"]), 0)
        return {"rows": rows[start : start + message["limit"]], "total": len(rows)}


def _told(kept: Message) -> Message:
    used = {"hits": 2, "used_at": kept["created_at"], "saved_microusd": 2 * kept["cost_microusd"], "saved_ms": 900.0}
    row = {name: value for name, value in kept.items() if name != "completion"}
    return {**row, **used, "size_bytes": len(kept["completion"])}
