"""The same request in each of the three protocols of completions."""

from __future__ import annotations

from typing import Any

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
PROTOCOLS = tuple(PATHS)


def asked(protocol: str, text: str, **more: Any) -> dict[str, Any]:
    """The body of a request to the PREMIUM tier."""
    said = [{"role": "user", "content": text}]
    body: dict[str, Any] = {
        "chat": {"messages": said, "max_tokens": 64},
        "messages": {"messages": said, "max_tokens": 64},
        "responses": {"input": text, "max_output_tokens": 64},
    }[protocol]
    return {"model": "gateway-premium", **body, **more}


def is_envelope(protocol: str, body: Any) -> bool:
    """Whether an answer is a refusal in the words of its protocol."""
    error = body.get("error") if isinstance(body, dict) else None
    if (
        not isinstance(error, dict)
        or not isinstance(error.get("message"), str)
        or not isinstance(error.get("code"), str)
    ):
        return False
    if protocol == "messages":
        return body.get("type") == "error" and isinstance(body.get("request_id"), str)
    return set(error) == {"message", "type", "param", "code"} and "type" not in body
