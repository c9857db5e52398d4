"""Halves the time that importing Gradio takes.

While it is imported, Gradio 6.31.0 writes a .pyi stub for each of its 81 component classes, and one beside every class
of ours that derives from them. Nothing needs stubs at run time, and they are half of the import's time. May go when:
tests/ui/gradio_fixes/test_server_side.py::test_gradio_writes_a_stub_for_every_component fails.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_STUB_WRITER = "gradio.component_meta"


class _StublessLoader(Loader):
    """Loads the module as usual, then replaces its stub writer by one that does nothing."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if hasattr(module, "create_or_modify_pyi"):
            setattr(module, "create_or_modify_pyi", lambda *_: None)  # noqa: B010  # a module of no known type


class _Finder(MetaPathFinder):
    """Finds the module with the stub writer before Python's own finders do."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _STUB_WRITER:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _StublessLoader(spec.loader)
        return spec


def skip_stubs() -> None:
    """Makes Gradio write no stubs. Call it before Gradio is imported; calling it again changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
