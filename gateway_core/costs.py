"""What an answer used, what it cost, and what it would have cost otherwise. Money is integer micro-dollars."""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.kinds import Counted, Tier


@frozen
class Usage:
    """Tokens of one answer. ``input_tokens`` excludes what was read from or written to a prompt cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of ``output_tokens``."""
    estimated: bool = False
    """The upstream reported nothing usable, or not all of it; some of these are our own counts."""
    input_counted: Counted = Counted.MEASURED
    """Of all tokens of the prompt."""
    output_counted: Counted = Counted.MEASURED
    audio_input_tokens: int = 0
    """Part of ``input_tokens``."""
    audio_output_tokens: int = 0
    """Part of ``output_tokens``."""
    web_searches: int = 0
    """Searches the provider made itself, each at a price of its own."""
    service_tier: str = ""
    """``batch``, ``flex``, ``priority`` or ``fast`` where the provider says that it answered so; else empty."""
    fast: bool = False
    """Anthropic's fast mode."""
    us_only: bool = False
    """Anthropic kept the inference in the United States, which costs more."""
    reported_cost_microusd: int | None = None
    """What the provider itself says it charged (OpenRouter, Perplexity)."""
    others: tuple[tuple[str, Usage], ...] = ()
    """What further models of the same provider used within the answer (Anthropic's advisor), by model."""

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, cached ones included, as OpenAI's ``usage.prompt_tokens`` counts them."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens


@frozen
class TierCost:
    """What the tokens of an answer would have cost on another tier, at list price without prompt caching; None where
    no price is known."""

    tier: Tier
    provider: str
    model: str
    cost_microusd: int | None


@frozen
class Cost:
    """What an answer cost, by what it was for, in whole micro-dollars that add up to the charge."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    server_tools: int = 0
    other: int = 0
    """Charged without a breakdown: the provider's own figure, or a reservation kept in full."""

    @property
    def total_microusd(self) -> int:
        return self.input + self.cache_read + self.cache_write + self.output + self.server_tools + self.other

    def __add__(self, more: Cost) -> Cost:
        return Cost(
            self.input + more.input,
            self.cache_read + more.cache_read,
            self.cache_write + more.cache_write,
            self.output + more.output,
            self.server_tools + more.server_tools,
            self.other + more.other,
        )


@frozen
class Counterfactuals:
    """What the same answer would have cost otherwise, in micro-dollars; None where that is not known.

    Each takes away one thing more that saves: first the answer cache, then the prompt cache, then the routing. The
    differences between neighbours, down to what was charged, are therefore what each saved, and add up.
    """

    premium_microusd: int | None = None
    """With the premium model, at its list price and without prompt caching, which is a saving of its own."""
    no_prompt_cache_microusd: int | None = None
    """With the same model, every prompt token at the price of input."""
    no_answer_cache_microusd: int | None = None
    """What the cached answer cost when it was made; None for an answer that no cache gave."""

    def saved(self, cost_microusd: int) -> tuple[int, int, int]:
        """What answer cache, prompt cache and routing saved. Less than nothing where a cache write did not pay."""
        made = cost_microusd if self.no_answer_cache_microusd is None else self.no_answer_cache_microusd
        plain = made if self.no_prompt_cache_microusd is None else self.no_prompt_cache_microusd
        dearest = plain if self.premium_microusd is None else self.premium_microusd
        return made - cost_microusd, plain - made, dearest - plain
