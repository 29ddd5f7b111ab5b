"""Holds the prompt tokens that a server reports against the prompt it was sent: a cut prompt is never passed over."""

from __future__ import annotations

from typing import Protocol

from gateway_core.model import Reason, Usage
from gateway_core.providers.base import UpstreamCall, UpstreamError
from gateway_core.wire.prompt_cut import CutPrompt, cut_prompt

PROMPT_CUT = "prompt cut"
"""The step of the remark; what answers such a prompt belongs in no cache."""


class ContextBook(Protocol):
    """Who knows the contexts of a server's models, and remembers what was learned of them."""

    def in_force(self, model: str) -> int | None:
        """The context that the model has now, where the server tells."""
        ...

    def learn(self, model: str, tokens: int) -> None:
        """Remembers for a while that no more than ``tokens`` fit."""
        ...


def found_cut(
    call: UpstreamCall, usage: Usage | None, book: ContextBook | None, context_tokens: int | None
) -> CutPrompt | None:
    """The cut that ``usage`` gives away, remarked on the request and remembered; None where there is none."""
    read = usage.prompt_tokens if usage else 0
    if read >= call.request.size.input_tokens:
        return None
    cut = cut_prompt(call.request.body, read, context_tokens)
    if cut:
        model = call.target.model
        call.remark(
            Reason(
                PROMPT_CUT,
                f"{call.target.provider} read {cut.read_tokens:,} of at least {cut.least_tokens:,} prompt tokens: "
                f"{model}'s context is too small",
            )
        )
        if book:
            book.learn(model, cut.read_tokens)
    return cut


def cut_error(name: str, model: str, cut: CutPrompt) -> UpstreamError:
    """The failure of an answer that nobody has seen yet. It is charged where it costs something: it was given."""
    return UpstreamError(
        f"{name} read {cut.read_tokens:,} of at least {cut.least_tokens:,} prompt tokens and dropped the rest. "
        f"Give {model} a larger context, or shorten the conversation.",
        kind="protocol",
        code="context_length_exceeded",
    )
