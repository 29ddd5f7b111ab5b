"""Anthropic's Messages API, spoken to in chat completions, or in a Messages caller's own words."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from gateway_core.model import ApiKind, ChatRequest, JsonObject, Reason, Refused
from gateway_core.providers import anthropic_oauth
from gateway_core.providers.answer import Answer
from gateway_core.providers.base import Batch, Piece, UpstreamCall, UpstreamError
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.prompt_cache import PromptCaching
from gateway_core.providers.prompt_cache_policy import ratios_of
from gateway_core.providers.sdk_imports import without_models
from gateway_core.providers.thinking import ThinkingMemory
from gateway_core.providers.upstream import Upstream
from gateway_core.wire.anthropic_answers import (
    AnthropicStreamError,
    StreamTranslator,
    from_message,
    read_anthropic_usage,
)
from gateway_core.wire.anthropic_messages import to_messages
from gateway_core.wire.anthropic_native import adapted, headers_for, native_body, unreserved, with_limits
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.openai_chat import has_content
from gateway_core.wire.usage import count

DEFAULT_BASE_URL = "https://api.anthropic.com"
_DEFAULT_MAX_TOKENS = 8192
_COUNT_S = 5.0
"""All the time a count of tokens gets; the gateway's own estimate stands in for it."""
_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control")
"""What the count of tokens takes (types of anthropic 2.12)."""


class AnthropicProvider(Upstream):
    """Claude, with an API key or else a token of ``claude setup-token``."""

    models_path = "/v1/models"

    def __init__(
        self,
        *,
        name: str = "anthropic",
        base_url: str = DEFAULT_BASE_URL,
        api_key: str | None = None,
        setup_token: str | None = None,
        first_byte_s: float = 120.0,
        idle_s: float = 90.0,
        simulated: bool = False,
        pricing: Pricing | None = None,
        now: Callable[[], float] = time.time,
        key_setting: str = "ANTHROPIC_API_KEY",
    ) -> None:
        prices = pricing or Pricing()
        self._server_tool_uses = prices.server_tool_uses
        self._prompt_caching = PromptCaching(lambda model: ratios_of(prices.rates(name, model)), now)
        if anthropic_oauth.is_setup_token(api_key):
            api_key, setup_token = None, api_key
        self._oauth = api_key is None and setup_token is not None
        self.key_setting = anthropic_oauth.KEY_SETTING if self._oauth else key_setting
        self._thinking = ThinkingMemory()
        super().__init__(
            name=name,
            kind="anthropic",
            base_url=base_url,
            secret=api_key or setup_token,
            first_byte_s=first_byte_s,
            idle_s=idle_s,
            simulated=simulated,
        )

    def make_client(self, carrier: Any) -> Any:
        credential = {"auth_token" if self._oauth else "api_key": self._secret or "none"}
        client = without_models("anthropic").Anthropic(
            **credential,
            base_url=self.base_url,
            max_retries=0,
            open_telemetry=False,
            http_client=carrier,
        )
        if self._oauth:
            client.api_key = None  # taken from the environment, where it may be this very token
        else:
            client.auth_token = None
        return client

    def request_headers(self) -> dict[str, str]:
        return {**super().request_headers(), **headers_for({}, self._betas)}

    @property
    def _betas(self) -> tuple[str, ...]:
        """What the gateway itself needs."""
        return anthropic_oauth.BETAS if self._oauth else ()

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        """The answer; see :class:`~gateway_core.providers.base.Provider`."""
        call.sending.begins()
        if call.request.api is ApiKind.EMBEDDINGS:
            raise self.failures.refused(invalid_request(f"model: {self.name} has no embeddings."))
        with await self._prompt_caching.track(call, self._translated(call)) as tracked:
            headers = self._headers(call.request)
            with await self.post("/v1/messages", tracked.body, headers, call=call) as answer:
                if not call.request.stream:
                    whole = self._whole(await answer.json(), call)
                    tracked.see(whole.usage)
                    yield [whole]
                    return
                async with aclosing(self._stream(answer, call)) as batches:
                    async for batch in batches:
                        tracked.see(batch[-1].usage)
                        yield batch

    async def count_tokens(self, call: UpstreamCall) -> int:
        """Anthropic's own count of a Messages request's prompt, which costs nothing. Raises :class:`UpstreamError`."""
        whole = self._native(call, call.request.native or call.request.body, _DEFAULT_MAX_TOKENS)
        body = {name: value for name, value in whole.items() if name in _COUNTED}
        headers, path = self._headers(call.request), "/v1/messages/count_tokens"
        with await self.post(path, body, headers, patience_s=_COUNT_S) as answer:
            counted = count((await answer.json()).get("input_tokens"))
        if counted is None:
            raise self.failures.protocol("sent a count that is none")
        return counted

    def _headers(self, request: ChatRequest) -> dict[str, str]:
        """The caller's own headers where its own body goes, and the beta that a setup token needs."""
        native = request.native_headers if _is_native(request) else {}
        return headers_for(native, self._betas)

    def _translated(self, call: UpstreamCall) -> JsonObject:
        body, limited = with_limits(self._body(call), self._server_tool_uses)
        if limited:
            text = f"{', '.join(limited)} limited to {self._server_tool_uses} uses, for which money is set aside"
            call.remark(Reason("anthropic", text))
        return anthropic_oauth.with_opening(body) if self._oauth else body

    def _body(self, call: UpstreamCall) -> JsonObject:
        request, model = call.request, call.target.model
        limit = call.output_limit or _DEFAULT_MAX_TOKENS
        if request.native is not None and _is_native(request):
            return self._native(call, request.native, limit)
        messages = self._thinking.restored(request.caller, model, request.body["messages"])
        try:
            return to_messages({**request.body, "messages": messages, "stream": request.stream}, model, limit)
        except Refused as refused:
            raise self.failures.refused(refused.refusal) from None
        except RecursionError:
            raise self.failures.too_deep() from None

    def _native(self, call: UpstreamCall, native: JsonObject, limit: int) -> JsonObject:
        """The caller's own body. What it said of a model it named stands, right or wrong; where a tier was named, the
        caller could not know the model's rules, and they are kept for it."""
        request, model = call.request, call.target.model
        foreign = self._thinking.foreign_to(model, native["messages"])
        dropped = unreserved(native, us_is_priced=self.name == "anthropic")
        body = native_body(native, model, limit, stream=request.stream, foreign=foreign, left_out=dropped)
        if dropped:
            call.remark(Reason("anthropic", f"not sent: {', '.join(dropped)}, whose price is not reserved"))
        if request.model not in (model, f"{self.name}/{model}"):
            body, changed = adapted(body, model)
            thinking = body.get("thinking")
            if isinstance(thinking, dict) and thinking.get("type") in ("adaptive", "enabled"):
                body["messages"] = self._thinking.completed(request.caller, model, body["messages"])
            if changed:
                call.remark(Reason("anthropic", f"{', '.join(changed)} changed to what {model} takes"))
        return body

    def _whole(self, message: JsonObject, call: UpstreamCall) -> Piece:
        if message.get("type") == "error":
            raise self.failures.reported(message.get("error"))
        if message.get("type") != "message" or not isinstance(message.get("content"), list):
            raise self.failures.protocol("sent an answer that is no message")
        blocks = [block for block in message["content"] if isinstance(block, dict)]
        self._thinking.remember(call.request.caller, call.target.model, blocks)
        native = (message,) if _is_native(call.request) else ()
        return Piece(from_message(message), read_anthropic_usage(message.get("usage")), native)

    async def _stream(self, answer: Answer, call: UpstreamCall) -> AsyncGenerator[Batch]:
        translator, native = StreamTranslator(), _is_native(call.request)
        if answer.content_type != "text/event-stream":
            raise self.failures.protocol("did not stream its answer")

        def read(data: bytes) -> list[Piece]:
            pieces = self._pieces(translator, answer.parse(data), native)
            if pieces and not answer.patience.begun:
                answer.patience.begun = translator.has_begun or any(has_content(piece.body) for piece in pieces)
            if translator.finished:
                self._thinking.remember(call.request.caller, call.target.model, translator.content)
                answer.end()
            return pieces

        async with aclosing(answer.events(read)) as batches:
            async for batch in batches:
                yield batch
        if not answer.done:
            raise self.failures.protocol("ended the answer in the middle")

    def _pieces(self, translator: StreamTranslator, event: JsonObject, native: bool) -> list[Piece]:
        """The chunks of an event. Its native form goes with the last of them, which may be the finish."""
        try:
            chunks = translator.feed(event)
        except AnthropicStreamError as error:
            raise self._reported(error) from None
        if not native:
            return [Piece(chunk, translator.usage) for chunk in chunks]
        *before, last = chunks or [translator.empty_chunk()]
        return [*(Piece(chunk, translator.usage) for chunk in before), Piece(last, translator.usage, (event,))]

    def _reported(self, error: AnthropicStreamError) -> UpstreamError:
        return self.failures.reported({"type": error.type, "message": error.message})


def _is_native(request: ChatRequest) -> bool:
    """Whether the caller speaks Anthropic's protocol itself."""
    return request.api is ApiKind.MESSAGES and request.native is not None
