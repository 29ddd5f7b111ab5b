"""Keeps an answer back until it is known to be one, so that a failed one can be exchanged for another model's.

Of a paid answer only what comes before its first content is held. Of a local one (small models fail in more ways) the
text is held as long as it may become a tool call written as text, and a tool call until it is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway_core.model import ChatRequest, JsonObject, Target
from gateway_core.providers.base import Piece, UpstreamError
from gateway_core.wire.answer_checks import CALL_HEAD, EMPTY, Examined, examine, is_empty, may_be_call, tools_of
from gateway_core.wire.json_values import as_object
from gateway_core.wire.openai_chat import Aggregator, as_chunks, finish_reason, first_choice, has_content
from gateway_core.wire.tool_loops import circling


class Rejected(UpstreamError):
    """An answer that came whole and is none.

    ``usable`` are the pieces of it that were held, where a client can take them nevertheless.
    """

    def __init__(self, message: str, usable: tuple[Piece, ...], *, empty: bool) -> None:
        super().__init__(message, kind="answer")
        self.usable = usable
        self.empty = empty


class Hold:
    """The pieces of one call on their way to the caller. ``repairs`` are what was put right in them."""

    def __init__(self, request: ChatRequest, target: Target) -> None:
        self._request = request
        self._name = target.provider
        self.target = f"{target.provider}/{target.model}"
        self._checked = target.free
        self._tools = tools_of(request.body) if target.free else {}
        self._held: list[Piece] = []
        self._whole = Aggregator()
        self._text = ""
        self._calling = False
        self.begun = False
        """Something of the answer has been let through."""
        self.repairs: tuple[str, ...] = ()

    def feed(self, piece: Piece) -> Sequence[Piece]:
        """What of the answer may be sent on."""
        if self.begun and not self._checked:
            return (piece,)
        if not self._request.stream:
            self._held = [piece]
            return []
        if self._keeps(piece):
            self._held.append(piece)
            return []
        out, self._held = [*self._held, piece], []
        self.begun = True
        return out

    def end(self) -> list[Piece]:
        """The rest, once the upstream has ended. Raises :class:`Rejected`."""
        if not self._request.stream:
            return self._end_whole()
        if not self._checked:
            if not self.begun and self._is_empty_stream():
                raise self._rejected(EMPTY, self._held)
            return self._let_go()
        if self.begun and not self._calling:
            if is_empty(self._whole.completion()):
                raise self._rejected(EMPTY, [])
            return self._let_go()
        examined = self._examined(self._whole.completion())
        rest = self._rest(examined) if examined.repairs else self._held
        if examined.flaw:
            raise self._rejected(examined.flaw, rest if examined.usable else [])
        self.repairs = examined.repairs
        self._held = rest
        return self._let_go()

    def _keeps(self, piece: Piece) -> bool:
        if not self._checked:
            return not has_content(piece.body)
        delta = as_object((self._whole.add(piece.body) or {}).get("delta"))
        self._calling = self._calling or bool(delta.get("tool_calls"))
        if self._calling:
            return True
        if self.begun:
            return False
        if not self._tools:
            said = any(str(delta.get(name) or "").strip() for name in ("content", "refusal"))
            return not (said or delta.get("reasoning") or delta.get("reasoning_content"))
        if delta.get("refusal"):
            return False
        if len(self._text) < CALL_HEAD:
            self._text = (self._text + str(delta.get("content") or "")).lstrip()
        return may_be_call(self._text)

    def _is_empty_stream(self) -> bool:
        whole = Aggregator()
        for piece in self._held:
            whole.add(piece.body)
        return is_empty(whole.completion())

    def _end_whole(self) -> list[Piece]:
        (piece,) = self._held
        if not self._checked:
            if is_empty(piece.body):
                raise self._rejected(EMPTY, [piece])
            return self._let_go()
        examined = self._examined(piece.body)
        rest = [Piece(examined.completion, piece.usage)] if examined.repairs else [piece]
        if examined.flaw:
            raise self._rejected(examined.flaw, rest if examined.usable else [])
        self.repairs = examined.repairs
        self._held = rest
        return self._let_go()

    def _examined(self, completion: JsonObject) -> Examined:
        """What a look at a whole answer gave: of itself, and of what the conversation has had before it."""
        examined = examine(completion, self._tools)
        if examined.flaw or not (tool := circling(self._request.body.get("messages") or (), examined.completion)):
            return examined
        why = f"turns in circles: it called {tool[:64]!r} for the third time with the same arguments and result"
        return replace(examined, flaw=why)

    def _rest(self, examined: Examined) -> list[Piece]:
        """What is left to send of a completion that was put right."""
        chunks = as_chunks(examined.completion)
        if self.begun:
            chunks = [
                chunk
                for chunk in chunks
                if finish_reason(chunk) or (first_choice(chunk) or {}).get("delta", {}).get("tool_calls")
            ]
        usage = next((piece.usage for piece in reversed(self._held) if piece.usage), None)
        return [Piece(chunk, usage) for chunk in chunks]

    def _rejected(self, flaw: str, usable: list[Piece]) -> Rejected:
        return Rejected(f"{self._name} {flaw}.", tuple(usable), empty=flaw == EMPTY)

    def _let_go(self) -> list[Piece]:
        self.begun = True
        out, self._held = self._held, []
        return out
