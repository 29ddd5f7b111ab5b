"""What a Responses request refers to: the turns before it and single items, put into its input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject, Refusal
from gateway_core.store.errors import StoreError
from gateway_core.store.responses import ChainTooLong, KeptResponse, ResponseStore
from gateway_core.wire import errors
from gateway_core.wire.responses_stream import MARK

_LONGEST_TOLD = 100


@frozen
class Recalled:
    """A request's body with all it refers to in ``input``.

    ``own`` is the input of this turn alone. ``kept_by`` names a provider that knows the turns before it too.
    """

    body: JsonObject
    own: Any
    kept_by: str = ""


async def recall(
    store: ResponseStore, caller: str, body: JsonObject, *, keeps: bool, limit_bytes: int
) -> Recalled | Refusal:
    """The body with the items of the turns before, and of ``item_reference``, in its input; or what is missing.

    ``keeps`` is false where the operator keeps nothing. The body itself is left as it is.
    ``limit_bytes`` bounds the turns before, compressed.
    """
    previous = body.get("previous_response_id")
    if not isinstance(previous, str) or not previous or body.get("conversation") is not None:
        previous = None
    own = body.get("input")
    references = [item["id"] for item in own if _refers(item)] if isinstance(own, list) else []
    if previous is None and not references:
        return Recalled(body, own)
    if previous is not None and not keeps:
        return forgotten(previous, keeps)
    try:
        found = await store.items(caller, references) if references else {}
        turns = await store.chain(caller, previous, limit_bytes) if previous else ()
    except StoreError:
        return errors.no_provider("llmgw cannot read its store, so it does not know the turns before.")
    except ChainTooLong:
        return errors.context_length_exceeded()
    if isinstance(turns, str):
        return forgotten(turns, keeps)
    if isinstance(own, list):
        own = [found.get(item["id"], item) if _refers(item) else item for item in own]
    return Recalled(_continued(body, turns, own), own, turns[-1].provider if turns else "")


def _refers(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return False
    return item.get("type") == "item_reference" or set(item) == {"id"}


def _continued(body: JsonObject, turns: tuple[KeptResponse, ...], own: Any) -> JsonObject:
    """``instructions`` of earlier turns are not carried over, as with OpenAI."""
    earlier = [item for turn in turns for item in turn.items]
    made = {name: value for name, value in body.items() if name != "previous_response_id" or not turns}
    if not earlier:
        return {**made, "input": own}
    if isinstance(own, str):
        own = [{"role": "user", "content": own}]
    return {**made, "input": [*earlier, *(own if isinstance(own, list) else ())]}


def forgotten(response_id: str, keeps: bool, *, status: int = 400) -> Refusal:
    """The refusal for a response that is not kept, any more or at all."""
    response_id = response_id[:_LONGEST_TOLD]
    text = f"Previous response with id {response_id!r} not found. Send the whole conversation as input."
    if status == 404:
        text = f"Response with id {response_id!r} not found."
    if not keeps:
        text += " KEEP_BODIES_DAYS is 0: llmgw keeps no responses."
    if status == 404:
        return Refusal("not_found", text, 404, param="response_id")
    return Refusal("previous_response_not_found", text, status, param="previous_response_id")


def listed_input(given: Any, response_id: str) -> Iterator[JsonObject]:
    """A request's input as items with ids, as they are kept and listed. References are left to what they name."""
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    suffix = response_id.partition("_")[2]
    for index, item in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(item, dict):
            continue
        made = dict(item)
        if "role" in made:
            made["type"] = "message"
            if isinstance(made.get("content"), str):
                kind = "output_text" if made["role"] == "assistant" else "input_text"
                made["content"] = [{"type": kind, "text": made["content"]}]
            made.setdefault("status", "completed")
        if not isinstance(made.get("id"), str):
            made["id"] = f"{_PREFIXES.get(str(made.get('type')), 'item')}{MARK}{suffix}_in{index}"
        yield made


_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}
