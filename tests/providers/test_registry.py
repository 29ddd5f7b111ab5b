"""Which providers the settings make."""

from __future__ import annotations

import subprocess
import sys

from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.registry import blueprints
from gateway_core.settings import Settings


def settings(**given: str) -> Settings:
    keys = {"anthropic_api_key": None, "groq_api_key": None, "openai_api_key": None}
    return Settings.model_validate({**keys, **given})


def test_only_providers_with_a_key_are_made() -> None:
    assert blueprints(settings()) == {}
    given = settings(groq_api_key="gsk_1", anthropic_setup_token="token", openai_api_key=" ")
    made = {name: blueprint.make() for name, blueprint in blueprints(given).items()}
    assert set(made) == {"anthropic", "groq"}
    claude, groq = made["anthropic"], made["groq"]
    assert isinstance(claude, AnthropicProvider)
    assert claude.key_setting.startswith("ANTHROPIC_SETUP_TOKEN")
    assert isinstance(groq, OpenAICompatible)
    assert (groq.kind, groq.base_url) == ("groq", "https://api.groq.com/openai/v1")


def test_no_sdk_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys; from gateway_core.providers import registry, pricing;"
        "print([name for name in ('openai', 'anthropic', 'httpx2', 'genai_prices') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
