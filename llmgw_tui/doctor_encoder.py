"""What the doctor finds of the semantic cache's encoder: whether it is there, and what to do where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gateway_core.cache.encoder.choice import BUILTIN, OLLAMA
from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.cache.encoder.exports import FOLDER, Exports
from gateway_core.cache.encoder.model_folder import open_folder
from gateway_core.cache.encoder.ollama_encoder import look_up
from gateway_core.ollama.address import local_base_url, root_of
from gateway_core.settings import Settings
from llmgw_tui.findings import Finding


async def encoder_findings(settings: Settings) -> AsyncIterator[Finding]:
    """The built-in encoder, which the embeddings use in any case, and the one that the semantic cache is set to use."""
    yield await asyncio.to_thread(_folder, settings, BUILTIN)
    if settings.semantic_cache == "off" or settings.semantic_encoder == BUILTIN:
        return
    if settings.semantic_encoder.startswith(OLLAMA):
        yield await asyncio.to_thread(_ollama, settings)
    else:
        yield await asyncio.to_thread(_folder, settings, settings.semantic_encoder)


def _folder(settings: Settings, source: str) -> Finding:
    try:
        model = open_folder(source)
        manifest = Exports(settings.data_dir / FOLDER, model).find()
    except EncoderError as error:
        return Finding("fail", str(error))
    what = "the built-in encoder" if source == BUILTIN else "the semantic cache's encoder"
    how = "exported for onnxruntime" if manifest else "on torch, and exported when llmgw has nothing else to do"
    return Finding("ok", f"{what} {model.name} is installed ({how})")


def _ollama(settings: Settings) -> Finding:
    name = settings.semantic_encoder.removeprefix(OLLAMA)
    url = root_of(local_base_url(settings))
    try:
        look_up(name, url)
    except EncoderError as error:
        return Finding("fail", f"SEMANTIC_ENCODER: {error}")
    return Finding("ok", f"the semantic cache's encoder {name} is in Ollama at {url}")
