"""Chat completions as requests to Ollama's own ``/api/chat``.

The fields are those of Ollama's ``api/types.go`` (``ChatRequest``, ``Message``, ``ToolCall``; read 2026-11-28), held
against recordings of 0.32.15. Unlike ``/v1`` it takes ``num_ctx``, ``keep_alive`` and ``truncate``, leaves the model's
own temperature alone, and says when a prompt is too long.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject, Refused
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_list, as_object, is_number
from gateway_core.wire.openai_chat import call_arguments

_OPTIONS = ("temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repeat_penalty")
"""Chat fields, and what local servers take beside them, that are options of the same name."""
_WHOLE_OPTIONS = ("seed", "top_k")
"""Options that Ollama answers 400 to unless they are whole numbers."""
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_LEVELS_FAMILY = "gpt-oss"
"""The family that takes levels of thinking; every other model thinks or does not."""


@frozen
class Loading:
    """How the model is to be loaded: another ``num_ctx`` than the one in force reloads it.

    ``keep_alive`` is in seconds, -1 for ever, or a duration in words; None leaves it to Ollama.
    """

    num_ctx: int
    keep_alive: int | str | None = None


def to_ollama(
    body: JsonObject, model: str, loading: Loading, *, max_output_tokens: int | None, thinks: bool
) -> JsonObject:
    """The streamed request. ``thinks`` says that the model has the capability: others answer 400 to ``think``.

    ``truncate`` and ``shift`` are off: a prompt that is too long is answered with 400 instead of being cut, and an
    answer that reaches the end of the context ends with ``length`` instead of dropping the oldest part of the prompt.
    Raises :class:`Refused` for what Ollama cannot take.
    """
    tools, demand = _tools(body)
    request: JsonObject = {
        "model": model,
        "messages": _with_demand(_messages(body.get("messages") or ()), demand),
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": _options(body, loading.num_ctx, max_output_tokens),
    }
    if tools:
        request["tools"] = tools
    if (form := _format(body.get("response_format"))) is not None:
        request["format"] = form
    if thinks and (think := _think(body, model)) is not None:
        request["think"] = think
    if loading.keep_alive is not None:
        request["keep_alive"] = loading.keep_alive
    if body.get("logprobs") is True:
        request["logprobs"] = True
        if isinstance(body.get("top_logprobs"), int):
            request["top_logprobs"] = body["top_logprobs"]
    return request


def _options(body: JsonObject, num_ctx: int, max_output_tokens: int | None) -> JsonObject:
    options: JsonObject = {"num_ctx": num_ctx}
    for name in (*_OPTIONS, "seed"):
        value = body.get(name)
        if is_number(value):
            options[name] = int(value) if name in _WHOLE_OPTIONS else value
    stop = body.get("stop")
    if stop:
        options["stop"] = [stop] if isinstance(stop, str) else stop
    if max_output_tokens is not None:
        options["num_predict"] = max_output_tokens
    return options


def _format(form: Any) -> Any:
    """``json``, or the schema itself; None where the answer may be anything."""
    kind = as_object(form).get("type")
    if kind == "json_object":
        return "json"
    if kind != "json_schema":
        return None
    schema = as_object(form.get("json_schema")).get("schema")
    return schema if isinstance(schema, dict) and schema else "json"


def _think(body: JsonObject, model: str) -> bool | str | None:
    """None where the caller says nothing: then the model does as it is used to."""
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive", "disabled"):
        return bool(thinking["type"] != "disabled")
    effort = body.get("reasoning_effort")
    if not isinstance(effort, str):
        return None
    if effort == "none":
        return False
    return _EFFORTS.get(effort, "medium") if _LEVELS_FAMILY in model else True


def _tools(body: JsonObject) -> tuple[list[Any], str]:
    """The tools, and what the model is told where the caller wants one called.

    Ollama has no ``tool_choice`` (its ``/v1`` ignores it, 0.32.15): a tool that must be called is the only one offered,
    and a line in the system prompt asks for it.
    """
    tools = as_list(body.get("tools"))
    tools = tools or [{"type": "function", "function": function} for function in as_list(body.get("functions"))]
    if any(tool.get("type") != "function" for tool in tools):
        raise Refused(invalid_request("Ollama knows tools of the type 'function' only.", "tools"))
    choice = body.get("tool_choice", body.get("function_call"))
    allowed: Any = None
    if isinstance(choice, dict):
        named = choice.get("function") if choice.get("type") == "function" else choice
        allowed = choice.get("allowed_tools")
        if isinstance(allowed, dict):
            names = [_name(tool) for tool in as_list(allowed.get("tools"))]
            tools = [tool for tool in tools if _name(tool) in names]
            choice = allowed.get("mode")
        elif isinstance(named, dict) and isinstance(name := named.get("name"), str):
            tools = [tool for tool in tools if _name(tool) == name]
            return tools, f"Answer by calling the tool {name}." if tools else ""
    if choice == "none":
        return [], ""
    return tools, "Answer by calling one of the tools." if choice == "required" and tools else ""


def _name(tool: Any) -> Any:
    return as_object(as_object(tool).get("function")).get("name")


def _with_demand(messages: list[JsonObject], demand: str) -> list[JsonObject]:
    """With a line at the end of the first system message, which is the one place that every template has."""
    if not demand:
        return messages
    for index, message in enumerate(messages):
        if message["role"] == "system":
            told = {**message, "content": f"{message['content']}\n\n{demand}"}
            return [*messages[:index], told, *messages[index + 1 :]]
    return [{"role": "system", "content": demand}, *messages]


def _messages(messages: Iterable[JsonObject]) -> list[JsonObject]:
    called: dict[str, str] = {}
    return [_message(message, called) for message in messages]


def _message(message: JsonObject, called: dict[str, str]) -> JsonObject:
    """One message. ``called`` are the names of the tools called so far, by the call's id without underscores."""
    role = message["role"]
    text, images = _content(message.get("content"))
    made: JsonObject = {"role": {"developer": "system", "function": "tool"}.get(role, role), "content": text}
    if images:
        made["images"] = images
    if role == "assistant":
        thought = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(thought, str):
            made["thinking"] = thought
        if not text and isinstance(refusal := message.get("refusal"), str):
            made["content"] = refusal
        if calls := _calls(message, called):
            made["tool_calls"] = calls
    elif made["role"] == "tool":
        call_id = message.get("tool_call_id")
        name = message.get("name") or called.get(_key(call_id))
        if isinstance(name, str):
            made["tool_name"] = name
        if isinstance(call_id, str):
            made["tool_call_id"] = call_id
    return made


def _calls(message: JsonObject, called: dict[str, str]) -> list[JsonObject]:
    calls = list(message.get("tool_calls") or ())
    if not calls and isinstance(legacy := message.get("function_call"), dict):
        calls = [{"id": "", "function": legacy}]
    made = []
    for index, call in enumerate(calls):
        function = call.get("function")
        if not isinstance(function, dict):
            raise Refused(invalid_request("Ollama knows calls of functions only.", "messages"))
        called[_key(call.get("id"))] = str(function.get("name"))
        told = {"index": index, "name": function.get("name"), "arguments": call_arguments(function.get("arguments"))}
        made.append({"id": call.get("id") or "", "function": told})
    return made


def _key(call_id: Any) -> str:
    """OpenClaw hands ids back without their underscores."""
    return call_id.replace("_", "") if isinstance(call_id, str) else ""


def _content(content: Any) -> tuple[str, list[str]]:
    """The text of a message, and its images in base64: a message has one text and one list of images."""
    if not isinstance(content, list):
        return (content if isinstance(content, str) else ""), []
    texts: list[str] = []
    images: list[str] = []
    for part in content:
        kind = part.get("type")
        if kind == "image_url":
            images.append(_image(part.get("image_url")))
        elif kind in ("text", "refusal", "input_text", "output_text"):
            texts.append(str(part.get("text") or part.get("refusal") or ""))
        else:
            raise Refused(
                invalid_request(f"Ollama takes text and images, not a part of the type {kind!r}.", "messages")
            )
    return "\n".join(texts), images


def _image(image: Any) -> str:
    url = image.get("url") if isinstance(image, dict) else image
    scheme, _, rest = str(url).partition(":")
    if scheme != "data":
        raise Refused(
            invalid_request("Ollama fetches no images: send the image as a data: URL instead of a link.", "messages")
        )
    kind, comma, data = rest.partition(",")
    if not comma or not data:
        raise Refused(invalid_request("An image's data: URL has no data.", "messages"))
    return data if kind.endswith(";base64") else b64encode(unquote_to_bytes(data)).decode()
