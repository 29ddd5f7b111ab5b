"""Every address of the gateway, as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1)."""

from __future__ import annotations

from collections.abc import Mapping

from gateway_core.cache.browse import MOST_ROWS as MOST_CACHED
from gateway_core.cache_entries import KINDS
from gateway_core.choices import BY, CACHE_ORDERS, LEVELS, SORTS
from gateway_core.commands import ArgumentsOf
from gateway_core.event_log import CAPACITY
from gateway_core.frozen import frozen
from gateway_core.gateway import VERSION
from gateway_core.http import openapi_bodies as bodies
from gateway_core.http.openapi_bodies import TEXT, Schema
from gateway_core.model import JsonObject, Tier
from gateway_core.request_search import MOST_ROWS
from gateway_core.routing_view import LONGEST_PROMPT
from gateway_core.whatif_values import MOST_DAYS

JSON = "application/json"
EVENTS = "text/event-stream"


@frozen
class Endpoint:
    """One method of one path. ``query`` are its parameters by name; ``gives`` are the types of its answer."""

    summary: str
    query: Mapping[str, Schema] | None = None
    body: Schema | None = None
    gives: tuple[str, ...] = (JSON,)
    required: tuple[str, ...] = ()
    """Parameters of the query that must be there."""


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _number(low: int, high: int | None = None) -> Schema:
    return {"type": "integer", "minimum": low, **({} if high is None else {"maximum": high})}


_ON_OFF = _one_of("on", "off")
_STREAMED = (JSON, EVENTS)
_ORDERS = tuple(f"{sign}{name}" for name in (*SORTS, "oldest") for sign in ("", "-"))
ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("post", "/v1/chat/completions"): Endpoint("OpenAI's chat completions.", body=bodies.CHAT, gives=_STREAMED),
    ("post", "/v1/messages"): Endpoint("Anthropic's Messages.", body=bodies.MESSAGES, gives=_STREAMED),
    ("post", "/v1/messages/count_tokens"): Endpoint("Input tokens of a Messages request.", body=bodies.COUNT),
    ("post", "/v1/responses"): Endpoint("OpenAI's Responses.", body=bodies.RESPONSES, gives=_STREAMED),
    ("get", "/v1/responses/{id}"): Endpoint("A kept response.", {"stream": _one_of("false")}),
    ("delete", "/v1/responses/{id}"): Endpoint("Forgets a kept response."),
    ("get", "/v1/responses/{id}/input_items"): Endpoint(
        "What a kept response answered.",
        {"order": _one_of("asc", "desc"), "after": TEXT, "limit": _number(1, 100)},
    ),
    ("post", "/v1/embeddings"): Endpoint("OpenAI's embeddings.", body=bodies.EMBEDDINGS),
    ("get", "/v1/models"): Endpoint("The models, in OpenAI's or, to `anthropic-version`, Anthropic's format."),
    ("get", "/v1/models/{name}"): Endpoint("One model."),
    ("get", "/v1/catalog"): Endpoint("The models as OpenClaw's clawrouter plugin reads them."),
    ("get", "/v1/usage"): Endpoint("Today's use as OpenClaw's clawrouter plugin reads it."),
    ("get", "/health"): Endpoint("Whether the gateway lives; needs no key."),
    ("get", "/metrics"): Endpoint("Counters and gauges for Prometheus.", gives=("text/plain",)),
    ("get", "/openapi.json"): Endpoint("This document."),
    ("get", "/api/status"): Endpoint("The gateway in a few words."),
    ("get", "/api/metrics"): Endpoint("Today's counts and sums."),
    ("get", "/api/budget"): Endpoint("Today's spend against the limits, in US dollars."),
    ("get", "/api/snapshot"): Endpoint("What the control centre draws, or what changed of it.", {"since": TEXT}),
    ("get", "/api/events"): Endpoint("What happens, as server-sent events.", {"without": TEXT}, gives=(EVENTS,)),
    ("get", "/api/requests"): Endpoint(
        "The request log, page by page.",
        {"limit": _number(1, MOST_ROWS), "q": TEXT, "sort": _one_of(*_ORDERS), "cursor": TEXT},
    ),
    ("get", "/api/requests/{id}"): Endpoint("Everything of one request."),
    ("get", "/api/requests/{id}/upstream"): Endpoint("A request and its answer as they were on the wire."),
    ("get", "/api/requests/{id}/left-out"): Endpoint("What compaction left out of a request.", {"mark": TEXT}),
    ("get", "/api/requests/{id}/replays"): Endpoint("What running a request again would cost."),
    ("get", "/api/replays/{id}"): Endpoint("How far a replay has come."),
    ("get", "/api/log"): Endpoint(
        "The log, newest first.",
        {
            "level": _one_of("", *LEVELS),
            "q": {"type": "string", "maxLength": 400},
            "after": _number(0),
            "limit": _number(1, CAPACITY),
        },
    ),
    ("get", "/api/spend"): Endpoint(
        "What was spent and saved in a period.",
        {"period": TEXT, "by": _one_of(*BY), "format": _one_of("json", "csv")},
        gives=(JSON, "text/csv"),
    ),
    ("get", "/api/whatif"): Endpoint(
        "What another policy would have cost.",
        {
            "days": _number(1, MOST_DAYS),
            "premium_share": {"type": "number", "minimum": 0, "maximum": 100},
            "local_model": TEXT,
            "all": _one_of(*(tier.value for tier in Tier)),
            "cache": _ON_OFF,
            "prompt_cache": _ON_OFF,
            "anew": _one_of("1"),
        },
    ),
    ("get", "/api/cache/entries"): Endpoint(
        "Cached answers, page by page.",
        {
            "limit": _number(1, MOST_CACHED),
            "q": TEXT,
            "order": _one_of(*CACHE_ORDERS),
            "kind": _one_of("all", *KINDS),
            "before": TEXT,
        },
    ),
    ("get", "/api/cache/entries/{id}"): Endpoint("One cached answer."),
    ("get", "/api/cache/hits"): Endpoint(
        "The newest requests that a cache answered.", {"limit": _number(1, MOST_CACHED)}
    ),
    ("get", "/api/local/models"): Endpoint("The local server and its models."),
    ("get", "/api/local/fit"): Endpoint(
        "Whether a model would fit into memory.",
        {"model": {"type": "string", "minLength": 1, "maxLength": 200}},
        required=("model",),
    ),
    ("get", "/api/settings"): Endpoint("The settings in force, secrets masked."),
    ("get", "/api/routing"): Endpoint("Who serves each tier, and the newest decisions."),
    ("post", "/api/routing/trial"): Endpoint(
        "Where a prompt would go, without sending it.",
        body=bodies.taken({"prompt": {"type": "string", "maxLength": LONGEST_PROMPT}}, "prompt"),
    ),
    ("get", "/api/routing/learning"): Endpoint("What the router learned from labels."),
    ("get", "/api/routing/labels"): Endpoint("The labels in force, as lines of JSON.", gives=("application/jsonl",)),
    ("post", "/admin/kill-switch"): Endpoint("The kill switch.", {"action": _one_of("enable", "disable", "status")}),
}


def make_document(commands: Mapping[str, ArgumentsOf]) -> JsonObject:
    """The document; each of ``commands`` is an address of its own in it, with the schema of its arguments."""
    paths: JsonObject = {}
    for (method, path), endpoint in {**ENDPOINTS, **_commands(commands)}.items():
        paths.setdefault(path, {})[method] = _operation(path, endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "llmgw", "version": VERSION, "description": "A gateway to language models."},
        "paths": paths,
        "security": [{"bearer": []}, {"x-api-key": []}],
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": {"Error": bodies.OPENAI_ERROR, "AnthropicError": bodies.ANTHROPIC_ERROR},
        },
    }


def _commands(commands: Mapping[str, ArgumentsOf]) -> dict[tuple[str, str], Endpoint]:
    return {
        ("post", f"/api/commands/{name}"): Endpoint(found.summary, body=found.schema)
        for name, found in commands.items()
    }


def _operation(path: str, endpoint: Endpoint) -> JsonObject:
    kind = "AnthropicError" if path.startswith("/v1/messages") else "Error"
    in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    made: JsonObject = {
        "summary": endpoint.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}} for name in in_path),
            *(
                {"name": name, "in": "query", "required": name in endpoint.required, "schema": schema}
                for name, schema in (endpoint.query or {}).items()
            ),
        ],
        "responses": {
            "200": {"description": "Done.", "content": {kind: {} for kind in endpoint.gives}},
            "default": {
                "description": "Refused, and why.",
                "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{kind}"}}},
            },
        },
    }
    if path == "/health":
        made["security"] = []
    if path.startswith("/api/commands/"):
        result = bodies.taken({"ok": {"type": "boolean"}, "message": TEXT}, "ok", "message")
        made["responses"]["400"] = {
            "description": "Not done, and why.",
            "content": {JSON: {"schema": {"anyOf": [result, bodies.OPENAI_ERROR]}}},
        }
    if endpoint.body is not None:
        needed = bool(endpoint.body.get("required"))
        made["requestBody"] = {"required": needed, "content": {JSON: {"schema": endpoint.body}}}
    return made
