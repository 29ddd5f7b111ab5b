"""The SDKs without their models: what is asked for is there, as if all had been imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import importlib, sys
from gateway_core.providers.sdk_imports import import_on_demand
import_on_demand()
import_on_demand()
"""


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("sdk", "client", "most"), [("openai", "AsyncOpenAI", 60), ("anthropic", "AsyncAnthropic", 1100)]
)
def test_a_client_is_made_without_the_models(sdk: str, client: str, most: int) -> None:
    run(
        f"sdk = importlib.import_module('{sdk}')\n"
        f"client = sdk.{client}(api_key='k', http_client=sdk.DefaultAioHttpClient())\n"
        "assert issubclass(sdk.APIStatusError, sdk.APIError) and sdk.AsyncStream and sdk.__version__\n"
        f"found = [name for name in sys.modules if name.startswith('{sdk}')]\n"
        f"assert len(found) < {most}, len(found)\n"
    )


def test_what_is_asked_for_later_is_what_the_whole_package_has() -> None:
    run(
        "import openai\n"
        "from openai.types.chat import ChatCompletion\n"
        "from openai import types\n"
        "assert '__getattr__' in vars(types) and types.CreateEmbeddingResponse\n"
        "made = openai.OpenAI(api_key='k').chat.completions\n"
        "assert ChatCompletion.model_validate({'id': '1', 'choices': [], 'created': 1, 'model': 'm',"
        " 'object': 'chat.completion'}).model == 'm'\n"
        "before = openai.AsyncOpenAI\n"
        "everything = {}\n"
        "exec('from openai import *', everything)\n"
        "assert everything['AsyncOpenAI'] is before is openai.AsyncOpenAI\n"
        "import openai.types.chat as chat\n"
        "assert chat.ChatCompletion is ChatCompletion\n"
    )


@pytest.mark.parametrize("name", ["nothing_of_the_kind", "__nothing__"])
def test_what_is_not_there_is_an_attribute_error(name: str) -> None:
    run(f"import openai\ntry:\n    openai.{name}\nexcept AttributeError:\n    sys.exit(0)\nsys.exit('it was there')\n")
