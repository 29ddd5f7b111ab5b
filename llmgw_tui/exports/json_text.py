"""JSON that any file, shell or terminal takes: what cannot be seen is escaped."""

from __future__ import annotations

import json
import re

_UNSEEN = re.compile("[^\x20-\x7e\n]")


def json_text(value: object) -> str:
    """``value`` as indented JSON. Characters that no terminal shows, lone surrogates too, are ``\\u`` escapes."""
    return _UNSEEN.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
