"""What a handler of the page reads and what it changes: values by component, so that none is taken for another."""

from __future__ import annotations

from typing import Any

Inputs = dict[Any, Any]
"""The values that a handler reads, by component."""

Updates = dict[Any, Any]
"""The new values that a handler returns, by component."""
