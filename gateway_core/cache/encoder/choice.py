"""Which encoder a child process is to have."""

from __future__ import annotations

from pathlib import Path

import orjson

from gateway_core.frozen import frozen

BUILTIN = "builtin"
OLLAMA = "ollama/"
"""Before the name of a model of Ollama."""


@frozen
class Choice:
    """``source`` is ``builtin``, a model's folder or ``ollama/NAME``; ``exports`` the folder of exports, if any.

    ``ollama_url`` is the root of the local server.
    """

    source: str = BUILTIN
    exports: Path | None = None
    ollama_url: str = ""

    def pack(self) -> str:
        """As an argument of the child."""
        return orjson.dumps([self.source, str(self.exports or ""), self.ollama_url]).decode()

    @classmethod
    def unpack(cls, text: str) -> Choice:
        source, exports, ollama_url = orjson.loads(text)
        return cls(source, Path(exports) if exports else None, ollama_url)
