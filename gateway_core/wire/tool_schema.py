"""Whether a tool call's arguments fit the tool's JSON schema: the part of JSON Schema that catches a model's mistakes.

Types, required and unknown properties, enums, items and combinations are checked; patterns, formats and ranges are not:
a client's regular expression must not hold the event loop, and what is not understood counts as fitting. The work is
bounded, so that no schema takes long. (JSON Schema 2020-12; jsonschema-rs would check all of it, for a dependency.)
"""

from __future__ import annotations

import re
from typing import Any

from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_list, as_object

MAX_STEPS = 20_000
MAX_DEPTH = 40
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?")
_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "null": (type(None),),
}


class Misfit(Exception):
    """The value does not fit; the text completes "the argument …"."""


def fit(value: Any, schema: Any) -> Any:
    """``value`` as ``schema`` wants it: scalars that were written as text become what they say, all else is unchanged.

    Raises :class:`Misfit`. A broken schema, or one that takes too long, lets everything pass.
    """
    try:
        return _Fitting(schema).fit(value, schema, "", 0)
    except _TooMuch:
        return value


class _TooMuch(Exception):
    pass


class _Fitting:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def fit(self, value: Any, schema: Any, where: str, depth: int) -> Any:
        self._steps += 1
        if self._steps > MAX_STEPS or depth > MAX_DEPTH:
            raise _TooMuch
        if schema is False:
            raise Misfit(f"{where or 'value'} is not allowed")
        if not isinstance(schema, dict):
            return value
        if "$ref" in schema:
            return self.fit(value, self._resolved(schema["$ref"]), where, depth + 1)
        value = _typed(value, schema, where)
        _check_enum(value, schema, where)
        value = self._combined(value, schema, where, depth)
        if isinstance(value, dict):
            return self._object(value, schema, where, depth)
        if isinstance(value, list) and isinstance(schema.get("items"), dict | bool):
            return [self.fit(v, schema["items"], f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
        return value

    def _object(self, value: JsonObject, schema: JsonObject, where: str, depth: int) -> JsonObject:
        properties = as_object(schema.get("properties"))
        for name in as_list(schema.get("required")):
            if isinstance(name, str) and name not in value:
                raise Misfit(f"{_path(where, name)} is missing")
        closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
        fitted = {}
        for name, item in value.items():
            if name not in properties and closed and not _combines(schema):
                raise Misfit(f"{_path(where, name)} is not known")
            fitted[name] = self.fit(item, properties.get(name, True), _path(where, name), depth + 1)
        return fitted

    def _combined(self, value: Any, schema: JsonObject, where: str, depth: int) -> Any:
        for part in as_list(schema.get("allOf")):
            value = self.fit(value, part, where, depth + 1)
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if isinstance(options, list) and options:
                value = self._first_fit(value, options, where, depth)
        return value

    def _first_fit(self, value: Any, options: list[Any], where: str, depth: int) -> Any:
        misfit: Misfit | None = None
        for option in options:
            try:
                return self.fit(value, option, where, depth + 1)
            except Misfit as error:
                misfit = misfit or error
        assert misfit is not None
        raise misfit

    def _resolved(self, ref: Any) -> Any:
        """The part of the schema that a local reference names; True, which everything fits, for any other."""
        found = self._root
        if not isinstance(ref, str) or not ref.startswith("#"):
            return True
        for part in ref[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                return True
            found = found[key]
        return found


def _typed(value: Any, schema: JsonObject, where: str) -> Any:
    kinds = schema.get("type")
    names: list[Any] = kinds if isinstance(kinds, list) else [kinds]
    if not all(isinstance(name, str) and name in _KINDS for name in names):
        return value
    if schema.get("nullable") is True:  # OpenAPI 3.0
        names = [*names, "null"]
    if any(_is(value, name) for name in names):
        return value
    if isinstance(value, str):
        if ("number" in names or "integer" in names) and _NUMBER.fullmatch(value):
            number = float(value) if "." in value else int(value)
            if "number" in names or isinstance(number, int):
                return number
        if "boolean" in names and value in ("true", "false"):
            return value == "true"
    raise Misfit(f"{where or 'value'} must be {' or '.join(names)}")


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[name])


def _check_enum(value: Any, schema: JsonObject, where: str) -> None:
    allowed = schema.get("enum")
    if isinstance(allowed, list) and allowed and value not in allowed:
        raise Misfit(f"{where or 'value'} is none of the values allowed")
    if "const" in schema and value != schema["const"]:
        raise Misfit(f"{where or 'value'} is not the value allowed")


def _combines(schema: JsonObject) -> bool:
    return any(key in schema for key in ("allOf", "anyOf", "oneOf", "$ref"))


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
