"""docs/failures.md has a row for whatever can go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llm_hub.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = [
    [cell.strip() for cell in line.split("|")]
    for line in (Path(__file__).parents[2] / "docs" / "failures.md").read_text().splitlines()
    if line.startswith("| ")
]


def all_failures(base: type[ProviderError] = ProviderError) -> Iterator[type[ProviderError]]:
    """Every class of errors that has a name of its own."""
    for error in base.__subclasses__():
        if error.kind not in (base.kind, "route_failed"):
            yield error
        yield from all_failures(error)


FAILURES = list(all_failures())


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: error.kind)
def test_every_failure_has_a_row_that_says_what_follows(error: type[ProviderError]) -> None:
    rows = [row for row in TABLE if row[2:3] == [f"`{error.kind}`"]]
    assert rows
    assert all(row[4].startswith("no") != error("", provider="p").falls_back for row in rows)


def test_the_table_names_nothing_that_cannot_go_wrong() -> None:
    named = {row[2].strip("`") for row in TABLE if len(row) == 7 and row[2].startswith("`")}
    assert named == {error.kind for error in FAILURES} | {"cancelled"}
