"""Ollama by its own API: contexts sized to the prompt, prompts never cut, models kept as the operator wants."""

from __future__ import annotations

import math
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, aclosing, asynccontextmanager
from typing import Protocol
from uuid import uuid4

import orjson
from yarl import URL

from gateway_core.model import JsonObject, ProviderStatus, Reason, Refused, Usage
from gateway_core.providers.answer import Answer, Patience
from gateway_core.providers.base import (
    Batch,
    Piece,
    UpstreamCall,
    UpstreamError,
    past_limit,
)
from gateway_core.providers.connections import CONNECT_S, Connections
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.prompt_check import ContextBook, cut_error, found_cut
from gateway_core.wire.call_numbers import new_call_id
from gateway_core.wire.errors import context_length_exceeded
from gateway_core.wire.ollama_answers import AnswerTranslator, NoAnswer, error_text, overflow_of
from gateway_core.wire.ollama_chat import Loading, to_ollama
from gateway_core.wire.openai_chat import Aggregator, has_content, text_of
from gateway_core.wire.openai_requests import in_openais_words
from gateway_core.wire.tokens import most_characters

_NO_MEMORY = re.compile(r"(?i)requires more system memory|out of memory|unable to allocate|cudamalloc failed")


class Contexts(ContextBook, Protocol):
    """What is known of the models' contexts; ``gateway_core.ollama.contexts.Contexts`` is it."""

    def context_of(self, model: str) -> int | None:
        """The largest context that can be asked for; None where nobody knows."""
        ...

    @property
    def native_chat(self) -> bool:
        """Whether the server has a chat of Ollama's own, as far as anybody knows."""
        ...

    def lacks_native_chat(self) -> None:
        """Remembers that the server has none."""
        ...

    async def loading(
        self, model: str, prompt_tokens: int, max_output_tokens: int | None, *, exact: bool = False
    ) -> Loading | None:
        """What to ask for; None where the request does not fit. ``exact`` says that the model counted the tokens."""
        ...

    def asking(self, model: str, loading: Loading) -> AbstractContextManager[None]:
        """Says for the length of a request what it asks for."""
        ...


class _NoNativeChat(Exception):
    """The server has no ``/api/chat``."""


class _Unfit(Exception):
    """The context that was asked for does not do. ``error`` is what the caller gets where no other does.

    ``tokens`` are the prompt's where Ollama counted them. ``too_large`` says that the memory does not suffice.
    """

    def __init__(self, error: UpstreamError, tokens: int | None = None, *, too_large: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.tokens = tokens
        self.too_large = too_large


class Ollama:
    """One Ollama. ``compatible`` is the same server by way of ``/v1``: it is used where there is no ``/api/chat``.

    ``thinks`` tells whether a model has the capability, ``ratio`` how many prompt tokens it counts for each estimated.
    """

    def __init__(
        self,
        compatible: OpenAICompatible,
        contexts: Contexts,
        thinks: Callable[[str], bool | None],
        *,
        api_key: str | None = None,
        first_byte_s: float = 900.0,
        idle_s: float = 900.0,
        ratio: Callable[[str], float] = lambda model: 1.0,
    ) -> None:
        self.name = compatible.name
        self._root = compatible.base_url.removesuffix("/v1")
        self._compatible = compatible
        self._contexts = contexts
        self._thinks = thinks
        self._ratio = ratio
        self._key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s
        self._failures = compatible.failures
        self._connections = Connections(self._root, self._failures, self._refused, kept=False)

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        """The answer; see :class:`~gateway_core.providers.base.Provider`."""
        call.sending.begins()
        if self._contexts.native_chat:
            try:
                async with (
                    self._opened(call) as (answer, loading),
                    aclosing(self._pieces(call, answer, loading)) as batches,
                ):
                    async for batch in batches:
                        yield batch
                return
            except _NoNativeChat:
                self._contexts.lacks_native_chat()
        async with aclosing(self._compatible.send(call)) as batches:
            async for batch in batches:
                yield batch

    @asynccontextmanager
    async def _opened(self, call: UpstreamCall) -> AsyncIterator[tuple[Answer, Loading]]:
        """The answer's head, once a context was found that Ollama can have and the prompt fits."""
        model, exact = call.target.model, False
        tokens = math.ceil(call.request.size.input_tokens * self._ratio(model))
        loading = await self._contexts.loading(model, tokens, call.output_limit)
        if loading is None:
            raise self._too_long(model, tokens)
        while True:
            with ExitStack() as stack:
                stack.enter_context(self._contexts.asking(model, loading))
                try:
                    answer = stack.enter_context(await self._post(self._translated(call, loading), call))
                except _Unfit as error:
                    unfit = error
                else:
                    yield answer, loading
                    return
            if unfit.too_large:
                self._contexts.learn(model, loading.num_ctx // 2)
            else:
                tokens, exact = unfit.tokens or max(tokens, loading.num_ctx), unfit.tokens is not None
            another = await self._contexts.loading(model, tokens, call.output_limit, exact=exact)
            if another is None and unfit.too_large:
                raise self._too_long(model, tokens) from None
            if another is None or (another.num_ctx < loading.num_ctx) is not unfit.too_large or another == loading:
                raise unfit.error from None
            why = f"the prompt has {unfit.tokens:,} tokens" if unfit.tokens else str(unfit).rstrip(".")
            contexts = f"a context of {loading.num_ctx:,} was asked for, then one of {another.num_ctx:,}"
            call.remark(Reason("context", f"{why}: {contexts}"))
            loading = another

    async def _post(self, body: JsonObject, call: UpstreamCall) -> Answer:
        try:
            content = orjson.dumps(body)
        except TypeError:
            raise self._failures.too_deep() from None
        patience = Patience(self._first_byte_s, self._idle_s)
        url = URL(f"{self._root}/api/chat")
        return await self._connections.ask("POST", url, self._headers, content, patience, call)

    @property
    def _headers(self) -> dict[str, str]:
        return {**self._compatible.request_headers(), **self._key}

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """What an answer with an error status means."""
        text = error_text(body)
        if status == 405 or (status == 404 and text is None):
            return _NoNativeChat()
        if found := overflow_of(body):
            refusal = context_length_exceeded(*found)
            return _Unfit(self._failures.refused(refusal), found[0])
        error = self._failures.status(status, headers, body)
        if error.code == "context_length_exceeded":
            return _Unfit(error)
        return _Unfit(error, too_large=True) if text and _NO_MEMORY.search(text) else error

    async def _pieces(self, call: UpstreamCall, answer: Answer, loading: Loading) -> AsyncGenerator[Batch]:
        whole, written = Aggregator(), 0
        translator = AnswerTranslator(f"chatcmpl-{uuid4().hex}", int(time.time()), new_call_id)
        unseen = None if call.request.stream else call.output_limit  # a stream is counted by who reads it

        def read(line: bytes) -> list[Piece]:
            nonlocal written
            if translator.finished:
                return []
            chunks = self._chunks(translator, answer.parse(line))
            for chunk in chunks:
                answer.patience.begun = answer.patience.begun or has_content(chunk)
                if not call.request.stream:
                    whole.add(chunk)
                    written += len(text_of(chunk))
                if unseen and written > most_characters(unseen):
                    raise past_limit(self.name)
            if translator.finished:
                self._check(call, translator.usage, loading)
            if not call.request.stream:
                chunks = [whole.completion()] if translator.finished else []
            return [Piece(chunk, translator.usage, timing=translator.timing) for chunk in chunks]

        async with aclosing(answer.lines(read)) as batches:
            async for batch in batches:
                yield batch
                if translator.finished:
                    break
        if not translator.finished:
            raise self._failures.protocol("ended the answer in the middle")

    def _chunks(self, translator: AnswerTranslator, line: JsonObject) -> list[JsonObject]:
        if line.get("error"):
            raise self._failures.reported(line["error"])
        try:
            return translator.feed(line)
        except NoAnswer as error:
            raise self._failures.protocol(str(error)) from None

    def _check(self, call: UpstreamCall, usage: Usage | None, loading: Loading) -> None:
        """An Ollama from before 0.12 does not know ``truncate``: it cuts, and only the count of tokens shows it."""
        cut = found_cut(call, usage, self._contexts, loading.num_ctx)
        if cut and not call.request.stream:
            raise cut_error(self.name, call.target.model, cut)

    def _translated(self, call: UpstreamCall, loading: Loading) -> JsonObject:
        model = call.target.model
        try:
            return to_ollama(
                in_openais_words(call.request, model, strict=False),
                model,
                loading,
                max_output_tokens=call.output_limit,
                thinks=self._thinks(model) is True,
            )
        except Refused as refused:
            raise self._failures.refused(refused.refusal) from None
        except RecursionError:
            raise self._failures.too_deep() from None

    def _too_long(self, model: str, tokens: int) -> UpstreamError:
        refusal = context_length_exceeded(tokens, self._contexts.context_of(model))
        return self._failures.refused(refusal)

    async def check(self) -> ProviderStatus:
        """Whether it answers."""
        state, detail = "ok", ""
        try:
            patience = Patience(CONNECT_S, CONNECT_S)
            with await self._connections.ask("GET", URL(f"{self._root}/api/version"), self._headers, None, patience):
                pass
        except UpstreamError as error:
            state, detail = "down", error.message
        except (_NoNativeChat, _Unfit):
            pass  # it answers
        return ProviderStatus(self.name, "ollama", self._root, state, detail)

    async def close(self) -> None:
        """Closes the connections."""
        await self._connections.close()
        await self._compatible.close()
