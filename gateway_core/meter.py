"""What one upstream call used, as far as it came."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.exchange import Exchange
from gateway_core.model import Usage
from gateway_core.providers.base import Piece
from gateway_core.wire.openai_chat import has_content, text_of
from gateway_core.wire.tokens import text_ceiling


class Meter:
    """Counts what one call used, as far as it came.

    What the upstream reported wins. Where it reported nothing, or nothing that can be true, the prompt of a paid or an
    interrupted answer counts at its ceiling and the output by what arrived: it is charged at what it can have cost.
    """

    def __init__(self, exchange: Exchange, *, paid: bool) -> None:
        self._exchange = exchange
        self._paid = paid
        self._reported: Usage | None = None
        self._output_ceiling = 0
        self.streamed = exchange.request.stream
        self.complete = False
        self.charged = True

    def see(self, piece: Piece) -> None:
        if piece.usage is not None:
            self._reported = piece.usage
        if has_content(piece.body):
            self._output_ceiling += text_ceiling(text_of(piece.body))

    def usage(self) -> Usage:
        size, reported = self._exchange.request.size, self._reported or Usage()
        if self.complete and not self._paid:
            prompt, output = size.input_tokens, self._output_ceiling // 2
        else:
            prompt, output = size.input_tokens_ceiling, self._output_ceiling
        if self.complete and reported.prompt_tokens and (reported.output_tokens or not output):
            return reported
        if not reported.prompt_tokens:
            reported = replace(reported, input_tokens=prompt)
        if not self.complete or not reported.output_tokens:
            reported = replace(reported, output_tokens=max(reported.output_tokens, output))
        return replace(reported, estimated=True)
