"""The figures that the documentation states are those that were measured last, by one command."""

import re

import pytest

from benchmarks.figures import DOCUMENTS, fill, load


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_the_tables_are_those_of_the_file_of_figures(document) -> None:  # type: ignore[no-untyped-def]
    text = document.read_text()
    named = re.findall(r"<!-- figures: (\w+) -->", text)
    assert named
    assert load().keys() >= {*named}
    assert text == fill(text, load())


def test_every_run_says_when_and_where_it_was() -> None:
    for name, run in load().items():
        assert run["date"], name
        assert re.fullmatch(r"[0-9a-f]{7,}( with changes)?", run["commit"]), name
        assert run["machine"]["processor"], name
        assert "Python" in run["versions"], name
