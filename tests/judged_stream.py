"""Replays a labelled stream of questions through a gateway whose local model knows the labels: ``FILE.jsonl [LIMIT]``.

Lines are ``{"group", "text"}``; questions of one group may share an answer. It tells how many got an answer again, and
how many the wrong one, with the real encoder and table, and a judge that is always right.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway_core.cache.review import allowance, quiet
from tests.cache.review.labelled import Referee
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply, Step
from tests.http.inside import client

CLOUD = "openai/gpt-oss-120b"
WARM_UP = "Which river flows past the old mill of Example number {}?"


class Cloud(FakeOpenAI):
    """Answers each request with a number of its own."""

    answers = 0

    async def next_step(self) -> Step:
        self.answers += 1
        return Reply(f"Answer {self.answers}.")


def questions(file: Path, limit: int | None) -> list[tuple[str, str]]:
    """Group and text, shuffled, without exact repeats."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    random.Random(0).shuffle(rows)
    once = {" ".join(row["text"].lower().split()).rstrip("?.! "): (row["group"], row["text"]) for row in rows}
    return list(once.values())[:limit]


async def replay(asked: Iterable[tuple[str, str]], folder: Path) -> None:
    groups = defaultdict(list)
    asked = list(asked)
    for group, text in asked:
        groups[group].append(text.strip())
    owner: dict[str, str] = {}
    count: Counter[str] = Counter()
    async with (
        Referee(knows=list(groups.values())) as referee,
        Cloud(kind="groq", key="gsk", models=(CLOUD,)) as cloud,
    ):
        settings: dict[str, Any] = {
            "groq_api_key": SecretStr("gsk"),
            "groq_base_url": cloud.base_url,
            "semantic_cache": "on",
            "local_llm_enabled": True,
            "local_llm_url": referee.base_url,
            "builtin_model": "off",
            "rate_limit_rpm": 0,
            "rate_limit_tpm": 0,
            "daily_budget_hard": 0.0,
        }
        async with client(folder, **settings) as llmgw:
            number = 0
            while llmgw.gateway.snapshot(rows=0).cache.semantic.state != "ready":
                number += 1
                await llmgw.chat(WARM_UP.format(number), model="gateway-cheap")
                await asyncio.sleep(0.5)
            for group, text in asked:
                status, headers, body = await llmgw.chat(text, model="gateway-cheap", temperature=0)
                assert status == 200, body
                said = body["choices"][0]["message"]["content"]
                is_hit = headers["x-llmgw-cache"] != "miss"
                assert is_hit == (said in owner), "header and answer disagree"
                count["asked"] += 1
                count["hits"] += is_hit
                count["wrong"] += is_hit and owner[said] != group
                owner.setdefault(said, group)
                while not llmgw.gateway.reviewer.review.judge_passed and await llmgw.gateway.reviewer.step():
                    pass
                if count["asked"] % 500 == 0:
                    print(dict(count), f"{count['hits'] / count['asked']:.2%}", flush=True)
            print(
                dict(count), f"{count['hits'] / count['asked']:.2%} hits, {count['wrong'] / count['asked']:.3%} wrong"
            )
            print(llmgw.gateway.snapshot(rows=0).cache.semantic)


def main() -> None:
    """Judges without a pause: nobody else wants the local model here."""
    quiet.QUIET_S = 0.0
    allowance.CALLS_AN_HOUR = allowance.TOKENS_A_DAY = sys.maxsize
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(replay(questions(Path(sys.argv[1]), limit), Path(folder)))


if __name__ == "__main__":
    main()
