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
_UNSHARED = Sharing()


class Listing:
    """Lists the models; one of which nothing has changed is not made anew, for a request changes one at most."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._made: dict[str, tuple[tuple[object, ...], LocalModel]] = {}

    def of(
        self,
        models: Sequence[LocalModel],
        in_flight: Mapping[str, int],
        now: float,
        sharing: Mapping[str, Sharing],
    ) -> tuple[LocalModel, ...]:
        """The models at ``now`` (Unix seconds)."""
        before, self._made = self._made, {}
        for model in models:
            name = model.name
            known, used = self._notebook.of(name), self._notebook.last_used.get(name)
            since = used or model.modified_at
            days = None if since is None else max(0, int((now - since) / _DAY_S))
            requests, shared = in_flight.get(name, 0), sharing.get(name, _UNSHARED)
            of = (model, known, used, days, requests, shared)
            made = before.get(name)
            self._made[name] = (
                made if made and made[0] == of else (of, _remembered(model, known, used, days, requests, shared))
            )
        return tuple(self._made[model.name][1] for model in models)


def _remembered(
    model: LocalModel, known: Remembered, used: float | None, days: int | None, in_flight: int, sharing: Sharing
) -> LocalModel:
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
