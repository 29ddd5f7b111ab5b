"""Imports the SDKs without the models of what they send and get, which nobody here builds.

``import anthropic`` runs 2,900 modules (2.1 s of CPU, 45 MB) and ``import openai`` 520 (0.8 s, 12 MB), nearly all of
them such models (anthropic 2.12, openai 3.54, measured 2026-11). A gateway that passes bytes on needs 50 and 40: a
client, and what it writes on the outside of a request. So it takes copies of its own, under other names: who imports
an SDK by its own name gets all of it. In a copy

- a package is opened without its ``__init__``: a name is taken, when somebody asks for it, from the module that the
  ``__init__`` would import it from. What cannot be found so has the ``__init__`` run;
- each name of ``types`` is an empty class.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

COPY = "_without_models"
"""Ends the name that a copy has among the modules."""
_REEXPORT = re.compile(r"^from \.(\w[\w.]*) import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)
_COMMENT = re.compile(r"#.*")


def without_models(sdk: str) -> Any:
    """The copy of the package ``sdk``. One thread at a time may ask for it, and for what is in it."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return import_module(f"{sdk}{COPY}")


class _Places(dict[str, tuple[str, str]]):
    """Where a package's ``__init__`` takes its names from: the module within the package, and the name there."""

    @classmethod
    def read(cls, source: str) -> _Places:
        places = cls()
        for module, several, one in _REEXPORT.findall(source):
            for part in _COMMENT.sub("", several or one).split(","):
                words = part.split()
                if len(words) in (1, 3) and words[0] != "*":
                    places[words[-1]] = module, words[0]
        return places

    @property
    def are_plain(self) -> bool:
        """Whether no name is also that of its module: which of the two stands there depends on the order."""
        return bool(self) and all(name != module for name, (module, _) in self.items())


class _OnDemand(Loader):
    """Opens a package and leaves its ``__init__`` for when it is needed."""

    def __init__(self, usual: SourceFileLoader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        package, named = module.__name__, module.__dict__
        places = _Places.read(self._usual.get_source(package) or "")
        if not places.are_plain:
            self._usual.exec_module(module)
            return

        def find(name: str) -> object:
            if name in places:
                inner, there = places[name]
                found: object = getattr(import_module(f"{package}.{inner}"), there)
                named[name] = found
                return found
            if name.startswith("__") and name != "__all__":
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            if PathFinder.find_spec(f"{package}.{name}", module.__path__):
                return import_module(f"{package}.{name}")
            if named.pop("__getattr__", None) is not None:
                self._usual.exec_module(module)
            return getattr(module, name)

        named["__getattr__"] = find


class _Models(Loader):
    """Stands in for a module of models, and for the packages of them."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        package, named = module.__name__, module.__dict__

        def make(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            made: type = named.setdefault(name, type(name, (), {"__module__": package}))
            return made

        named["__getattr__"] = make


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        copy, _, inner = fullname.partition(".")
        if not copy.endswith(COPY):
            return None
        if inner.partition(".")[0] == "types":
            return ModuleSpec(fullname, _Models(), is_package=True)
        spec = PathFinder.find_spec(fullname, path) if inner else _renamed(copy.removesuffix(COPY), fullname)
        if spec and spec.submodule_search_locations is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _OnDemand(spec.loader)
        return spec


def _renamed(package: str, name: str) -> ModuleSpec | None:
    spec = PathFinder.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return spec_from_file_location(name, spec.origin, submodule_search_locations=spec.submodule_search_locations)
