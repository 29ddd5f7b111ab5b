"""Anthropic's Messages API, spoken to in chat completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from gateway_core.model import ApiKind, JsonObject, Refused
from gateway_core.providers.base import Piece, UpstreamCall, UpstreamError
from gateway_core.providers.upstream import Answer, Upstream
from gateway_core.wire.anthropic_answers import (
    AnthropicStreamError,
    StreamTranslator,
    from_message,
    read_anthropic_usage,
)
from gateway_core.wire.anthropic_messages import to_messages
from gateway_core.wire.openai_chat import has_content

DEFAULT_BASE_URL = "https://api.anthropic.com"
OAUTH_BETA = "oauth-2025-04-20"
"""The beta that lets a token of ``claude setup-token`` stand in for a key."""
_DEFAULT_MAX_TOKENS = 8192


class AnthropicProvider(Upstream):
    """Claude, with an API key or else a token of ``claude setup-token``."""

    key_setting = "ANTHROPIC_API_KEY"
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
    ) -> None:
        self._oauth = api_key is None and setup_token is not None
        if self._oauth:
            self.key_setting = "ANTHROPIC_SETUP_TOKEN"
        super().__init__(
            name=name,
            kind="anthropic",
            base_url=base_url,
            secret=api_key or setup_token,
            first_byte_s=first_byte_s,
            idle_s=idle_s,
            simulated=simulated,
        )

    def make_client(self, http_options: dict[str, Any]) -> tuple[Any, Any]:
        import anthropic

        credential = {"auth_token" if self._oauth else "api_key": self._secret or "none"}
        client = anthropic.AsyncAnthropic(
            **credential,  # type: ignore[arg-type]
            base_url=self.base_url,
            max_retries=0,
            timeout=http_options["timeout"],
            open_telemetry=False,
            http_client=anthropic.DefaultAioHttpClient(**http_options),
        )
        return client, anthropic

    def request_headers(self) -> dict[str, str]:
        headers = super().request_headers()
        return {**headers, "anthropic-beta": OAUTH_BETA} if self._oauth else headers

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Piece]:
        """The answer; see :class:`~gateway_core.providers.base.Provider`."""
        if call.request.api is ApiKind.EMBEDDINGS:
            raise self.failures.refused(f"model: {self.name} has no embeddings.", "invalid_request")
        async with self.post("/v1/messages", self._translated(call)) as answer:
            if call.request.stream:
                async with aclosing(self._stream(answer)) as pieces:
                    async for piece in pieces:
                        yield piece
            else:
                yield self._whole(await answer.json())

    def _translated(self, call: UpstreamCall) -> JsonObject:
        limits = [limit for limit in (call.request.size.max_output_tokens, call.max_output_tokens) if limit]
        body = {**call.request.body, "stream": call.request.stream}
        try:
            return to_messages(body, call.target.model, min(limits, default=_DEFAULT_MAX_TOKENS))
        except Refused as refused:
            raise self.failures.refused(refused.refusal.message, refused.refusal.code) from None
        except RecursionError:
            raise self.failures.refused("The request is nested too deeply.", "invalid_request") from None

    def _whole(self, message: JsonObject) -> Piece:
        if message.get("type") == "error":
            raise self.failures.reported(message.get("error"))
        if message.get("type") != "message" or not isinstance(message.get("content"), list):
            raise self.failures.protocol("sent an answer that is no message")
        return Piece(from_message(message), read_anthropic_usage(message.get("usage")))

    async def _stream(self, answer: Answer) -> AsyncGenerator[Piece]:
        translator = StreamTranslator()
        if answer.content_type != "text/event-stream":
            raise self.failures.protocol("did not stream its answer")
        async with aclosing(answer.events()) as events:
            async for event in events:
                if answer.done:
                    continue
                for piece in self._pieces(translator, answer.parse(event.data)):
                    answer.patience.begun = answer.patience.begun or has_content(piece.body)
                    yield piece
                if translator.finished:
                    answer.end()
        if not answer.done:
            raise self.failures.protocol("ended the answer in the middle")

    def _pieces(self, translator: StreamTranslator, event: JsonObject) -> list[Piece]:
        try:
            chunks = translator.feed(event)
        except AnthropicStreamError as error:
            raise self._reported(error) from None
        return [Piece(chunk, translator.usage) for chunk in chunks]

    def _reported(self, error: AnthropicStreamError) -> UpstreamError:
        return self.failures.reported({"type": error.type, "message": error.message})
