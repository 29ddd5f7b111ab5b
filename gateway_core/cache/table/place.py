"""Where the table of the semantic cache is: a folder of our own, or wherever a team shares one.

LanceDB itself takes ``s3://``, ``gs://``, ``az://`` and ``db://`` (docs.lancedb.com, storage). What it needs to get in
it takes from the environment that llmgw was started with, and only the variables of that kind of place reach the
child process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from gateway_core.cache.table.entry import FOLDER
from gateway_core.frozen import frozen

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
_LET_THROUGH = {"s3": "AWS_", "s3+ddb": "AWS_", "gs": "GOOGLE_", "az": "AZURE_", "db": "LANCEDB_"}
"""What the variables begin with that a kind of place needs."""


@frozen
class Place:
    """``uri`` as LanceDB takes it. ``folder`` is set where it is one of this machine.

    What is ``shared`` may have other readers and writers: nothing in it is ever moved or thrown away as a whole.
    """

    uri: str
    folder: Path | None
    shared: bool

    @classmethod
    def own(cls, folder: Path) -> Place:
        """A folder that nobody else uses."""
        return cls(str(folder), folder, False)

    @classmethod
    def of(cls, uri: str, data_dir: Path) -> Place:
        """The place that ``SEMANTIC_CACHE_URI`` names; the folder in ``data_dir`` where it is empty."""
        scheme = scheme_of(uri)
        if not uri.strip():
            return cls.own(data_dir / FOLDER)
        if scheme and scheme != "file":
            return cls(uri.strip(), None, True)
        path = unquote(urlsplit(uri).path) if scheme else uri.strip()
        folder = Path(path).expanduser().absolute()
        return cls(str(folder), folder, True)

    @property
    def shown(self) -> str:
        """The place for people: without what is in it of a name, a password or a query."""
        return masked(self.uri)

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The variables that the child may see to reach this place."""
        begins = _LET_THROUGH.get(scheme_of(self.uri))
        if begins is None:
            return {}
        return {name: value for name, value in variables.items() if name.startswith(begins) or name.upper() in _NETWORK}


def scheme_of(uri: str) -> str:
    """The scheme in small letters; empty for a path."""
    found = _SCHEME.match(uri.strip())
    return found[1].lower() if found else ""


def masked(uri: str) -> str:
    """The URI without its user, password, query and fragment, which may be keys."""
    if not scheme_of(uri):
        return uri
    try:
        parts = urlsplit(uri)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return f"{scheme_of(uri)}://…"
    return urlunsplit((parts.scheme, f"…@{host}" if "@" in parts.netloc else host, parts.path, "", ""))
