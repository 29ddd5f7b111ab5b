"""The gateway's copies of the SDKs: a client without the models, beside the whole packages."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import sys
from gateway_core.providers.sdk_imports import without_models
"""


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("sdk", "client", "most"), [("openai", "OpenAI", 50), ("anthropic", "Anthropic", 60)])
def test_a_client_is_made_without_the_models(sdk: str, client: str, most: int) -> None:
    run(
        f"sdk = without_models('{sdk}')\n"
        f"client = sdk.{client}(api_key='k')\n"
        "assert issubclass(sdk.APIStatusError, sdk.APIError) and sdk.Stream and sdk.__version__\n"
        f"found = [name for name in sys.modules if name.startswith('{sdk}') and '.types' not in name]\n"
        f"assert len(found) < {most}, len(found)\n"
        f"assert '{sdk}' not in sys.modules\n"
        f"assert without_models('{sdk}') is sdk\n"
    )


def test_who_imports_an_sdk_by_its_own_name_gets_all_of_it() -> None:
    run(
        "copy = without_models('openai')\n"
        "copy.OpenAI(api_key='k')\n"
        "from openai_without_models.types.chat import ChatCompletion as Empty\n"
        "assert Empty() and not hasattr(copy.types, '__nothing__')\n"
        "import openai\n"
        "from openai.types.chat import ChatCompletion\n"
        "assert openai.OpenAI is not copy.OpenAI\n"
        "assert ChatCompletion is not Empty\n"
        "assert ChatCompletion.model_validate({'id': '1', 'choices': [], 'created': 1, 'model': 'm',"
        " 'object': 'chat.completion'}).model == 'm'\n"
    )


@pytest.mark.parametrize("name", ["nothing_of_the_kind", "__nothing__"])
def test_what_is_not_there_is_an_attribute_error(name: str) -> None:
    run(
        f"try:\n    without_models('openai').{name}\n"
        "except AttributeError:\n    sys.exit(0)\nsys.exit('it was there')\n"
    )


def test_an_sdk_that_is_not_installed_cannot_be_imported() -> None:
    run("try:\n    without_models('no_such_sdk')\nexcept ImportError:\n    sys.exit(0)\nsys.exit('it was there')\n")
