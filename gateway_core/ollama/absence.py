"""Why no local server answers, and what to do about it on this machine.

Addresses and commands are from the products' own pages, 2026-11-28: https://ollama.com/download (`install.sh` serves
Linux and macOS, `install.ps1` Windows), LM Studio's `lms`, LocalAI's, vLLM's and llama.cpp's server pages.
"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from gateway_core.frozen import frozen
from gateway_core.local_values import LocalServer
from gateway_core.ollama.abilities import PRODUCTS, absent
from gateway_core.ollama.address import OLLAMA_PORT, is_loopback

UNITS = ("/etc/systemd/system/ollama.service", "/usr/lib/systemd/system/ollama.service")
PLACES = (
    *("/usr/local/bin/ollama", "/usr/bin/ollama", "/opt/homebrew/bin/ollama"),
    *("/Applications/Ollama.app", os.path.expandvars(r"%LOCALAPPDATA%\Programs\Ollama\ollama.exe")),
)
"""Where its installers put Ollama, which the PATH of a service may leave out."""
DOWNLOAD = "https://ollama.com/download"
_INSTALL = {"Windows": "irm https://ollama.com/install.ps1 | iex"}
_INSTALL_ELSEWHERE = "curl -fsSL https://ollama.com/install.sh | sh"
_START = {
    "lmstudio": ("Start LM Studio's server with `lms server start`.",),
    "localai": ("Start LocalAI with `local-ai run`.",),
    "llamacpp": ("Start llama.cpp's server with `llama-server -m FILE`.",),
    "vllm": ("Start vLLM with `vllm serve NAME`.",),
}
_BY_PORT = {1234: ("lmstudio",), 8080: ("localai", "llamacpp"), 8000: ("vllm",)}
"""Whose port it is unless its owner says otherwise."""


@frozen
class Absence:
    """``why`` no server of the person's own answers, in a sentence; ``steps`` that help, a sentence each, the likeliest
    first."""

    why: str
    steps: tuple[str, ...]

    @property
    def words(self) -> str:
        """Why, and the first step."""
        return " ".join((self.why, *self.steps[:1]))


@frozen
class Here:
    """This machine, as far as it matters."""

    system: str
    """``platform.system()``'s word."""
    installed: bool
    """Ollama is there to be started."""
    unit: bool
    """systemd has it as a service."""


BUILTIN_WANTED = Absence(
    "BUILTIN_MODEL is on: no local server is looked for.", ("Set BUILTIN_MODEL to auto to use one.",)
)


def switched_off(root: str) -> LocalServer:
    """The local server of a gateway that shall have none."""
    why = "LOCAL_LLM_ENABLED is off"
    return LocalServer(
        "ollama",
        root,
        False,
        detail=why,
        abilities=absent(f"{why}: there is no local tier."),
        why_absent=f"{why}.",
        how_to_start=("Set it to true to have a local tier.",),
    )


def look_here() -> Here:
    """Looks for Ollama on this machine; reads a few places of the disk."""
    unit = any(Path(place).exists() for place in UNITS)
    found = shutil.which("ollama") is not None or any(Path(place).exists() for place in PLACES)
    return Here(platform.system(), unit or found, unit)


def absence(root: str, here: Here, trouble: str = "", *, refused: bool = True, product: str = "") -> Absence:
    """Why nothing usable answers at ``root``, and what helps.

    ``refused`` says that nothing listens there; otherwise ``trouble`` is what the last look met. ``product`` is what
    answered there before; empty where nothing did.
    """
    parts = urlsplit(root)
    where = parts.netloc
    if not refused:
        mend = "See to that, or set LOCAL_LLM_URL to another address."
        return Absence(f"The server at {where} cannot be used: {trouble or 'no answer'}.", (mend,))
    if not is_loopback(root):
        start = f"Start the local server on {parts.hostname}, or set LOCAL_LLM_URL to another one."
        return Absence(f"Nothing answers at {where}.", (start,))
    products = (product,) if product in _START else () if product == "ollama" else _BY_PORT.get(parts.port or 0, ())
    if products:
        steps = tuple(step for name in products for step in _START[name])
        names = " or ".join(PRODUCTS[name] for name in products)
        return Absence(f"{names} does not answer at {where}.", (*steps, *_ollama_there(where, here)))
    return _no_ollama(where, parts.port or OLLAMA_PORT, here, was_there=product == "ollama")


def _no_ollama(where: str, port: int, here: Here, *, was_there: bool) -> Absence:
    """Nothing listens where Ollama, or nobody knows what, is expected."""
    if here.installed and port == OLLAMA_PORT:
        return Absence("Ollama is installed here and does not run.", _start_ollama(here))
    if here.installed:
        other = "Set LOCAL_LLM_URL to where your server is."
        return Absence(f"Nothing listens at {where}.", (*_ollama_there(where, here), other))
    if was_there:
        step = "Start it where it ran: it is not installed on this machine itself."
        return Absence(f"Ollama does not answer at {where} any more.", (step,))
    install = (f"Install Ollama with `{_INSTALL.get(here.system, _INSTALL_ELSEWHERE)}`.", f"See {DOWNLOAD}.")
    if port == OLLAMA_PORT:
        return Absence("Ollama is not installed here.", install)
    own = "Start the server that LOCAL_LLM_URL or OLLAMA_HOST names, or set another."
    return Absence(f"Nothing listens at {where}, and Ollama is not installed here.", (own, *install))


def _start_ollama(here: Here) -> tuple[str, ...]:
    serve = "Start it with `ollama serve`."
    if here.system == "Darwin":
        return ("Start it with `open -a Ollama`.", serve)
    if here.system == "Windows":
        return ("Start it from the Start menu, or with `ollama serve`.",)
    return ("Start it with `sudo systemctl start ollama`.", serve) if here.unit else (serve,)


def _ollama_there(where: str, here: Here) -> tuple[str, ...]:
    """Ollama at an address that is not its own, where it is installed."""
    if not here.installed:
        return ()
    set_host = f'$env:OLLAMA_HOST="{where}"; ' if here.system == "Windows" else f"OLLAMA_HOST={where} "
    return (f"Start Ollama there with `{set_host}ollama serve`.",)
