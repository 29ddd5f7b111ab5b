"""JSON schemas of what the endpoints of the model APIs take: the fields that llmgw reads. It hands on the others."""

from __future__ import annotations

from gateway_core.model import JsonObject, Tier
from gateway_core.wire.embeddings import MOST_DIMENSIONS, MOST_INPUTS
from gateway_core.wire.validation import LARGEST_LIMIT

Schema = JsonObject
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": ["boolean", "null"]}
OBJECT: Schema = {"type": "object"}
_MODEL: Schema = {"type": "string", "minLength": 1, "maxLength": 256, "examples": ["gateway-auto"]}
_LIMIT: Schema = {"type": ["integer", "null"], "minimum": 1, "maximum": LARGEST_LIMIT}
_POSITIVE: Schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT}
_STOPS: Schema = {"type": ["array", "null"], "items": TEXT}
_WORD: Schema = {"type": ["string", "null"]}
_OBJECT: Schema = {"type": ["object", "null"]}
_EXTRAS: Schema = {
    "force_tier": {"enum": [*(tier.value for tier in Tier), None]},
    "context": {"type": ["string", "object", "null"]},
    "idempotency_key": {"type": "string", "minLength": 1},
}


def _number(most: float) -> Schema:
    return {"type": ["number", "null"], "minimum": 0, "maximum": most}


def listed(items: Schema) -> Schema:
    """A list of at least one."""
    return {"type": "array", "minItems": 1, "items": items}


def taken(properties: Schema, *required: str) -> Schema:
    """An object of these fields, and of others that are handed on."""
    return {"type": "object", "properties": properties, "required": list(required)}


def _content(kinds: Schema) -> Schema:
    return {"anyOf": [TEXT, {"type": "array", "items": kinds}]}


_TYPED: Schema = taken({"type": TEXT}, "type")
_TOOLS: Schema = {"type": ["array", "null"], "items": _TYPED}

CHAT: Schema = taken(
    {
        "model": _MODEL,
        "messages": listed(
            taken(
                {
                    "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
                    "content": {"anyOf": [TEXT, {"type": "array", "items": _TYPED}, {"type": "null"}]},
                    "tool_calls": _TOOLS,
                    "tool_call_id": TEXT,
                },
                "role",
            )
        ),
        "stream": FLAG,
        "stream_options": _OBJECT,
        "max_tokens": _LIMIT,
        "max_completion_tokens": _LIMIT,
        "temperature": _number(2),
        "top_p": _number(1),
        "n": {"enum": [1, None]},
        "stop": {"anyOf": [TEXT, _STOPS]},
        "tools": _TOOLS,
        "tool_choice": {"anyOf": [{"enum": ["none", "auto", "required", None]}, _TYPED]},
        "parallel_tool_calls": FLAG,
        "response_format": {"anyOf": [_TYPED, {"type": "null"}]},
        "reasoning_effort": _WORD,
        "user": _WORD,
        **_EXTRAS,
    },
    "model",
    "messages",
)
_MESSAGES_FIELDS: Schema = {
    "model": _MODEL,
    "messages": listed(
        taken({"role": {"enum": ["user", "assistant", "system"]}, "content": _content(_TYPED)}, "role", "content")
    ),
    "system": {"anyOf": [_content(taken({"type": {"const": "text"}, "text": TEXT}, "type", "text")), {"type": "null"}]},
    "stream": FLAG,
    "temperature": _number(1),
    "top_p": _number(1),
    "top_k": {"type": ["integer", "null"], "minimum": 0},
    "stop_sequences": _STOPS,
    "tools": {"type": ["array", "null"], "items": OBJECT},
    "tool_choice": {"anyOf": [taken({"type": {"enum": ["auto", "any", "tool", "none"]}}, "type"), {"type": "null"}]},
    "thinking": _OBJECT,
    "output_config": _OBJECT,
    "metadata": _OBJECT,
    **_EXTRAS,
}
MESSAGES: Schema = taken({**_MESSAGES_FIELDS, "max_tokens": _POSITIVE}, "model", "messages", "max_tokens")
COUNT: Schema = taken(_MESSAGES_FIELDS, "model", "messages")
RESPONSES: Schema = taken(
    {
        "model": _MODEL,
        "input": {"anyOf": [TEXT, listed(OBJECT)]},
        "instructions": _WORD,
        "stream": FLAG,
        "store": FLAG,
        "background": {"enum": [False, None]},
        "previous_response_id": _WORD,
        "max_output_tokens": _LIMIT,
        "temperature": _number(2),
        "top_p": _number(1),
        "tools": _TOOLS,
        "tool_choice": {"anyOf": [{"enum": ["none", "auto", "required", None]}, _TYPED]},
        "parallel_tool_calls": FLAG,
        "text": _OBJECT,
        "reasoning": _OBJECT,
        "include": _STOPS,
        "truncation": {"enum": ["auto", "disabled", None]},
        "metadata": _OBJECT,
        **_EXTRAS,
    },
    "model",
    "input",
)
EMBEDDINGS: Schema = taken(
    {
        "model": _MODEL,
        "input": {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {**listed({"type": "string", "minLength": 1}), "maxItems": MOST_INPUTS},
            ]
        },
        "encoding_format": {"enum": ["float", "base64", None]},
        "dimensions": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_DIMENSIONS},
        "user": _WORD,
    },
    "model",
    "input",
)
OPENAI_ERROR: Schema = taken(
    {"error": taken({"message": TEXT, "type": TEXT, "param": _WORD, "code": TEXT}, "message", "type", "param", "code")},
    "error",
)
ANTHROPIC_ERROR: Schema = taken(
    {
        "type": {"const": "error"},
        "error": taken({"type": TEXT, "message": TEXT, "code": TEXT}, "type", "message", "code"),
        "request_id": _WORD,
    },
    "type",
    "error",
    "request_id",
)
