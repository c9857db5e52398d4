"""docs/failures.md has a row for whatever can go wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_hub.errors import ProviderError

TABLE = [
    [cell.strip() for cell in line.split("|")]
    for line in (Path(__file__).parents[2] / "docs" / "failures.md").read_text().splitlines()
    if line.startswith("| ")
]
FAILURES = [error for error in ProviderError.__subclasses__() if error.kind != "route_failed"]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: error.kind)
def test_every_failure_has_a_row_that_says_what_follows(error: type[ProviderError]) -> None:
    rows = [row for row in TABLE if row[2:3] == [f"`{error.kind}`"]]
    assert rows
    assert all(row[4].startswith("no") != error("", provider="p").falls_back for row in rows)


def test_the_table_names_nothing_that_cannot_go_wrong() -> None:
    named = {row[2].strip("`") for row in TABLE if len(row) == 7 and row[2].startswith("`")}
    assert named == {error.kind for error in FAILURES} | {"cancelled"}
