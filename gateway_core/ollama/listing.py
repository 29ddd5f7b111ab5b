"""A local server's models with all that is known of them besides what the server tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway_core.local_values import LocalModel, UpdateCheck
from gateway_core.ollama.machine.disk import Sharing
from gateway_core.ollama.notebook import Notebook
from gateway_core.store.local_models import Remembered

UNUSED_AFTER_DAYS = 30
_DAY_S = 86_400.0


def listed(
    models: Sequence[LocalModel],
    notebook: Notebook,
    in_flight: Mapping[str, int],
    now: float,
    sharing: Mapping[str, Sharing],
) -> tuple[LocalModel, ...]:
    """The models at ``now`` (Unix seconds)."""
    unshared = Sharing()
    return tuple(
        _remembered(
            model,
            notebook.of(model.name),
            notebook.last_used.get(model.name),
            now,
            in_flight.get(model.name, 0),
            sharing.get(model.name, unshared),
        )
        for model in models
    )


def _remembered(
    model: LocalModel, known: Remembered, used: float | None, now: float, in_flight: int, sharing: Sharing
) -> LocalModel:
    since = used or model.modified_at
    days = None if since is None else max(0, int((now - since) / _DAY_S))
    return replace(
        model,
        num_ctx=known.num_ctx,
        pinned=known.pinned,
        speed=known.speed,
        update=known.update if known.checked_digest == model.digest else UpdateCheck(),
        last_used_at=used,
        unused_days=days,
        in_flight=in_flight,
        shares_with=sharing.others,
        frees_bytes=sharing.frees_bytes,
        unused=days is not None and days >= UNUSED_AFTER_DAYS and not model.loaded,
    )
