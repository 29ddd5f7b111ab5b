"""A local server's models with all that is known of them besides what the server tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway_core.local_values import LocalModel, UpdateCheck
from gateway_core.ollama.disk import freed_bytes, sharers
from gateway_core.ollama.notebook import Notebook
from gateway_core.ollama.registry import Manifest

UNUSED_AFTER_DAYS = 30
_DAY_S = 86_400.0


def listed(
    models: Sequence[LocalModel],
    notebook: Notebook,
    in_flight: Mapping[str, int],
    now: float,
    *,
    weights: Mapping[str, tuple[str, ...]] | None = None,
    manifests: Mapping[str, Manifest] | None = None,
) -> tuple[LocalModel, ...]:
    """The models at ``now`` (Unix seconds). ``weights`` and ``manifests`` tell what each consists of."""
    digests = {model.name: model.digest for model in models}
    parts, files = weights or {}, manifests or {}
    return tuple(
        replace(
            _remembered(model, notebook, now),
            in_flight=in_flight.get(model.name, 0),
            shares_with=sharers(model.name, parts, digests),
            frees_bytes=freed_bytes(model.name, model.size_bytes, parts, files) if parts else None,
        )
        for model in models
    )


def _remembered(model: LocalModel, notebook: Notebook, now: float) -> LocalModel:
    known, used = notebook.of(model.name), notebook.last_used.get(model.name)
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
        unused=days is not None and days >= UNUSED_AFTER_DAYS and not model.loaded,
    )
