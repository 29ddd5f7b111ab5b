"""What other clients need, as it can be pasted: Codex's configuration, and the variables the SDKs read."""

from __future__ import annotations

import shlex

CODEX_KEY = "LLMGW_API_KEY"


def codex_toml(root: str) -> str:
    """For ``~/.codex/config.toml``: ``responses`` is the only wire API that Codex takes (its configuration, 2026-10).

    The key is not in the file: Codex reads it from the variable that ``env_key`` names.
    """
    return (
        'model = "gateway-auto"\n'
        'model_provider = "llmgw"\n\n'
        "[model_providers.llmgw]\n"
        'name = "llmgw"\n'
        f'base_url = "{root}/v1"\n'
        f'env_key = "{CODEX_KEY}"\n'
        'wire_api = "responses"\n'
    )


def exports(variables: dict[str, str]) -> str:
    """Lines for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def sdk_variables(sdk: str, root: str, api_key: str) -> dict[str, str]:
    """What the ``openai`` and ``anthropic`` SDKs read; only OpenAI's takes the ``/v1`` in its base URL."""
    if sdk == "openai":
        return {"OPENAI_BASE_URL": f"{root}/v1", "OPENAI_API_KEY": api_key}
    return {"ANTHROPIC_BASE_URL": root, "ANTHROPIC_API_KEY": api_key}
