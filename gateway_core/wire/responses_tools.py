"""Tools and tool choice of a Responses request as chat completions have them, and calls on their way back.

Function tools are the same in both. A custom tool, which takes free text, becomes a function with one string ``input``;
the tools of a namespace become functions whose names begin with it. :class:`Tools` knows the way back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject, Refused
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_object

NATIVE = "openai/"
"""Models named so are spoken to in Responses itself, where what chat completions cannot say is possible."""
_HOSTED = ("web_search", "file_search", "code_interpreter", "image_generation", "mcp", "programmatic_tool_calling")
"""Run by OpenAI, dated variants included. Each call costs extra or reads the context again, which nothing reserves."""
_CHOICES = ("none", "auto", "required")
_LONGEST_NAME = 64


@frozen
class Called:
    """What a chat function stands for. ``kind`` is ``function`` or ``custom``."""

    kind: str
    name: str
    namespace: str | None = None


@dataclass(slots=True)
class Tools:
    """The tools of one request: ``chat`` definitions, and what their names stand for."""

    chat: list[JsonObject] = field(default_factory=list)
    names: dict[str, Called] = field(default_factory=dict)

    def called(self, chat_name: str) -> Called:
        """What a call of ``chat_name`` calls; a function of that name where nobody offered it."""
        return self.names.get(chat_name) or Called("function", chat_name)


def wrong(param: str, text: str) -> Refused:
    """The refusal of a request with something wrong in ``param``."""
    return Refused(invalid_request(f"{param}: {text}", param))


def check_native(body: JsonObject, param: str, what: str) -> None:
    """Raises :class:`Refused` for something only OpenAI's own Responses has, unless that is where it goes."""
    model = body.get("model")
    if not isinstance(model, str) or not model.startswith(NATIVE):
        raise wrong(param, f"{what} only exists in OpenAI's own Responses: ask for the model {NATIVE}MODEL")


def chat_name(name: str, namespace: str | None) -> str:
    """The function's name in chat completions, 64 characters at most."""
    full = f"{namespace.rstrip('_')}__{name}" if namespace else name
    if len(full) <= _LONGEST_NAME:
        return full
    return f"{full[: _LONGEST_NAME - 9]}_{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def tools_of(body: JsonObject) -> Tools:
    """The tools of a request. Raises :class:`Refused` for what is malformed or cannot be offered."""
    given = body.get("tools")
    if given is not None and not isinstance(given, list):
        raise wrong("tools", "must be a list")
    tools = Tools()
    for index, tool in enumerate(given or ()):
        _add(tools, body, tool, f"tools[{index}]")
    return tools


def _add(tools: Tools, body: JsonObject, tool: Any, where: str, namespace: str | None = None) -> None:
    if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
        raise wrong(where, "must be an object with a type")
    kind = tool["type"]
    if kind == "namespace":
        inner = tool.get("tools")
        if not isinstance(inner, list):
            raise wrong(f"{where}.tools", "must be a list")
        for index, other in enumerate(inner):
            _add(tools, body, other, f"{where}.tools[{index}]", _name(tool, where))
    elif kind in ("function", "custom"):
        name = chat_name(_name(tool, where), namespace)
        made = _function(tool, where) if kind == "function" else _free_text(tool)
        tools.chat.append({"type": "function", "function": {"name": name, **made}})
        tools.names[name] = Called(kind, tool["name"], namespace)
    else:
        _check_hosted(kind, where)
        if kind == "shell" and as_object(tool.get("environment")).get("type") != "local":
            raise _hosted("shell in a container", where)
        check_native(body, where, f"the tool {kind}")
        tools.chat.append(tool)


def _check_hosted(kind: str, where: str) -> None:
    if kind.startswith(_HOSTED):
        raise _hosted(kind, where)


def _hosted(what: str, where: str) -> Refused:
    text = "is run by OpenAI, which charges for it call by call: the daily limit cannot cover that, so llmgw sends no"
    return wrong(where, f"{what} {text} such tool. Call OpenAI itself for it, or offer a function tool instead")


def _name(tool: JsonObject, where: str) -> str:
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        raise wrong(f"{where}.name", "must be a name")
    return name


def _function(tool: JsonObject, where: str) -> JsonObject:
    if not isinstance(tool.get("parameters", {}), dict | None):
        raise wrong(f"{where}.parameters", "must be a JSON schema object")
    return {key: tool[key] for key in ("description", "parameters", "strict") if tool.get(key) is not None}


def _free_text(tool: JsonObject) -> JsonObject:
    """A custom tool as a function; its grammar, which nothing enforces then, is told in words."""
    form = tool.get("format")
    told = [text for text in (tool.get("description"),) if isinstance(text, str)]
    if isinstance(form, dict) and isinstance(form.get("definition"), str):
        told.append(f"The input must follow this {form.get('syntax', '')} grammar:\n{form['definition']}")
    schema = {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The tool's input, as plain text."}},
        "required": ["input"],
        "additionalProperties": False,
    }
    return {**({"description": "\n\n".join(told)} if told else {}), "parameters": schema}


def choose(body: JsonObject, tools: Tools) -> tuple[list[JsonObject], Any]:
    """The tools to offer and ``tool_choice``, None for the default. Raises :class:`Refused`.

    ``allowed_tools`` leaves only those in the list: that means the same at every provider.
    """
    wish = body.get("tool_choice")
    if wish is None:
        return tools.chat, None
    if isinstance(wish, str):
        if wish not in _CHOICES:
            raise wrong("tool_choice", f"must be one of {', '.join(_CHOICES)}, or name a tool")
        return tools.chat, wish
    if not isinstance(wish, dict) or not isinstance(wish.get("type"), str):
        raise wrong("tool_choice", "must be a string or an object with a type")
    kind = wish["type"]
    if kind == "allowed_tools":
        return _allowed(body, tools, wish), _mode(wish)
    if kind in ("function", "custom"):
        name = _offered(tools, wish, "tool_choice")
        return tools.chat, {"type": "function", "function": {"name": name}}
    _check_hosted(kind, "tool_choice")
    check_native(body, "tool_choice", f"the choice {kind}")
    return tools.chat, "required"


def _mode(wish: JsonObject) -> Any:
    if wish.get("mode") not in ("auto", "required"):
        raise wrong("tool_choice.mode", "must be auto or required")
    return wish["mode"]


def _allowed(body: JsonObject, tools: Tools, wish: JsonObject) -> list[JsonObject]:
    listed = wish.get("tools")
    if not isinstance(listed, list) or not listed:
        raise wrong("tool_choice.tools", "must be a list of tools")
    names, kinds = set(), set()
    for index, tool in enumerate(listed):
        where = f"tool_choice.tools[{index}]"
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
            raise wrong(where, "must be an object with a type")
        if tool["type"] in ("function", "custom"):
            names.add(_offered(tools, tool, where))
        else:
            _check_hosted(tool["type"], where)
            check_native(body, where, f"the tool {tool['type']}")
            kinds.add(tool["type"])
    return [
        tool
        for tool in tools.chat
        if (tool["function"]["name"] in names if tool["type"] == "function" else tool["type"] in kinds)
    ]


def _offered(tools: Tools, wish: JsonObject, where: str) -> str:
    """The chat name of a tool that is chosen by name."""
    name = _name(wish, where)
    for chat, called in tools.names.items():
        if called.name == name and called.kind == wish["type"]:
            return chat
    raise wrong(where, f"there is no {wish['type']} tool {name!r} among the tools")
