"""The answer caches over HTTP: what is kept, what it answered, what that saved, and how to be rid of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway_core.model import CacheEntryDetail, CacheHit, CachePage, Snapshot
from gateway_core.running import running_gateway
from tests.cache.browsed import BrowsedChild
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import Client, client, make_settings, with_claude

ASKED, REWORDED = "What is the capital of Ghana?", "Please tell me what the capital of Ghana is"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> BrowsedChild:
    made = BrowsedChild()
    monkeypatch.setattr("gateway_core.composition.open_encoder", lambda settings, note, url: made)
    return made


@asynccontextmanager
async def running(folder: Path, **more: Any) -> AsyncIterator[Client]:
    reply = Reply(text="Accra.", before_s=0.05)
    async with (
        FakeAnthropic(default=reply) as fake,
        client(folder, **{"semantic_cache": "on", **with_claude(fake), **more}) as llmgw,
    ):
        yield llmgw


async def page(llmgw: Client, query: str = "") -> CachePage:
    return TypeAdapter(CachePage).validate_python(await llmgw.get(f"/api/cache/entries{query}"))


async def problem(llmgw: Client, path: str) -> tuple[int, str, str]:
    async with llmgw.http.get(path) as answer:
        error = (await answer.json())["error"]
        return answer.status, error["code"], error["message"]


async def test_what_both_caches_keep_can_be_listed_searched_and_opened(tmp_path: Path, child: BrowsedChild) -> None:
    async with running(tmp_path) as llmgw:
        await llmgw.chat(ASKED)
        await llmgw.chat("What is the capital of Chad?")
        found = await page(llmgw)
        ghana = await page(llmgw, "?q=GHANA")
        details = [
            TypeAdapter(CacheEntryDetail).validate_python(await llmgw.get(f"/api/cache/entries/{entry.id}"))
            for entry in ghana.entries
        ]
    assert found.total == 4 and ghana.total == 2
    assert {entry.kind for entry in ghana.entries} == {"exact", "semantic"}
    assert {entry.question for entry in ghana.entries} == {ASKED}
    assert all(entry.model == "claude-sonnet-5-5" and entry.expires_at > entry.created_at for entry in found.entries)
    assert [detail.answer for detail in details] == [{"role": "assistant", "content": "Accra."}] * 2


async def test_pages_follow_each_other_and_end(tmp_path: Path, child: BrowsedChild) -> None:
    async with running(tmp_path) as llmgw:
        for country in ("Chad", "Mali", "Togo", "Peru", "Cuba"):
            await llmgw.chat(f"What is the capital of {country}?")
        for order in ("newest", "hits", "saved", "largest"):
            seen, before = list[str](), ""
            for _ in range(9):
                found = await page(llmgw, f"?limit=3&order={order}&before={before}")
                seen += [entry.id for entry in found.entries]
                before = found.next
                if not before:
                    break
            assert len(seen) == len(set(seen)) == 10 == found.total


async def test_hits_say_what_was_asked_and_answered_why_and_what_it_saved(tmp_path: Path, child: BrowsedChild) -> None:
    async with running(tmp_path) as llmgw:
        for text in (ASKED, ASKED, REWORDED):
            await llmgw.chat(text)
        found = (await llmgw.get("/api/cache/hits?limit=5"))["hits"]
        semantic, exact = TypeAdapter(tuple[CacheHit, CacheHit]).validate_python(found)
        listed = await page(llmgw, "?kind=semantic")
        opened = await llmgw.get(f"/api/cache/entries/{semantic.entry}")
        metrics = (await llmgw.get("/api/metrics"))["cache"]
        async with llmgw.http.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
    assert (exact.kind, exact.asked, exact.answered, exact.verdict) == ("exact", ASKED, ASKED, "same request")
    assert (semantic.kind, semantic.asked, semantic.answered) == ("semantic", REWORDED, ASKED)
    assert semantic.verdict == "words" and semantic.cosine == 0.97 and exact.cosine is None
    assert all(hit.saved_microusd > 0 and hit.saved_ms >= 0 and hit.age_s >= 0 for hit in (exact, semantic))
    assert exact.saved_ms > 20
    assert found[0]["saved_usd"] == semantic.saved_microusd / 1e6 and found[0]["saved_s"] == semantic.saved_ms / 1e3
    assert semantic.entry == listed.entries[0].id and opened["wordings"] == [REWORDED]
    saved = metrics["saved_today"]
    assert (saved["exact"]["hits"], saved["semantic"]["hits"]) == (1, 1)
    assert round(saved["total"]["saved_usd"] * 1e6) == exact.saved_microusd + semantic.saved_microusd
    assert saved["total"]["saved_s"] * 1e3 == pytest.approx(exact.saved_ms + semantic.saved_ms)
    assert metrics["saved_ever"] == saved
    for line in ('llmgw_cache_hits_total{kind="exact"} 1.0', 'llmgw_cache_hits_total{kind="semantic"} 1.0'):
        assert line in lines
    assert 'llmgw_cache_entries{kind="exact"} 1.0' in lines and "llmgw_semantic_false_hit_rate NaN" in lines
    totals = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("llmgw_cache_saved")}
    assert totals["llmgw_cache_saved_usd_total"] > 0 and totals["llmgw_cache_saved_seconds_total"] > 0


async def test_what_was_saved_outlives_a_restart(tmp_path: Path, child: BrowsedChild) -> None:
    async with running(tmp_path) as llmgw:
        for text in (ASKED, ASKED, REWORDED):
            await llmgw.chat(text)
        before = llmgw.gateway.snapshot().cache
    child.state = "idle"
    async with running(tmp_path) as llmgw:
        after = TypeAdapter(Snapshot).validate_python(await llmgw.get("/api/snapshot")).cache
        assert after.ever == after.today == before.ever and after.ever.total.hits == 2
        await llmgw.chat(ASKED)
        assert llmgw.gateway.snapshot().cache.ever.exact.hits == 2


async def test_an_answer_can_be_forgotten_and_is_asked_anew(tmp_path: Path, child: BrowsedChild) -> None:
    async with running(tmp_path) as llmgw:
        await llmgw.chat(ASKED)
        for entry in (await page(llmgw)).entries:
            status, result = await llmgw.post("/api/commands/forget_answer", entry=entry.id)
            assert (status, result["ok"]) == (200, True)
            assert (await problem(llmgw, f"/api/cache/entries/{entry.id}"))[0] == 404
            status, result = await llmgw.post("/api/commands/forget_answer", entry=entry.id)
            assert (status, result["ok"]) == (400, False) and "no cached answer" in result["message"]
        assert (await page(llmgw)).total == 0 and llmgw.gateway.snapshot().cache.entries == 0
        _, headers, _ = await llmgw.chat(ASKED)
        assert headers["x-llmgw-cache"] == "miss"


@pytest.mark.parametrize(("which", "left"), [("exact", {"semantic"}), ("semantic", {"exact"}), ("all", set())])
async def test_a_cache_can_be_cleared(tmp_path: Path, child: BrowsedChild, which: str, left: set[str]) -> None:
    async with running(tmp_path) as llmgw:
        await llmgw.chat(ASKED)
        _, result = await llmgw.post("/api/commands/clear_cache", which=which)
        assert result["ok"] and ("2 answers" if which == "all" else "1 answer ") in result["message"]
        assert {entry.kind for entry in (await page(llmgw)).entries} == left
        status, _ = await llmgw.post("/api/commands/clear_cache", which="everything")
        assert status == 400


@pytest.mark.parametrize(("state", "says"), [("starting", "few seconds"), ("failed", "Restart llmgw")])
async def test_a_semantic_cache_that_cannot_be_seen_is_no_empty_one(
    tmp_path: Path, child: BrowsedChild, state: str, says: str
) -> None:
    async with running(tmp_path) as llmgw:
        await llmgw.chat(ASKED)
        child.state = state
        for path in ("/api/cache/entries", "/api/cache/entries?kind=semantic", f"/api/cache/entries/s-{'a' * 32}"):
            status, code, message = await problem(llmgw, path)
            assert (status, code) == (503, "cache_unavailable") and says in message
        assert (await page(llmgw, "?kind=exact")).total == 1
        for command, arguments in (("clear_cache", {"which": "all"}), ("forget_answer", {"entry": f"s-{'a' * 32}"})):
            status, result = await llmgw.post(f"/api/commands/{command}", **arguments)
            assert status == 400 and says in result["message"]
        assert (await page(llmgw, "?kind=exact")).total == 1


async def test_a_child_that_refuses_or_speaks_another_form_is_told(tmp_path: Path, child: BrowsedChild) -> None:
    async with running(tmp_path) as llmgw:
        await llmgw.chat(ASKED)
        child.error = "its table is away"
        assert "its table is away" in (await problem(llmgw, "/api/cache/entries"))[2]
        child.error = ""
        for kept in child.kept.values():
            kept["model"] = None
        assert (await problem(llmgw, "/api/cache/entries"))[:2] == (503, "cache_unavailable")


async def test_a_semantic_cache_that_is_off_has_nothing_to_hide(tmp_path: Path, child: BrowsedChild) -> None:
    async with running(tmp_path, semantic_cache="off") as llmgw:
        await llmgw.chat(ASKED)
        assert [entry.kind for entry in (await page(llmgw)).entries] == ["exact"]
        assert (await page(llmgw, "?kind=semantic")).total == 0
    assert child.state == "stopped"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=501", "order=age", "kind=old", "before=nonsense", "limit=²"]
)
async def test_a_wrong_question_says_what_is_wrong(tmp_path: Path, child: BrowsedChild, query: str) -> None:
    async with running(tmp_path) as llmgw:
        status, code, message = await problem(llmgw, f"/api/cache/entries?{query}")
        assert (status, code) == (400, "invalid_request") and query.partition("=")[0] in message
        for unknown in ("nothing", "x-0123456789abcdef", f"s-{'0' * 32}", "x-"):
            assert (await problem(llmgw, f"/api/cache/entries/{unknown}"))[0] == 404


async def test_reading_only_forgets_nothing(tmp_path: Path, child: BrowsedChild) -> None:
    async with running_gateway(make_settings(tmp_path), read_only=True) as gateway:
        for name, arguments in (("forget_answer", {"entry": "x-0123456789abcdef"}), ("clear_cache", {"which": "all"})):
            assert "read-only" in (await gateway.commands.run(name, arguments)).message
