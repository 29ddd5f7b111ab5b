"""Requests with a wrong value somewhere: refused in the caller's words or answered, never a failure of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, response_schema_conformance
from schemathesis.core.result import Ok

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.faults.asked import PATHS, PROTOCOLS, asked, is_envelope
from tests.faults.sockets import post, wire
from tests.faults.wrong_types import GONE, WHOLE, WRONG, places, put
from tests.http.inside import KEY, Client, client, with_claude, with_groq

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAID = ("gateway-premium", "gateway-cheap")
"""Anthropic's protocol and OpenAI's: each of the three is handed on in one of them and translated into the other."""
GROQ_MODEL = "openai/gpt-oss-120b"
UNAVAILABLE = {"no_provider", "store_unavailable", "cache_unavailable", "search_too_long"}
"""503s that are no failure: nothing is there that could answer."""
few = settings(
    max_examples=2,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway with both paid protocols behind it."""

    llmgw: Client
    upstreams: tuple[FakeAnthropic, FakeOpenAI]

    @property
    def answered(self) -> int:
        return sum(fake.calls for fake in self.upstreams)

    async def books(self) -> tuple[int, float, float]:
        """Calls that an upstream answered, and what is spent and reserved."""
        budget = await self.llmgw.get("/api/budget")
        return self.answered, budget["spent_usd"], budget["reserved_usd"]

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.llmgw.http.post(path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    async with (
        FakeAnthropic() as claude,
        FakeOpenAI(key="gsk-fake", models=(GROQ_MODEL,)) as groq,
        client(folder, cheap_provider="groq", **with_claude(claude), **with_groq(groq)) as llmgw,
    ):
        yield Stage(llmgw, (claude, groq))


def no_failure(caplog: pytest.LogCaptureFixture) -> bool:
    """Nothing of ours has failed, by the log."""
    ours = [record for record in caplog.records if record.name.startswith("gateway_core")]
    return not [record for record in ours if record.levelname == "ERROR" or record.exc_info]


# --- a wrong type at every place -------------------------------------------------------------------------------------


async def checked(stage: Stage, protocol: str, body: Any) -> None:
    """Sends a request: it is answered, or refused in its own words at no cost."""
    calls, spent, _ = await stage.books()
    status, answer = await stage.post(PATHS[protocol], body)
    assert status == 200 or 400 <= status < 500, (body, answer)
    if status != 200:
        assert is_envelope(protocol, answer), (body, answer)
        assert await stage.books() == (calls, spent, 0.0), body


@pytest.mark.parametrize("model", PAID)
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_wrong_type_in_any_field_is_refused_in_the_callers_words_and_costs_nothing(
    stage: Stage, protocol: str, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = {**WHOLE[protocol], "model": model}
    whole.pop("force_tier", None)
    every = [at for at in places(whole) if at != ("stream",)]
    status, answer = await stage.post(PATHS[protocol], whole)
    assert status == 200, answer
    claude, _ = stage.upstreams
    claude.rejected.clear()
    values: list[Any] = [*WRONG, GONE]
    for number, at in enumerate(every):
        await checked(stage, protocol, put(whole, at, values[(7 * number + PAID.index(model)) % len(values)]))
    assert no_failure(caplog)
    assert claude.rejected == [] or protocol == "messages", "what is translated keeps the rules of Anthropic"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_any_json_at_all_in_any_field_is_refused_or_answered(stage: Stage, protocol: str) -> None:
    loop = asyncio.get_running_loop()
    whole = {**WHOLE[protocol], "model": "gateway-premium", "stream": False}
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )

    @settings(few, max_examples=20)
    @given(st.sampled_from([at for at in places(whole) if at != ("stream",)]), anything)
    def fuzz(at: tuple[str | int, ...], value: Any) -> None:
        body = json.loads(json.dumps(put(whole, at, value)).encode("utf-8", "replace"))
        asyncio.run_coroutine_threadsafe(checked(stage, protocol, body), loop).result()

    await asyncio.to_thread(fuzz)


# --- bodies that are no request --------------------------------------------------------------------------------------

MODEL = b'{"model":"gateway-premium","max_tokens":9,"max_output_tokens":9,"input":"x",'
SAID = b'"messages":[{"role":"user","content":"%b"}]}'
NO_REQUEST = {
    "an empty body": b"",
    "white space": b" \r\n\t",
    "a list": b"[]",
    "a string": b'"text"',
    "a number": b"7",
    "true": b"true",
    "null": b"null",
    "an empty object": b"{}",
    "a BOM": b"\xef\xbb\xbf" + MODEL + SAID % b"x",
    "UTF-16": (MODEL + SAID % b"x").decode().encode("utf-16"),
    "invalid UTF-8": MODEL + SAID % b"\xff\xfe",
    "an overlong UTF-8 sequence": MODEL + SAID % b"\xc0\xaf",
    "a raw surrogate": MODEL + SAID % b"\xed\xa0\x80",
    "a lone surrogate as an escape": MODEL + SAID % b"\\ud800",
    "a lone surrogate in a key": MODEL + b'"\\udc00":1,' + SAID % b"x",
    "NaN": MODEL + b'"temperature":NaN,' + SAID % b"x",
    "Infinity": MODEL + b'"temperature":Infinity,' + SAID % b"x",
    "-Infinity": MODEL + b'"top_p":-Infinity,' + SAID % b"x",
    "a number beyond a double": MODEL + b'"seed":1e999,' + SAID % b"x",
    "10,000 levels of lists": b"[" * 10_000 + b"]" * 10_000,
    "10,000 levels of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 levels in a field": MODEL + b'"metadata":' + b"[" * 10_000 + b"]" * 10_000 + b"," + SAID % b"x",
    "a control character in a string": MODEL + SAID % b"a\x00b",
    "two objects": (MODEL + SAID % b"x") * 2,
    "half an object": MODEL,
    "a comment": MODEL + b"/* hello */" + SAID % b"x",
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("raw", NO_REQUEST.values(), ids=NO_REQUEST)
async def test_a_body_that_is_no_request_is_a_400_and_costs_nothing(stage: Stage, protocol: str, raw: bytes) -> None:
    before = await stage.books()
    async with wire(stage.llmgw.gateway.address) as sender:
        await sender.send(post(KEY, raw, PATHS[protocol]))
        answer = await sender.answer()
    assert answer.status == 400 and is_envelope(protocol, answer.json)
    assert await stage.books() == before


LIMITS = {"chat": "max_tokens", "messages": "max_tokens", "responses": "max_output_tokens"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("limit", [-1, 0, 2**31, 10**30, 1.5, "9", True], ids=repr)
async def test_a_negative_zero_or_huge_max_tokens_is_a_400(stage: Stage, protocol: str, limit: object) -> None:
    before = await stage.books()
    status, answer = await stage.post(PATHS[protocol], asked(protocol, "How long?", **{LIMITS[protocol]: limit}))
    assert status == 400 and is_envelope(protocol, answer)
    assert LIMITS[protocol] in answer["error"]["message"]
    assert await stage.books() == before


@pytest.mark.parametrize("choices", [0, 2, -1, 10**9, "1", 1.0, True], ids=repr)
async def test_n_above_1_is_a_400(stage: Stage, choices: object) -> None:
    status, answer = await stage.post(PATHS["chat"], asked("chat", "How many?", n=choices))
    assert (status, answer["error"]["param"]) == (400, "n")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"])
async def test_a_wrong_content_type_is_a_415_in_the_callers_words(stage: Stage, protocol: str, kind: str) -> None:
    sent = post(KEY, asked(protocol, "Which kind?"), PATHS[protocol])
    sent = sent.replace(b"application/json", kind.encode())
    async with wire(stage.llmgw.gateway.address) as sender:
        await sender.send(sent)
        answer = await sender.answer()
    assert answer.status == 415 and is_envelope(protocol, answer.json)


async def test_of_duplicate_keys_the_last_is_what_is_checked_priced_and_sent(stage: Stage) -> None:
    claude, _ = stage.upstreams
    said = b'"messages":[{"role":"user","content":"Twice?"}],'
    raw = b'{"model":"gateway-local","max_tokens":-5,"max_tokens":7,' + said + b'"model":"gateway-premium"}'
    async with wire(stage.llmgw.gateway.address) as sender:
        await sender.send(post(KEY, raw))
        answer = await sender.answer()
    assert answer.status == 200 and answer.headers["x-llmgw-tier"] == "premium"
    assert claude.requests[-1]["max_tokens"] == 7


async def test_unknown_fields_are_handed_on_in_openais_protocol_and_left_out_where_it_is_translated(
    stage: Stage,
) -> None:
    claude, groq = stage.upstreams
    for model in PAID:
        status, answer = await stage.post(PATHS["chat"], asked("chat", f"Unknown to {model}?", model=model, seed=7))
        assert status == 200, answer
    assert groq.requests[-1]["seed"] == 7
    assert "seed" not in claude.requests[-1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_nulls_in_optional_fields_are_as_if_they_were_not_there(stage: Stage, protocol: str) -> None:
    nulls = dict.fromkeys(("temperature", "top_p", "tools", "tool_choice", "stream", "metadata"))
    status, answer = await stage.post(PATHS[protocol], asked(protocol, f"Nothing in {protocol}?", **nulls))
    assert status == 200, answer


# --- the control surface ---------------------------------------------------------------------------------------------

LISTS = {
    "/api/requests": ("limit", "q", "sort", "cursor"),
    "/api/log": ("level", "q", "after", "limit"),
    "/api/spend": ("period", "by", "format"),
    "/api/cache/entries": ("limit", "q", "order", "kind", "before"),
    "/api/cache/hits": ("limit",),
    "/api/whatif": ("days", "premium_share", "local_model", "all", "cache", "prompt_cache", "anew"),
    "/api/local/fit": ("model",),
    "/api/snapshot": ("since",),
}
ODD = (
    "",
    "0",
    "-1",
    "²",
    "٣",
    "1e9",
    "9" * 5_000,
    "nan",
    "inf",
    "\0",
    "\ud7ff",
    "%",
    "' OR 1=1 --",
    "cost:>",
    "(",
    '"',
    "a~b",
)


@pytest.mark.parametrize("path", LISTS)
async def test_odd_query_strings_are_refused_or_answered(
    stage: Stage, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in LISTS[path]:
        for value in (*ODD, "x" * 4_000):
            async with stage.llmgw.http.get(path, params={name: value[:4_000]}) as answer:
                assert answer.status in (200, 400, 404), (name, value, await answer.text())
    assert no_failure(caplog)


async def test_wrong_arguments_of_any_command_are_a_result_and_never_a_failure(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for name, found in stage.llmgw.gateway.commands.arguments.items():
        for argument in (*found.schema["properties"], "self", "unheard_of"):
            for value in ([], {}, -1, 1e300, "", "x" * 100_000, [None], {"\ud7ff": None}):
                status, answer = await stage.post(f"/api/commands/{name}", {argument: value})
                assert status in (200, 400), (name, argument, value, answer)
                assert isinstance(answer["message"], str) and len(answer["message"]) < 2_000, (name, argument)
    await stage.post("/api/commands/release", {})
    assert no_failure(caplog)


# --- the OpenAPI document --------------------------------------------------------------------------------------------

GENEROUS_S = 300
"""For what takes some seconds where nothing else runs."""
NOT_CALLED = {"/api/events", "/api/commands/stop"}
"""One does not end, the other ends the gateway."""


@pytest.mark.timeout(GENEROUS_S)
async def test_every_operation_of_the_openapi_document_keeps_what_it_says(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    document = await stage.llmgw.get("/openapi.json")
    del document["security"]
    loop = asyncio.get_running_loop()
    found = list(schemathesis.openapi.from_dict(document).get_all_operations())
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == len(found)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"

    def release() -> None:
        run = stage.llmgw.gateway.commands.run("release", {})
        assert asyncio.run_coroutine_threadsafe(run, loop).result().ok

    def call(case: Any) -> None:
        answer = case.call(base_url=stage.llmgw.gateway.address, session=session)
        if answer.status_code >= 500:
            assert answer.status_code == 503 and answer.json()["error"]["code"] in UNAVAILABLE, answer.text
        case.validate_response(answer, checks=[content_type_conformance, response_schema_conformance])

    def fuzz() -> None:
        for operation in operations:
            if operation.path in NOT_CALLED:
                continue
            varied = bool(operation.query or operation.body) and not operation.path.startswith("/v1/")
            for mode in (GenerationMode.POSITIVE, *((GenerationMode.NEGATIVE,) if varied else ())):
                few(given(operation.as_strategy(generation_mode=mode))(call))()
            release()

    with session:
        await asyncio.to_thread(fuzz)
    assert no_failure(caplog)
