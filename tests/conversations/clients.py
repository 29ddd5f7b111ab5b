"""The three protocols' real SDKs as clients of one conversation. Each keeps its history in its own protocol's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import anthropic
import openai

from tests.conversations.script import Conversation, Part, Result, Said
from tests.fakes.script import JsonObject

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSVFT0YK"


@dataclass
class Seen:
    """What a client made of one answer."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, JsonObject], ...] = ()
    finish: str = ""
    cost_usd: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    error: str | None = None
    status: int | None = None


class Client(Protocol):
    """One client in one conversation."""

    def user(self, content: str | tuple[Part, ...]) -> None: ...
    def developer(self, text: str) -> None: ...
    def assistant(self, said: Said) -> None: ...
    def results(self, results: tuple[Result, ...]) -> None: ...
    def start_over(self) -> None: ...

    async def ask(self, *, stream: bool, leave: bool = False) -> Seen:
        """Sends the conversation so far, and keeps what comes for the next turn."""
        ...

    async def close(self) -> None: ...


def _failed(error: openai.APIError | anthropic.APIError, seen: Seen) -> Seen:
    """A refusal or a stream that says why it ends."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    seen.error = str(inner.get("code") or inner.get("type"))
    seen.status = getattr(error, "status_code", None)
    return seen


class ChatClient:
    """OpenAI's chat completions through the openai SDK."""

    def __init__(self, base_url: str, key: str, model: str, conversation: Conversation) -> None:
        self._sdk = openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0)
        self._talk = conversation
        self._model = model
        self.start_over()

    def start_over(self) -> None:
        self._messages: list[Any] = [{"role": "system", "content": text} for text in self._talk.systems]
        self._open: list[str] = []

    def user(self, content: str | tuple[Part, ...]) -> None:
        parts = content if isinstance(content, str) else [_chat_part(part) for part in content]
        self._messages.append({"role": "user", "content": parts})

    def developer(self, text: str) -> None:
        self._messages.append({"role": "developer", "content": text})

    def assistant(self, said: Said) -> None:
        message: JsonObject = {"role": "assistant", "content": said.text or None}
        self._open = [f"call_past_{len(self._messages)}_{index}" for index in range(len(said.calls))]
        if said.calls:
            message["tool_calls"] = [
                {"id": made, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for made, (name, arguments) in zip(self._open, said.calls, strict=True)
            ]
        self._messages.append(message)

    def results(self, results: tuple[Result, ...]) -> None:
        for made, result in zip(self._open, results, strict=True):
            content: Any = result.text
            if result.image:
                content = [{"type": "text", "text": result.text}, _chat_part(Part(image=result.image))]
            self._messages.append({"role": "tool", "tool_call_id": made, "content": content})

    def _options(self) -> JsonObject:
        talk = self._talk
        options: JsonObject = {"max_completion_tokens": talk.max_tokens}
        if talk.tools:
            options["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in talk.tools]
        if talk.tool_choice:
            named = {"type": "function", "function": {"name": talk.tool_choice}}
            options["tool_choice"] = talk.tool_choice if talk.tool_choice in ("none", "required") else named
        if talk.format:
            schema = {"name": talk.format["name"], "schema": talk.format["schema"], "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        optional = {
            "parallel_tool_calls": talk.parallel,
            "stop": list(talk.stop) or None,
            "reasoning_effort": talk.effort,
            "user": talk.user_id,
            "temperature": talk.temperature,
        }
        return {**options, **{name: value for name, value in optional.items() if value is not None}}

    async def ask(self, *, stream: bool, leave: bool = False) -> Seen:
        seen = Seen()
        options = {"model": self._model, "messages": self._messages, **self._options()}
        try:
            if stream:
                message = await self._streamed(options, seen, leave)
            else:
                whole = await self._sdk.chat.completions.create(**options)
                choice = whole.choices[0]
                seen.finish = choice.finish_reason
                message = choice.message.model_dump(exclude_none=True)
                _count(seen, whole.usage)
        except openai.APIError as error:
            return _failed(error, seen)
        message.setdefault("content", None)
        self._messages.append(message)
        seen.text = message.get("content") or ""
        if seen.finish == "content_filter":
            seen.finish = "refusal"
        seen.reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        calls = message.get("tool_calls") or []
        self._open = [call["id"] for call in calls]
        seen.calls = tuple((call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls)
        return seen

    async def _streamed(self, options: JsonObject, seen: Seen, leave: bool) -> JsonObject:
        message: JsonObject = {"role": "assistant"}
        calls: dict[int, JsonObject] = {}
        async with await self._sdk.chat.completions.create(**options, stream=True) as chunks:
            async for chunk in chunks:
                if chunk.usage:
                    _count(seen, chunk.usage)
                for choice in chunk.choices:
                    seen.finish = choice.finish_reason or seen.finish
                    _merge(message, choice.delta.model_dump(exclude_none=True), calls)
                seen.text = message.get("content") or ""
                if leave and seen.text:
                    break
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        return message

    async def close(self) -> None:
        await self._sdk.close()


def _merge(message: JsonObject, delta: JsonObject, calls: dict[int, JsonObject]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            for piece in value:
                call = calls.setdefault(piece["index"], {"type": "function", "function": {"name": "", "arguments": ""}})
                if piece.get("id"):
                    call["id"] = piece["id"]
                for part, text in (piece.get("function") or {}).items():
                    call["function"][part] += text
        elif name == "role":
            message[name] = value
        elif isinstance(value, str):
            message[name] = message.get(name, "") + value
        else:
            message[name] = [*message.get(name, []), *value] if isinstance(value, list) else value


def _count(seen: Seen, usage: Any) -> None:
    counted = usage.model_dump()
    seen.cost_usd = counted.get("cost")
    seen.input_tokens = counted.get("prompt_tokens", counted.get("input_tokens")) or 0
    seen.output_tokens = counted.get("completion_tokens", counted.get("output_tokens")) or 0


def _chat_part(part: Part) -> JsonObject:
    if part.image:
        url = f"data:image/png;base64,{PNG}" if part.image == "png" else part.image
        return {"type": "image_url", "image_url": {"url": url}}
    if part.file:
        file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
        return {"type": "file", "file": file}
    return {"type": "text", "text": part.text or ""}


class MessagesClient:
    """Anthropic's Messages through the anthropic SDK."""

    def __init__(self, base_url: str, key: str, model: str, conversation: Conversation) -> None:
        self._sdk = anthropic.AsyncAnthropic(base_url=base_url, api_key=key, max_retries=0)
        self._talk = conversation
        self._model = model
        self.start_over()

    def start_over(self) -> None:
        self._messages: list[Any] = []
        self._open: list[str] = []

    def _say(self, role: str, blocks: list[JsonObject]) -> None:
        if self._messages and self._messages[-1]["role"] == role:
            self._messages[-1]["content"] += blocks
        else:
            self._messages.append({"role": role, "content": blocks})

    def user(self, content: str | tuple[Part, ...]) -> None:
        parts = (Part(text=content),) if isinstance(content, str) else content
        self._say("user", [_block(part) for part in parts])

    def developer(self, text: str) -> None:
        raise AssertionError("Messages have no developer")

    def assistant(self, said: Said) -> None:
        blocks: list[JsonObject] = [{"type": "text", "text": said.text}] if said.text else []
        self._open = [f"toolu_past_{len(self._messages)}_{index}" for index in range(len(said.calls))]
        blocks += [
            {"type": "tool_use", "id": made, "name": name, "input": arguments}
            for made, (name, arguments) in zip(self._open, said.calls, strict=True)
        ]
        self._say("assistant", blocks)

    def results(self, results: tuple[Result, ...]) -> None:
        blocks: list[JsonObject] = []
        for made, result in zip(self._open, results, strict=True):
            content: Any = result.text
            if result.image:
                content = [{"type": "text", "text": result.text}, _block(Part(image=result.image))]
            block: JsonObject = {"type": "tool_result", "tool_use_id": made, "content": content}
            blocks.append({**block, "is_error": True} if result.error else block)
        self._say("user", blocks)

    def _options(self) -> JsonObject:
        talk = self._talk
        options: JsonObject = {"max_tokens": talk.max_tokens}
        if talk.systems:
            options["system"] = [{"type": "text", "text": text} for text in talk.systems]
        if talk.tools:
            options["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in talk.tools
            ]
        choice: JsonObject = {"type": "auto"}
        if talk.tool_choice:
            named = {"type": "tool", "name": talk.tool_choice}
            choice = {"none": {"type": "none"}, "required": {"type": "any"}}.get(talk.tool_choice, named)
        if talk.parallel is False:
            choice["disable_parallel_tool_use"] = True
        if talk.tool_choice or talk.parallel is False:
            options["tool_choice"] = choice
        config: JsonObject = {}
        if talk.format:
            config["format"] = {"type": "json_schema", "schema": talk.format["schema"]}
        if talk.effort:
            options["thinking"] = {"type": "adaptive"}
            config["effort"] = talk.effort
        if config:
            options["output_config"] = config
        if talk.stop:
            options["stop_sequences"] = list(talk.stop)
        if talk.user_id:
            options["metadata"] = {"user_id": talk.user_id}
        if talk.temperature is not None:
            options["extra_body"] = {"temperature": talk.temperature}
        return options

    async def ask(self, *, stream: bool, leave: bool = False) -> Seen:
        seen = Seen()
        options = {"model": self._model, "messages": self._messages, **self._options()}
        try:
            if stream:
                async with self._sdk.messages.stream(**options) as events:
                    async for event in events:
                        if event.type == "text":
                            seen.text = event.snapshot
                            if leave:
                                return seen
                        elif event.type == "message_delta":  # the SDK's own sum leaves unknown fields out
                            seen.cost_usd = event.usage.model_dump().get("cost")
                    message = await events.get_final_message()
            else:
                message = await self._sdk.messages.create(**options)
        except anthropic.APIError as error:
            return _failed(error, seen)
        content = [block.model_dump(exclude_none=True) for block in message.content]
        for block in content:
            block.pop("parsed_output", None)
        self._messages.append({"role": "assistant", "content": content})
        seen.text = "".join(block["text"] for block in content if block["type"] == "text")
        seen.reasoning = "".join(block["thinking"] for block in content if block["type"] == "thinking")
        calls = [block for block in content if block["type"] == "tool_use"]
        self._open = [call["id"] for call in calls]
        seen.calls = tuple((call["name"], call["input"]) for call in calls)
        names = {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "tool_calls", "max_tokens": "length"}
        seen.finish = names.get(str(message.stop_reason), str(message.stop_reason))
        usage = message.usage.model_dump()
        read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
        seen.input_tokens = usage["input_tokens"] + (read or 0) + (written or 0)
        seen.output_tokens, seen.cost_usd = usage["output_tokens"], usage.get("cost", seen.cost_usd)
        return seen

    async def close(self) -> None:
        await self._sdk.close()


def _block(part: Part) -> JsonObject:
    if part.image == "png":
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    if part.image:
        return {"type": "image", "source": {"type": "url", "url": part.image}}
    if part.file:
        source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
        return {"type": "document", "source": source}
    return {"type": "text", "text": part.text or ""}


_CODES = {"server_error": "upstream_error"}
"""What a response that failed says, whose codes are a closed list of OpenAI's."""


class ResponsesClient:
    """OpenAI's Responses through the openai SDK."""

    def __init__(self, base_url: str, key: str, model: str, conversation: Conversation) -> None:
        self._sdk = openai.AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0)
        self._talk = conversation
        self._model = model
        self.start_over()

    def start_over(self) -> None:
        self._items: list[Any] = [{"role": "system", "content": text} for text in self._talk.systems[1:]]
        self._open: list[str] = []

    def user(self, content: str | tuple[Part, ...]) -> None:
        parts = content if isinstance(content, str) else [_input_part(part) for part in content]
        self._items.append({"role": "user", "content": parts})

    def developer(self, text: str) -> None:
        self._items.append({"role": "developer", "content": text})

    def assistant(self, said: Said) -> None:
        if said.text:
            self._items.append({"role": "assistant", "content": said.text})
        self._open = [f"call_past_{len(self._items)}_{index}" for index in range(len(said.calls))]
        self._items += [
            {"type": "function_call", "call_id": made, "name": name, "arguments": json.dumps(arguments)}
            for made, (name, arguments) in zip(self._open, said.calls, strict=True)
        ]

    def results(self, results: tuple[Result, ...]) -> None:
        for made, result in zip(self._open, results, strict=True):
            output: Any = result.text
            if result.image:
                output = [{"type": "input_text", "text": result.text}, _input_part(Part(image=result.image))]
            self._items.append({"type": "function_call_output", "call_id": made, "output": output})

    def _options(self) -> JsonObject:
        talk = self._talk
        options: JsonObject = {"max_output_tokens": talk.max_tokens, "store": False}
        if talk.systems:
            options["instructions"] = talk.systems[0]
        if talk.tools:
            options["tools"] = [{"type": "function", "strict": False, **tool.model_dump()} for tool in talk.tools]
        if talk.tool_choice:
            named = {"type": "function", "name": talk.tool_choice}
            options["tool_choice"] = talk.tool_choice if talk.tool_choice in ("none", "required") else named
        if talk.format:
            form = {"type": "json_schema", "name": talk.format["name"], "schema": talk.format["schema"], "strict": True}
            options["text"] = {"format": form}
        if talk.effort:
            options["reasoning"] = {"effort": talk.effort, "summary": "auto"}
            options["include"] = ["reasoning.encrypted_content"]
        optional = {"parallel_tool_calls": talk.parallel, "user": talk.user_id, "temperature": talk.temperature}
        return {**options, **{name: value for name, value in optional.items() if value is not None}}

    async def ask(self, *, stream: bool, leave: bool = False) -> Seen:
        seen = Seen()
        options = {"model": self._model, "input": self._items, **self._options()}
        try:
            if stream:
                response = await self._streamed(options, seen, leave)
            else:
                response = await self._sdk.responses.create(**options)
        except openai.APIError as error:
            return _failed(error, seen)
        if response is None:
            return seen
        if response.error is not None:
            seen.error = _CODES.get(str(response.error.code), str(response.error.code))
            return seen
        output = [item.model_dump(exclude_none=True) for item in response.output]
        self._items += output
        seen.text = response.output_text
        seen.reasoning = "".join(
            part["text"] for item in output if item["type"] == "reasoning" for part in _thoughts(item)
        )
        calls = [item for item in output if item["type"] == "function_call"]
        self._open = [call["call_id"] for call in calls]
        seen.calls = tuple((call["name"], json.loads(call["arguments"])) for call in calls)
        seen.finish = _finish(response, bool(calls))
        if response.usage:
            _count(seen, response.usage)
        return seen

    async def _streamed(self, options: JsonObject, seen: Seen, leave: bool) -> Any:
        response: Any = None
        async with await self._sdk.responses.create(**options, stream=True) as events:
            async for event in events:
                if event.type == "response.output_text.delta":
                    seen.text += event.delta
                    if leave:
                        return None
                elif event.type == "error":
                    seen.error = event.code
                    return None
                elif event.type in ("response.completed", "response.incomplete", "response.failed"):
                    response = event.response
        assert response is not None, "the stream ended without a word"
        return response

    async def close(self) -> None:
        await self._sdk.close()


def _thoughts(item: JsonObject) -> list[JsonObject]:
    return list(item.get("summary") or item.get("content") or [])


def _finish(response: Any, calls: bool) -> str:
    if response.status == "incomplete":
        return {"max_output_tokens": "length", "content_filter": "refusal"}[response.incomplete_details.reason]
    return "tool_calls" if calls else "stop"


def _input_part(part: Part) -> JsonObject:
    if part.image:
        url = f"data:image/png;base64,{PNG}" if part.image == "png" else part.image
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    if part.file:
        return {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    return {"type": "input_text", "text": part.text or ""}


CLIENTS: dict[str, Callable[[str, str, str, Conversation], Client]] = {
    "chat": ChatClient,
    "messages": MessagesClient,
    "responses": ResponsesClient,
}
