"""What the doctor finds of the network: who can reach the gateway, and what stands between it and the providers."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from gateway_core.credentials import without_credentials
from gateway_core.frozen import frozen
from gateway_core.keys import read_keys
from gateway_core.secret import gateway_secret, is_loopback, weakness
from gateway_core.settings import Settings, SettingsError
from llmgw_tui.findings import Finding

_ASK_S = 4.0


@frozen
class Upstream:
    """A base URL and the key that is sent there, if one is."""

    name: str
    url: str
    key: SecretStr | None


def listening_findings(settings: Settings, running: bool) -> Iterator[Finding]:
    """The address, whether it can be had, and whether the key is fit for who can reach it."""
    wide, refused = not is_loopback(settings.host), ""
    try:
        secret = gateway_secret(settings, create=False)
    except SettingsError as error:
        yield Finding("fail", str(error))
        return
    try:
        if secret is not None:
            read_keys(settings, create=False)
    except SettingsError as error:
        refused = str(error)
    if wide:
        yield Finding("note", f"LLMGW_HOST is {settings.host}: others on the network can reach the gateway")
    if refused and secret and not secret.isprintable():
        yield Finding("fail", refused)
    elif secret is not None and (why := unsendable(secret)):
        yield Finding("fail", f"the gateway's key {why}: no client can send it. Set another GATEWAY_SECRET.")
    elif refused:
        yield Finding("fail", refused)
    elif secret is not None and (why := weakness(secret)):
        yield Finding(
            "note", f"the gateway's key can be guessed: it {why}. Leave GATEWAY_SECRET empty to have one made"
        )
    if not running and settings.port:
        yield from _port(settings)


def unsendable(key: str) -> str:
    """Why a key cannot stand in a header, or would not be taken for itself; empty where it can."""
    if key != key.strip():
        return "has white space around it"
    if not key.isascii() or not key.isprintable() or " " in key:
        return "has white space or other characters in it that no header can carry"
    return ""


def _port(settings: Settings) -> Iterator[Finding]:
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except socket.gaierror:
        yield Finding("fail", f"LLMGW_HOST {settings.host} has no address: use 127.0.0.1")
    except OSError as error:
        what = {
            errno.EADDRINUSE: "another program listens there. Stop it, or set another LLMGW_PORT",
            errno.EADDRNOTAVAIL: "it is no address of this machine. Set LLMGW_HOST to 127.0.0.1",
            errno.EACCES: "that port is not yours to take. Set LLMGW_PORT to one above 1023",
        }.get(error.errno or 0, f"{error.strerror}")
        yield Finding("fail", f"llmgw cannot listen on {where}: {what}")


def upstreams(settings: Settings) -> Iterator[Upstream]:
    """Every provider that would be called."""
    for name in ("anthropic", "groq", "openai"):
        key = getattr(settings, f"{name}_api_key")
        if name == "anthropic":
            key = key or settings.anthropic_setup_token
        if key and settings.provider_entry(name) is None:
            yield Upstream(name, getattr(settings, f"{name}_base_url"), key)
    if settings.local_llm_enabled and settings.local_llm_api_key:
        yield Upstream("the local server", settings.local_llm_url, settings.local_llm_api_key)
    for entry in settings.providers:
        if not entry.lacks_key:
            yield Upstream(entry.name, entry.base_url, entry.api_key)


async def upstream_findings(settings: Settings) -> AsyncIterator[Finding]:
    """Each provider's address: encrypted where a key goes over the network, found, and not moved elsewhere.

    It is asked for nothing but its answer at the base URL, and without a key.
    """
    all_of_them = list(upstreams(settings))
    for found in await asyncio.gather(*map(_upstream, all_of_them)):
        for finding in found:
            yield finding


async def _upstream(upstream: Upstream) -> list[Finding]:
    shown, parts = without_credentials(upstream.url), urlsplit(upstream.url)
    host = parts.hostname or ""
    found = []
    if upstream.key and parts.scheme == "http" and not is_loopback(host):
        why = "its key goes over the network for anybody to read"
        found.append(Finding("fail", f"{upstream.name} is at {shown}, without encryption: {why}. Use https://."))
    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_ASK_S), trust_env=not is_loopback(host)
            ) as session,
            session.get(upstream.url, allow_redirects=False) as answer,
        ):
            if answer.status in (301, 302, 303, 307, 308):
                to = without_credentials(answer.headers.get("Location", "another address"))
                why = "a key is never sent after a redirect"
                found.append(Finding("fail", f"{upstream.name} at {shown} redirects to {to}, and {why}. Set that URL."))
    except aiohttp.ClientConnectorDNSError:
        found.append(Finding("fail", f"{upstream.name}: there is no address for {host}. Check its URL, or your DNS."))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        what = "it does not answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        found.append(Finding("note", f"{upstream.name} at {shown} cannot be reached now ({what})"))
    return found
