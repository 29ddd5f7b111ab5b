"""Items of a Responses stream in the making: what has come of each so far, and what it is as a whole."""

from __future__ import annotations

import orjson

from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_object
from gateway_core.wire.responses_items import reasoning_item, refusal_part, seal, text_part
from gateway_core.wire.responses_tools import Called


class ReasoningItem:
    """A reasoning item in the making."""

    def __init__(self, index: int, item_id: str) -> None:
        self.index = index
        self.id = item_id
        self.text: list[str] = []
        self.blocks: list[JsonObject] = []
        self.details: list[JsonObject] = []

    def item(self) -> JsonObject:
        encrypted = self.details[0]["data"] if self.details and not self.blocks else seal(self.blocks)
        return reasoning_item(self.id, "".join(self.text), encrypted)


class MessageItem:
    """A message item in the making; ``kind`` and ``text`` are those of the part that is open."""

    def __init__(self, index: int, item_id: str) -> None:
        self.index = index
        self.id = item_id
        self.parts: list[JsonObject] = []
        self.kind = ""
        self.text: list[str] = []
        self.annotations: list[JsonObject] = []
        self.logprobs: list[JsonObject] = []

    def part(self) -> JsonObject:
        text = "".join(self.text)
        return (
            text_part(text, [*self.annotations], [*self.logprobs]) if self.kind == "output_text" else refusal_part(text)
        )


class CallItem:
    """A tool call in the making. It is announced once its name is known."""

    def __init__(self, item_number: int) -> None:
        self.number = item_number
        self.index: int | None = None
        self.id = ""
        self.call_id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.called = Called("function", "")

    def item(self, status: str) -> JsonObject:
        text = "".join(self.arguments)
        head: JsonObject = {"id": self.id, "call_id": self.call_id, "name": self.called.name}
        if self.called.namespace:
            head["namespace"] = self.called.namespace
        if self.called.kind == "custom":
            return {**head, "type": "custom_tool_call", "input": _free_text(text)}
        return {**head, "type": "function_call", "status": status, "arguments": text}


def _free_text(arguments: str) -> str:
    """The input of a custom tool out of the arguments of the function that stood in for it."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = as_object(value).get("input")
    return text if isinstance(text, str) else arguments
