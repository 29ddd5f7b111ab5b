"""Local models as a screen sees them: the same beside the gateway and over HTTP."""

from __future__ import annotations

from pathlib import Path

from gateway_core.model import FitVerdict
from llmgw_tui.source_http import HttpSource
from llmgw_tui.source_local import LocalSource
from tests.fakes.ollama import FakeOllama
from tests.http.inside import KEY, client


async def test_both_sources_tell_the_same_of_local_models(tmp_path: Path) -> None:
    async with FakeOllama("m:1b") as fake:
        fake.add("m:1b", weights="1" * 64)
        fake.add("m-8k:latest", weights="1" * 64)
        more = {"local_llm_enabled": True, "local_llm_url": fake.base_url, "builtin_model": "off"}
        async with client(tmp_path, local_registry="off", **more) as llmgw:
            await llmgw.gateway.local.fit("m:1b")
            here, there = LocalSource(llmgw.gateway), HttpSource(llmgw.gateway.address, KEY)
            there.open()
            assert (await here.run("pin", model="m:1b")).ok
            assert (await there.run("set_context", model="m:1b", num_ctx=4096)).ok
            far = await there.fetch()
            fits = [await here.fit("m:1b"), await there.fit("m:1b")]
            assert fits[0].verdict is not FitVerdict.UNKNOWN and fits[0].weights_bytes == fits[1].weights_bytes
            own = here.snapshot()
            assert own and own.local.models == far.local.models
            (model,) = [model for model in far.local.models if model.name == "m:1b"]
            assert model.stays and model.pinned and model.num_ctx == 4096 and model.shares_with == ("m-8k:latest",)
            assert (await there.fit("absent:1b")).why == (await here.fit("absent:1b")).why
            await there.close()


async def test_a_gateway_that_is_gone_is_no_verdict() -> None:
    source = HttpSource("http://127.0.0.1:1", KEY)
    source.open()
    fit = await source.fit("m:1b")
    assert fit.verdict is FitVerdict.UNKNOWN and "does not answer" in fit.why
    await source.close()


async def test_both_sources_know_the_key_and_no_answer_of_the_gateway_holds_it(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        there = HttpSource(llmgw.gateway.address, KEY)
        there.open()
        assert await LocalSource(llmgw.gateway).key() == await there.key() == KEY
        assert KEY not in str(await there.settings()) and KEY not in str(await LocalSource(llmgw.gateway).settings())
        await there.close()
