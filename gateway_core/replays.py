"""Runs a kept request again, on another tier, through every gate: to see what another model would have answered.

It is paid like any other, is answered by no cache and kept in none, and no tool is run: what the model asks for is its
answer.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace

import orjson

from gateway_core.clients import read_client
from gateway_core.clock import Clock, new_request_id
from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import (
    ApiKind,
    CacheMode,
    ChatRequest,
    Decision,
    JsonObject,
    Lane,
    Received,
    Refusal,
    Refused,
    RequestDetail,
    RequestParts,
    Status,
    Target,
    Tier,
)
from gateway_core.pipeline import Pipeline
from gateway_core.replay_values import ReplayOffer, ReplayOffers, ReplayProgress
from gateway_core.wire import errors, messages_requests, responses_request
from gateway_core.wire.anthropic_native import native_headers, with_betas
from gateway_core.wire.openai_chat import text_of
from gateway_core.wire.tokens import measure

log = logging.getLogger(__name__)

REMEMBERED = 20
"""Replays whose text is kept in memory."""
_NOT_KEPT = "What was sent is not kept any more (KEEP_BODIES_DAYS): the request cannot be run again."
_MASKED = "A secret was taken out of what is kept of it: run again, it would not be the request that was sent."


class CannotReplay(Exception):
    """The request cannot be run again; the message says why."""


@dataclass(slots=True)
class _Run:
    request_id: str
    replay_of: str
    words: list[str] = field(default_factory=list)
    done: bool = False
    problem: str = ""


class Replays:
    """``spawn`` runs a coroutine until the gateway ends; ``most_microusd`` says what a target can cost."""

    def __init__(
        self,
        detail: Callable[[str], Awaitable[RequestDetail | None]],
        parts: Callable[[str], Awaitable[RequestParts | None]],
        pipeline: Pipeline,
        most_microusd: Callable[[ChatRequest, Target], int],
        spawn: Callable[[Coroutine[None, None, None], str], None],
        clock: Clock,
        secrets: KnownSecrets,
    ) -> None:
        self._detail = detail
        self._parts = parts
        self._pipeline = pipeline
        self._most_microusd = most_microusd
        self._spawn = spawn
        self._clock = clock
        self._secrets = secrets
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    async def offers(self, request_id: str) -> ReplayOffers:
        """Where it could go, and for how much. Calls nobody."""
        try:
            kept = await self._kept(request_id)
        except CannotReplay as error:
            return ReplayOffers(problem=str(error))
        return ReplayOffers(tuple(self._offer(self._request(*kept, tier), tier) for tier in Tier))

    async def begin(self, request_id: str, tier: str) -> str:
        """Starts it and returns the new request's id. ``tier`` may be a model's id. Raises :class:`CannotReplay`."""
        request = self._request(*await self._kept(request_id), tier)
        if isinstance(refusal := self._pipeline.decide(request), Refusal):
            raise CannotReplay(refusal.message)
        run = self._runs[request.id] = _Run(request.id, request_id)
        while len(self._runs) > REMEMBERED:
            self._runs.popitem(last=False)
        self._spawn(self._run(request, run), f"replay of {request_id}")
        return request.id

    def progress(self, request_id: str) -> ReplayProgress | None:
        """How far a replay has come; None for what is none, or was long ago."""
        if (run := self._runs.get(request_id)) is None:
            return None
        return ReplayProgress(
            run.request_id, run.replay_of, self._secrets.masked("".join(run.words)), run.done, run.problem
        )

    async def _run(self, request: ChatRequest, run: _Run) -> None:
        try:
            async with self._pipeline.answer(request) as answer:
                if isinstance(answer, Refusal):
                    run.problem = answer.message
                elif answer.batches is not None:
                    async for batch in answer.batches:
                        run.words += [text_of(piece.body) for piece in batch]
        except Refused as refused:
            run.problem = refused.refusal.message
        except Exception as error:
            log.error("a replay failed: %s", type(error).__name__)
            run.problem = errors.internal_error().message
        finally:
            run.done = True

    def _offer(self, request: ChatRequest, tier: Tier) -> ReplayOffer:
        decision = self._pipeline.decide(request)
        if isinstance(decision, Refusal):
            return ReplayOffer(tier.value, problem=decision.message)
        target, most = decision.target, self._most(request, decision)
        return ReplayOffer(tier.value, f"{target.provider}/{target.model}", most)

    def _most(self, request: ChatRequest, decision: Decision) -> int:
        return max(self._most_microusd(request, target) for target in (decision.target, *decision.fallbacks))

    async def _kept(self, request_id: str) -> tuple[RequestDetail, Received, JsonObject]:
        detail, parts = await self._detail(request_id), await self._parts(request_id)
        if detail is None:
            raise CannotReplay("There is no request of that id.")
        if detail.row.status is Status.RUNNING:
            raise CannotReplay("It is still running: run it again when it has ended.")
        if parts is None or parts.body is None or parts.received is None:
            raise CannotReplay(_NOT_KEPT)
        if parts.masked:
            raise CannotReplay(_MASKED)
        if parts.received.api == ApiKind.EMBEDDINGS:
            raise CannotReplay("Embeddings have no tiers: there is nothing to compare.")
        return detail, parts.received, parts.body

    def _request(self, detail: RequestDetail, received: Received, kept: JsonObject, tier: str) -> ChatRequest:
        """The request anew, streamed so that it can be watched. Raises :class:`CannotReplay`."""
        api, headers = ApiKind(received.api), {name.lower(): value for name, value in received.headers}
        native = {name: value for name, value in kept.items() if name not in ("force_tier", "context")}
        chat = _as_chat(api, native, headers)
        messages = list(detail.messages)
        if api is ApiKind.RESPONSES and native.get("previous_response_id"):
            native = {}  # what it followed need not be there any more, but its words are
        elif chat.get("messages") != messages:
            raise CannotReplay("What is kept of it is not what was sent: it cannot be run again.")
        known = tier in list(Tier)
        chat = {**chat, "messages": messages, "model": "gateway-auto" if known else tier, "stream": True}
        speaks_native = api is not ApiKind.CHAT and bool(native)
        return ChatRequest(
            id=new_request_id(),
            received_at=self._clock.now(),
            caller=received.caller,
            body=chat,
            model=chat["model"],
            stream=True,
            view=replace(read_client(chat, headers), lane=Lane.INTERACTIVE, purpose="replay"),
            size=measure(chat, len(orjson.dumps(chat))),
            force_tier=Tier(tier) if known else None,
            cache_mode=CacheMode.BYPASS,
            api=api if speaks_native else ApiKind.CHAT,
            native={**native, "model": chat["model"], "stream": True} if speaks_native else None,
            native_headers=native_headers(headers) if api is ApiKind.MESSAGES else {},
            received=replace(received, read_ms=0.0, api=api if speaks_native else ApiKind.CHAT),
            replay_of=detail.row.id,
        )


def _as_chat(api: ApiKind, native: JsonObject, headers: dict[str, str]) -> JsonObject:
    try:
        if api is ApiKind.MESSAGES:
            return with_betas(messages_requests.to_chat(native), headers)
        return responses_request.to_chat(native) if api is ApiKind.RESPONSES else native
    except Refused as refused:
        raise CannotReplay(refused.refusal.message) from None
