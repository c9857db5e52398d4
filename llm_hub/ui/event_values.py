"""What a handler of the page reads and what it changes, by component, so that no value is mixed up with another."""

from __future__ import annotations

from typing import Any

Inputs = dict[Any, Any]
"""The values that a handler reads, by component."""

Updates = dict[Any, Any]
"""The new values that a handler gives, by component."""
