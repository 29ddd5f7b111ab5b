"""Whether a completion is an answer at all: not empty, and its tool calls are calls of tools that there are.

Small local models write calls as text, with names that do not exist or JSON that does not parse. What is certain is put
right here; the rest is named, so that another model may be asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_object, as_objects
from gateway_core.wire.openai_chat import finish_reason, first_choice
from gateway_core.wire.tool_schema import Misfit, fit

if TYPE_CHECKING:
    import regex  # type: ignore[import-untyped]

EMPTY = "gave an empty answer"
CALL_HEAD = 200
"""Characters after which it is decided whether a text is a tool call."""
_CALL_BEGINS = (
    r"(?:```(?:json|tool_call|tool_code)?\s{0,8})?"
    r"(?:<tool_call>|<function=|<\|python_tag\|>|\[TOOL_CALLS\]"
    r"|\[?\s{0,8}\{\s{0,8}\"(?:name|function|tool|tool_name|tool_calls|type|arguments|parameters)\"\s{0,8}:)"
)
"""How the calls begin that models write into their text: Hermes and Qwen, Llama 3, Mistral, and bare JSON
(vLLM's tool parsers, 2026-11)."""
_NAMES = ("name", "function", "tool", "tool_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input")

Tools = Mapping[str, Any]
"""The tools a request offers: each one's JSON schema by its name."""


@frozen
class Examined:
    """What a look at a completion gave.

    ``flaw`` completes "NAME …" and is empty for a sound answer. ``usable`` says that a client can take the answer
    nevertheless. ``repairs`` are what was put right in ``completion``.
    """

    completion: JsonObject
    flaw: str = ""
    usable: bool = True
    repairs: tuple[str, ...] = ()


def tools_of(body: JsonObject) -> Tools:
    """The function tools of a request's body."""
    functions = [as_object(tool.get("function")) for tool in as_objects(body.get("tools"))]
    return {
        function["name"]: function.get("parameters") for function in functions if isinstance(function.get("name"), str)
    }


def may_be_call(text: str) -> bool:
    """Whether ``text``, the beginning of an answer, may become a tool call that is written as text."""
    head = text.lstrip()[:CALL_HEAD]
    if not head:
        return True
    found = _call_begins().match(head, partial=True)
    return found is not None and not (found.partial and len(head) == CALL_HEAD)


@cache
def _call_begins() -> regex.Pattern[str]:
    """The ``regex`` package knows what may yet become a match, ``re`` does not."""
    import regex

    return regex.compile(_CALL_BEGINS)


def is_empty(completion: JsonObject) -> bool:
    """Whether the model said that it has finished, and has said nothing."""
    choice = first_choice(completion) or {}
    message = as_object(choice.get("message"))
    if _has_text(message.get("content")) or _has_text(message.get("refusal")) or message.get("tool_calls"):
        return False
    more = [name for name in ("audio", "images", "function_call", "untranslated_blocks") if message.get(name)]
    return not more and finish_reason(completion) in (None, "stop", "tool_calls")


def examine(completion: JsonObject, tools: Tools) -> Examined:
    """Looks at a whole completion, and puts right what is certain."""
    if is_empty(completion):
        return Examined(completion, EMPTY)
    message = _message(completion)
    if finish_reason(completion) == "length":
        return Examined(completion)
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        return _examined_calls(completion, calls, tools)
    content = message.get("content")
    if tools and isinstance(content, str) and may_be_call(content):
        return _examined_text(completion, content, tools)
    return Examined(completion)


def _examined_calls(completion: JsonObject, calls: list[Any], tools: Tools) -> Examined:
    fixed: list[JsonObject] = []
    repairs: list[str] = []
    flaw, usable = "", True
    ids: set[str] = set()
    for index, call in enumerate(calls):
        if call.get("type", "function") != "function":
            fixed.append(call)
            continue
        function = call["function"]
        arguments = function.get("arguments") or ""
        try:
            name = _right_name(str(function.get("name", "")), tools)
            right = _right_arguments(arguments, tools[name])
        except _Wrong as wrong:
            flaw = flaw or f"called a tool wrongly: {wrong.what}"
            usable = usable and wrong.usable
            fixed.append(call)
            continue
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id or call_id in ids:
            call_id = f"call_{index}_{len(ids)}"
            repairs.append(f"gave the call of {name} an id")
        ids.add(call_id)
        if (name, right) != (function.get("name"), arguments):
            repairs.append(f"put the call of {name} right")
        fixed.append({**call, "id": call_id, "function": {**function, "name": name, "arguments": right}})
    if not repairs:
        return Examined(completion, flaw, usable)
    return Examined(_with_message(completion, tool_calls=fixed), flaw, usable, tuple(repairs))


class _Wrong(Exception):
    def __init__(self, what: str, *, usable: bool) -> None:
        super().__init__(what)
        self.what = what
        self.usable = usable


def _right_name(name: str, tools: Tools) -> str:
    for candidate in (name, name.strip(), name.strip().removeprefix("functions.")):
        if candidate in tools:
            return candidate
    raise _Wrong(f"there is no tool {name[:64]!r}", usable=bool(name))


def _right_arguments(arguments: str, schema: Any) -> str:
    """The arguments as JSON text; unchanged where they were right."""
    value, changed = _read(arguments)
    if value is None and not _requires(schema):
        value, changed = {}, True
    if isinstance(value, str):  # JSON within JSON
        value, changed = _read(value)[0], True
    if not isinstance(value, dict):
        raise _Wrong("its arguments are no JSON object", usable=False)
    try:
        fitted = fit(value, schema)
    except Misfit as misfit:
        raise _Wrong(str(misfit), usable=True) from None
    if changed or not _same(fitted, value):
        return json.dumps(fitted, ensure_ascii=False)
    return arguments


def _read(text: str) -> tuple[Any, bool]:
    """The JSON value of a text, and whether it had to be mended: a comma too many before the last bracket."""
    stripped = text.strip()
    if not stripped:
        return None, True
    try:
        return orjson.loads(stripped), False
    except orjson.JSONDecodeError:
        pass
    body = stripped[:-1].rstrip()
    if stripped[-1] == "}" and body.endswith(","):
        try:
            return orjson.loads(body[:-1] + "}"), True
        except orjson.JSONDecodeError:
            pass
    raise _Wrong("its arguments do not parse as JSON", usable=False)


def _requires(schema: Any) -> bool:
    """Whether the schema may ask for an argument."""
    if not isinstance(schema, dict):
        return False
    return bool(schema.get("required")) or any(key in schema for key in ("allOf", "anyOf", "oneOf", "$ref"))


def _same(one: Any, other: Any) -> bool:
    """Equal, with 1 and True and "1" told apart."""
    return repr(one) == repr(other)


# --- calls written as text -----------------------------------------------------------------------------------------


def _examined_text(completion: JsonObject, content: str, tools: Tools) -> Examined:
    """An answer whose text is a call. Where it stands in the model's own marks and fits, it is made one."""
    text = content.strip()
    marked = text.startswith(("<tool_call>", "<function=", "<|python_tag|>", "[TOOL_CALLS]"))
    calls = list(_written_calls(text, tools))
    if not calls:
        return Examined(completion, "wrote a tool call that cannot be read" if marked else "")
    flaw = "wrote a tool call as text"
    if not marked:
        return Examined(completion, flaw)
    made = [
        {"id": f"call_{index}_text", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for index, (name, arguments) in enumerate(calls)
    ]
    right = _examined_calls(completion, made, tools)
    if right.flaw:
        return Examined(completion, flaw)
    calls_of = _message(right.completion).get("tool_calls") if right.repairs else made
    changed = _with_message(completion, finish="tool_calls", content=None, tool_calls=calls_of)
    return Examined(changed, flaw, repairs=("made a call of the text",))


def _written_calls(text: str, tools: Tools) -> Iterator[tuple[str, JsonObject]]:
    """Name and arguments of each call in the text; nothing where any of it is none."""
    found: list[tuple[str, JsonObject]] = []
    for part in _parts(text):
        try:
            value = orjson.loads(part)
        except orjson.JSONDecodeError:
            return
        if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
            value = value["tool_calls"]
        for item in value if isinstance(value, list) else [value]:
            call = _call_in(item, tools)
            if call is None:
                return
            found.append(call)
    yield from found


def _parts(text: str) -> Iterator[str]:
    if text.startswith("```"):
        text = text.partition("\n")[2].strip().removesuffix("```").strip()
    if text.startswith("<tool_call>"):
        for part in text.split("<tool_call>")[1:]:
            yield part.partition("</tool_call>")[0]
    elif text.startswith("<function="):
        name, _, rest = text.removeprefix("<function=").partition(">")
        arguments = rest.partition("</function>")[0].strip() or "{}"
        yield f'{{"name": {json.dumps(name.strip())}, "arguments": {arguments}}}'
    else:
        yield text.removeprefix("<|python_tag|>").removeprefix("[TOOL_CALLS]")


def _call_in(item: Any, tools: Tools) -> tuple[str, JsonObject] | None:
    if isinstance(item, dict) and isinstance(item.get("function"), dict):
        item = item["function"]
    if not isinstance(item, dict):
        return None
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), "")
    arguments: Any = next((item[key] for key in _ARGUMENTS if key in item), {} if len(item) == 1 else None)
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return None
    return (name, arguments) if name in tools and isinstance(arguments, dict) else None


def _message(completion: JsonObject) -> JsonObject:
    return as_object((first_choice(completion) or {}).get("message"))


def _has_text(content: Any) -> bool:
    return bool(content.strip()) if isinstance(content, str) else bool(content)


def _with_message(completion: JsonObject, finish: str | None = None, **changes: Any) -> JsonObject:
    choice = first_choice(completion) or {}
    changed = {**choice, "message": {**_message(completion), **changes}}
    if finish:
        changed["finish_reason"] = finish
    return {**completion, "choices": [changed]}
