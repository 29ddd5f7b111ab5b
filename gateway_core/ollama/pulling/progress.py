"""Progress of one pull, from the server's lines: it never runs backwards, has a speed, and a standstill shows.

Ollama tells of one blob at a time, about every 60 ms: no overall total, a last line that need not reach its total, no
line at all for small blobs, and after a broken connection a count that falls (recordings of 0.32.15).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from gateway_core.frozen import frozen
from gateway_core.local_values import LayerState, PullLayer, PullStatus

STALLED_AFTER_S = 5.0
"""Ollama retries in silence for up to a minute; before that a person should know."""
SPEED_WINDOW_S = 5.0
_LEAST_WINDOW_S = 0.5
_SURELY_THERE_BYTES = 1024 * 1024
"""A layer of that size that is complete on its first line was not just downloaded."""
_ALMOST = 0.999
"""The most that is shown before the end: digests are still to be checked."""


@frozen
class PullLine:
    """One line of a pull. ``digest`` is None where it is not about a layer."""

    status: str
    digest: str | None = None
    completed_bytes: int = 0
    total_bytes: int = 0
    error: str | None = None

    @property
    def ends(self) -> bool:
        return self.error is not None or self.status == "success"


class PullProgress:
    """Collects lines; :meth:`at` is the pull's status at a moment. Times are a monotonic clock's seconds."""

    def __init__(self, model: str, started_at: float, now_s: float) -> None:
        self._model = model
        self._started_at = started_at
        self._status = "starting"
        self._layers: dict[str, PullLayer] = {}
        self._raw: dict[str, int] = {}
        self._total_known = False
        self._share = 0.0
        self._moved_s = now_s
        self._samples: deque[tuple[float, int]] = deque()
        self._first_bytes_s: float | None = None

    def expect(self, layers: Iterable[PullLayer]) -> None:
        """Takes up all layers that the registry lists. Those that were named already keep what they have."""
        named = self._layers
        listed = {layer.digest: named.get(layer.digest, layer) for layer in layers}
        self._layers = {**listed, **{digest: layer for digest, layer in named.items() if digest not in listed}}
        self._total_known = True

    def take(self, line: PullLine, now_s: float) -> bool:
        """Takes a line in; whether it told anything new."""
        changed = line.status != self._status
        if line.digest and line.total_bytes:
            changed = self._take_layer(line.digest, line, now_s) or changed
        self._status = line.status or self._status
        if changed:
            self._moved_s = now_s
        return changed

    def at(self, now_s: float) -> PullStatus:
        """The status while it runs."""
        done, total = self._sums()
        self._share = max(self._share, min(_ALMOST, done / total) if total else 0.0)
        still = 0.0 if self._checking else now_s - self._moved_s
        speed = self._speed(now_s)
        return PullStatus(
            self._model,
            self._status,
            done,
            total,
            layers=tuple(self._layers.values()),
            total_known=self._total_known,
            share=self._share,
            had_bytes=sum(layer.had_bytes for layer in self._layers.values()),
            bytes_per_s=speed,
            eta_s=(total - done) / speed if speed else None,
            stalled_s=still if still >= STALLED_AFTER_S else 0.0,
            started_at=self._started_at,
        )

    def ended(self, now_s: float, ended_at: float, *, error: str | None = None, cancelled: bool = False) -> PullStatus:
        """The last status. A pull that worked has all of its layers, also those that no line told of."""
        status = replace(
            self.at(now_s), error=error, cancelled=cancelled, done=True, ended_at=ended_at, eta_s=None, stalled_s=0.0
        )
        if cancelled:
            return replace(status, status="cancelled", bytes_per_s=None)
        if error is not None:
            return replace(status, status="failed", bytes_per_s=None)
        layers = tuple(_whole(layer) for layer in status.layers)
        spent_s = now_s - (self._first_bytes_s if self._first_bytes_s is not None else now_s)
        came = status.total_bytes - status.had_bytes
        return replace(
            status,
            status="success",
            layers=layers,
            completed_bytes=status.total_bytes,
            share=1.0,
            bytes_per_s=came / spent_s if came > 0 and spent_s >= _LEAST_WINDOW_S else None,
        )

    def _take_layer(self, digest: str, line: PullLine, now_s: float) -> bool:
        known = self._layers.get(digest)
        for other in self._before(digest):
            self._layers[other.digest] = _whole(other)
        if known is None or known.state is LayerState.WAITING:
            self._layers[digest] = _first_seen(digest, line)
            self._first_bytes_s = now_s if self._first_bytes_s is None else self._first_bytes_s
            self._raw[digest] = line.completed_bytes
            self._note(now_s)
            return True
        if line.completed_bytes == self._raw[digest]:
            return False
        self._raw[digest] = line.completed_bytes
        completed = max(known.completed_bytes, line.completed_bytes)
        whole = completed >= known.total_bytes
        state = LayerState.DONE if whole and known.state is LayerState.PULLING else known.state
        self._layers[digest] = replace(known, completed_bytes=completed, state=state)
        self._note(now_s)
        return True

    @property
    def _checking(self) -> bool:
        """All bytes are there, and large files are read for their digest: no bytes come, and nothing is wrong."""
        return self._status.startswith(("verifying", "writing"))

    def _before(self, digest: str) -> list[PullLayer]:
        """Layers that the server has left behind to come to this one: it takes one after another."""
        begun = (layer for layer in self._layers.values() if layer.state is LayerState.PULLING)
        return [layer for layer in begun if layer.digest != digest and 2 * layer.completed_bytes > layer.total_bytes]

    def _sums(self) -> tuple[int, int]:
        layers = self._layers.values()
        return sum(layer.completed_bytes for layer in layers), sum(layer.total_bytes for layer in layers)

    def _note(self, now_s: float) -> None:
        came = sum(layer.completed_bytes - layer.had_bytes for layer in self._layers.values())
        self._samples.append((now_s, came))
        self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        while len(self._samples) > 1 and self._samples[1][0] <= now_s - SPEED_WINDOW_S:
            self._samples.popleft()

    def _speed(self, now_s: float) -> float | None:
        """Bytes a second over the window; None before it is long enough, 0 once nothing has come in all of it."""
        if not self._samples:
            return None
        self._forget(now_s)
        (since_s, before), (_, came) = self._samples[0], self._samples[-1]
        spent_s = now_s - since_s
        return max(0, came - before) / spent_s if spent_s >= _LEAST_WINDOW_S else None


def _first_seen(digest: str, line: PullLine) -> PullLayer:
    """A layer as its first line tells it: what it has by then was there before, but for a moment's download."""
    completed, total = line.completed_bytes, line.total_bytes
    if completed < total:
        return PullLayer(digest, total, completed, LayerState.PULLING, completed)
    if total >= _SURELY_THERE_BYTES:
        return PullLayer(digest, total, total, LayerState.THERE, total)
    return PullLayer(digest, total, total, LayerState.DONE)


def _whole(layer: PullLayer) -> PullLayer:
    if layer.state is LayerState.THERE:
        return layer
    return replace(layer, completed_bytes=layer.total_bytes, state=LayerState.DONE)
