"""What each kind of local server lets the router know of its models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.local_values import LocalModel, LocalServer, ModelSpeed
from gateway_core.ollama.manager import LocalModels
from gateway_core.routing.landscape import InMemory, Pace
from gateway_core.routing.local_options import capabilities, standing
from tests.ollama.support import settings

NOW = 1_000.0
SPEED = ModelSpeed(10.0, 5, 100.0, 5, load_s=8.0, loads=2)
USED = LocalModel("used", 10**13, loaded=True, last_used_at=NOW - 40, expires_at=NOW + 260, context_length=8_192)
COLD = LocalModel("cold", 10**13, speed=SPEED)


def server(product: str = "ollama", *models: LocalModel) -> LocalServer:
    kind = product if product in ("ollama", "builtin") else "openai"
    return LocalServer(kind, "", True, models=models or (USED, COLD), product=product, looked_at=NOW - 1)


def look(model: str, where: LocalServer, usual_s: float | None = None) -> tuple[Pace, InMemory]:
    return standing(model, LocalModels(settings("http://127.0.0.1:1/v1"), lambda event: None), where, NOW, usual_s)


def test_a_cold_model_takes_its_load_and_pushes_out_what_is_in_use() -> None:
    pace, memory = look("cold", server())
    assert (pace.prompt_tokens_per_s, pace.tokens_per_s, pace.load_s) == (100.0, 10.0, 8.0)
    assert memory == InMemory(False, "used", "used 40 s ago")
    assert look("used", server())[1] == InMemory(True)


@pytest.mark.parametrize(
    ("product", "memory", "load_s"),
    [
        ("lmstudio", InMemory(False, "used", "used 40 s ago"), 8.0),
        ("llamacpp", InMemory(False), 8.0),
        ("vllm", InMemory(), 0.0),
        ("other", InMemory(), 0.0),
    ],
)
def test_servers_differ_in_what_they_tell_and_whether_they_make_room(
    product: str, memory: InMemory, load_s: float
) -> None:
    pace, found = look("cold", server(product))
    assert (found, pace.load_s) == (memory, load_s)


def test_one_that_has_answered_since_the_last_look_is_in_memory() -> None:
    pace, memory = look("cold", server("ollama", replace(COLD, last_used_at=NOW)))
    assert (memory.loaded, pace.load_s) == (True, 0.0)


@pytest.mark.parametrize(("product", "waits_s"), [("ollama", 6.0), ("builtin", 6.0), ("vllm", 0.0), ("lmstudio", 0.0)])
def test_where_requests_are_answered_one_after_another_those_before_count(product: str, waits_s: float) -> None:
    busy = replace(USED, in_flight=2)
    assert look("used", server(product, busy), 3.0)[0].wait_s == waits_s
    assert look("used", server(product, busy), None)[0].wait_s == 0.0


def test_a_model_that_is_not_listed_is_an_unknown_one() -> None:
    assert look("other", server(), 3.0) == (Pace(load_s=None, usual_s=3.0), InMemory())


@pytest.mark.parametrize(
    ("product", "holds"), [("ollama", True), ("builtin", True), ("llamacpp", True), ("lmstudio", None), ("vllm", None)]
)
def test_ollama_and_llamacpp_hold_every_model_to_a_schema(product: str, holds: bool | None) -> None:
    local = LocalModels(settings("http://127.0.0.1:1/v1"), lambda event: None)
    assert capabilities(local, server(product), "used").structured is holds
