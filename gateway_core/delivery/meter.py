"""What one upstream call used, as far as it came."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from gateway_core.exchange import Exchange
from gateway_core.model import Counted, Usage
from gateway_core.providers.base import Piece
from gateway_core.wire.extras import has_server_tools
from gateway_core.wire.openai_chat import finish_of, first_choice, holds_content, said_in, written_in
from gateway_core.wire.reasoning import hides_reasoning, most_tokens
from gateway_core.wire.tokens import most_characters, text_ceiling

PAUSE_S = 1.0
"""A longer pause within an answer can have been thinking."""


class Meter:
    """Counts what one call used, as far as it came.

    What the upstream reported wins, also of an answer that was cut after its count. Where it reported nothing, nothing
    since something was written, or nothing that can be true, the prompt of a paid or an interrupted answer counts at
    its ceiling, and the output by what arrived and what a model that thinks unseen can have thought meanwhile, up to
    ``limit``: it is charged at what it can have cost. The upstream was told the limit, and money was set aside for no
    more.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        paid: bool,
        limit: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exchange = exchange
        self._paid = paid
        self.limit = limit
        self._most_characters = None if limit is None else most_characters(limit)
        self._monotonic = monotonic
        self._reported: Usage | None = None
        self._finished = self._counted = False
        self._outdated = False
        """Something has been written since the last report."""
        self._output_ceiling = self._characters = 0
        self._quiet_s = 0.0
        self._heard: float | None = None
        self._began = monotonic()
        self.streamed = exchange.request.stream
        self.complete = False
        self.charged = True

    def see(self, piece: Piece) -> None:
        choice = first_choice(piece.body) or {}
        if not self._finished:
            self._finished = finish_of(choice) is not None
        if piece.usage is not None:
            self._reported = piece.usage
            self._counted = self._finished
            self._outdated = False
        said = said_in(choice)
        text = written_in(said)
        if text or holds_content(said):
            self._outdated = piece.usage is None
            now = self._monotonic()
            self._quiet_s += self._pause(now)
            self._heard = now
            self._characters += len(text)
            self._output_ceiling += text_ceiling(text)

    @property
    def is_past_limit(self) -> bool:
        """Whether more has arrived than an answer of ``limit`` tokens can hold."""
        return self._most_characters is not None and self._characters > self._most_characters

    @property
    def prompt_is_counted(self) -> bool:
        """Whether the upstream told what it read, all of it: server tools may have it read again until the end."""
        reported = bool(self._reported and self._reported.prompt_tokens)
        return reported and (self.complete or self._counted or not has_server_tools(self._exchange.sent))

    @property
    def arrived_tokens(self) -> int:
        """Tokens that what arrived of the answer does not exceed."""
        return self._output_ceiling

    @property
    def seconds(self) -> float:
        """How long the call has taken so far."""
        return self._monotonic() - self._began

    def usage(self) -> Usage:
        size, reported, whole = self._exchange.sent.size, self._reported or Usage(), self.complete or self._counted
        counted = whole and not self._outdated
        if counted and reported.prompt_tokens and reported.output_tokens:
            return reported
        if self.complete and not self._paid:
            prompt, output, how = size.input_tokens, self._output_ceiling // 2, Counted.ESTIMATED
        else:
            prompt, output, how = size.input_tokens_ceiling, self._can_have_written(), Counted.CEILING
        if whole and reported.prompt_tokens and not output:
            return reported
        if not reported.prompt_tokens:
            reported = replace(reported, input_tokens=prompt, input_counted=how)
        elif not self.prompt_is_counted:
            reported = replace(reported, input_counted=Counted.ESTIMATED)
        if not counted or not reported.output_tokens:
            reported = replace(reported, output_tokens=max(reported.output_tokens, output), output_counted=how)
        return replace(reported, estimated=True)

    def _can_have_written(self) -> int:
        target = self._exchange.target
        if not self._paid or target is None:
            return self._output_ceiling
        total = self._output_ceiling
        if hides_reasoning(target.provider, target.model, self._exchange.request):
            total += most_tokens(
                target.provider, self._quiet_s + (0.0 if self._finished else self._pause(self._monotonic()))
            )
        return total if self.limit is None else min(total, self.limit)

    def _pause(self, now: float) -> float:
        """Seconds since something of the answer arrived; short ones are only the stream's pace."""
        since = now - (self._began if self._heard is None else self._heard)
        return since if self._heard is None or since > PAUSE_S else 0.0
