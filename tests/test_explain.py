"""``llmgw explain`` decides as the gateway of the data folder would: with what its user taught it."""

from __future__ import annotations

from pathlib import Path

from gateway_core.explain import Explainer
from gateway_core.learning.aside import learned
from gateway_core.model import Example, Tier
from gateway_core.routing.head import Head
from gateway_core.store.database import FILE_NAME
from tests.http.inside import client, make_settings

PROMPT = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
VECTOR = (0.5,) + (0.0,) * 383


def taught(tier: str) -> list[dict[str, str]]:
    return [{"prompt": f"{PROMPT} {number}", "tier": tier} for number in range(150)]


async def test_what_was_learned_is_read_beside_the_running_gateway_and_decides(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    plain = Explainer(settings).explain(PROMPT)
    assert (await learned(settings)).head is None, "nothing was recorded yet, and nothing is made"
    assert not (tmp_path / FILE_NAME).exists()
    async with client(tmp_path) as llmgw:
        await llmgw.post("/api/commands/import_labels", labels=taught("premium"))
        await llmgw.post("/api/commands/refit_router")
        found = await learned(settings)
        assert found.head == llmgw.gateway.learning.head and found.head and len(found.labels) == 150
        assert (await learned(make_settings(tmp_path, router_learning="off"))).head is None
        await llmgw.post("/api/commands/revert_router")
        assert (await learned(settings)).head is None, "what was gone back from is not in force"
    explained = Explainer(settings, found.head).explain(PROMPT)
    assert plain.tier == "cheap" and explained.tier == "premium" and explained.difficulty > plain.difficulty
    assert "your labels" in explained.reasons[0]


def test_what_would_change_it_and_the_nearest_judged_requests_are_told(tmp_path: Path) -> None:
    def nearest(vector: object, most: int = 3) -> tuple[Example, ...]:
        return (Example("req_1", "Bullet points, please.", Tier.CHEAP, 0.91),)

    explainer = Explainer(make_settings(tmp_path), Head(100, 0.05, ""), nearest)
    reasons = explainer.explain(PROMPT, vector=VECTOR).reasons
    assert "like: Bullet points, please. (cheap was what it needed, cosine 0.91)" in reasons
    assert any(reason.startswith("would be: LOCAL if ") for reason in reasons)
    assert not [reason for reason in explainer.explain(PROMPT).reasons if reason.startswith("like: ")]
