"""A question of the gateway's own to a model, beside the callers' requests."""

from __future__ import annotations

from gateway_core.model import ApiKind, ChatRequest, ClientView, JsonObject, Lane, Target
from gateway_core.providers.base import UpstreamCall
from gateway_core.wire.json_values import as_object
from gateway_core.wire.openai_chat import first_choice
from gateway_core.wire.tokens import measure


def side_question(
    request_id: str, at: float, target: Target, instruction: str, text: str, most_tokens: int, **more: object
) -> UpstreamCall:
    """A call with one instruction and one text, not streamed; ``more`` are further fields of its body."""
    body: JsonObject = {
        "model": target.model,
        "messages": [{"role": "system", "content": instruction}, {"role": "user", "content": text}],
        "max_tokens": most_tokens,
        **more,
    }
    view = ClientView(
        client="llmgw",
        session=None,
        lane=Lane.BACKGROUND,
        user_text=text,
        system_text=instruction,
        messages=tuple(body["messages"]),
        in_tool_loop=False,
        purpose="judge",
    )
    request = ChatRequest(
        id=request_id,
        received_at=at,
        caller="llmgw",
        body=body,
        model=target.model,
        stream=False,
        view=view,
        size=measure(body),
        api=ApiKind.CHAT,
    )
    return UpstreamCall(request, target, most_tokens)


def words_of(completion: JsonObject) -> str:
    """The text of an answer."""
    content = as_object((first_choice(completion) or {}).get("message")).get("content")
    return content if isinstance(content, str) else ""
