"""Holds values against OpenAI's published schema; where it is from is said in ``data/README.md``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "openai_schemas.json").read_text("utf-8"))
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def problems(value: Any, name: str) -> list[str]:
    """What of ``value`` is not as the schema ``name`` says, one line a place; empty where all is."""
    return _check(value, _SCHEMAS[name], name)


def _check(value: Any, schema: dict[str, Any], where: str) -> list[str]:
    if reference := schema.get("$ref"):
        return _check(value, _SCHEMAS[reference.rpartition("/")[2]], where)
    if options := schema.get("anyOf"):
        return _check_any(value, options, schema.get("discriminator"), where)
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{where}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    if not schema.get("minimum", float("-inf")) <= (value if kind == "number" else 0) <= schema.get("maximum", 1e99):
        return [f"{where}: {value!r} is out of range"]
    found: list[str] = []
    if isinstance(value, dict):
        found += [f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        inner = schema.get("properties", {})
        for name, part in value.items():
            if other := inner.get(name, schema.get("additionalProperties")):
                found += _check(part, other, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for index, part in enumerate(value):
            found += _check(part, schema["items"], f"{where}[{index}]")
    return found


def _check_any(value: Any, options: list[dict[str, Any]], discriminator: Any, where: str) -> list[str]:
    """The problems with the option that the value means, which its ``type`` tells where there is a discriminator."""
    if discriminator and isinstance(value, dict):
        for option in options:
            target = _SCHEMAS[option["$ref"].rpartition("/")[2]]
            if value.get("type") in target["properties"]["type"]["enum"]:
                return _check(value, target, where)
        return [f"{where}: there is no type {value.get('type')!r}"]
    tried = [_check(value, option, where) for option in options]
    return min(tried, key=len) if all(tried) else []
