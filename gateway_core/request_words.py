"""What a search for words looks at in a request itself."""

from __future__ import annotations

from functools import lru_cache

from gateway_core.model import Lane, RequestRow, Status
from gateway_core.search_words import joined, words_of


def row_text(row: RequestRow) -> str:
    """The words of a request itself, as ``joined`` words."""
    return _row_text(
        row.preview,
        row.id,
        row.model or "",
        row.asked_model,
        row.provider or "",
        row.route,
        row.session or "",
        row.client,
        row.served_by,
        row.tier or "",
        row.cache.value if row.cache.is_hit else "",
        row.status.value if row.status is not Status.OK else "",
        row.error_code or "",
        row.purpose if row.purpose != "chat" else "",
        row.lane.value if row.lane is Lane.BACKGROUND else "",
        "repaired" if row.repaired else "",
    )


_words = lru_cache(maxsize=4096)(words_of)
"""The names of models, clients and sessions are the same ones again and again."""


@lru_cache(maxsize=4096)
def _row_text(preview: str, request_id: str, *texts: str) -> str:
    return joined([words_of(preview), words_of(request_id), *map(_words, texts)])
