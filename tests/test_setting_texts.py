"""A `.env` file that is changed: what becomes of the rest of it, and what happens where it cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.setting_texts import change_env_file, read_env_file

OWNERS_FILE = """\
# My keys
export OPENAI_API_KEY = 'sk-old'   # from the company's account

ANTHROPIC_API_KEY=
UNKNOWN="two
lines"
LLM_HUB_ROUTE=openai,local # both
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def change(file: Path, **changes: str | None) -> None:
    change_env_file(file, changes, lambda draft: None)


def test_all_that_is_not_changed_stays_as_it_is(file: Path) -> None:
    file.write_text(OWNERS_FILE)
    change(file, OPENAI_API_KEY="sk-new", ANTHROPIC_API_KEY="sk-ant", LLM_HUB_ROUTE=None, GROQ_API_KEY="gsk-1")
    assert (
        file.read_text()
        == """\
# My keys
export OPENAI_API_KEY =sk-new   # from the company's account

ANTHROPIC_API_KEY=sk-ant
UNKNOWN="two
lines"
LLM_HUB_ROUTE= # both
GROQ_API_KEY=gsk-1
"""
    )


VALUES = [
    "plain",
    "with space",
    "a#b",
    "a #b",
    "it's",
    'a"b',
    "back\\slash",
    "'",
    "\\'",
    "$HOME",
    "${HOME}",
    "a=b",
    "ä",
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("text", ["", "NAME=before", "NAME='before' # note\n", 'A=1\r\nNAME="be\\"fore"\r\nB=2\r\n'])
def test_a_value_is_read_as_it_was_written(file: Path, text: str, value: str) -> None:
    file.write_text(text, newline="")
    before = read_env_file(file)
    change(file, NAME=value)
    assert read_env_file(file) == before | {"NAME": value}
    assert ("\r\n" in file.read_bytes().decode()) == ("\r\n" in text)


def test_of_a_name_that_is_there_twice_the_one_that_counts_is_changed(file: Path) -> None:
    file.write_text("A=1\nA=2\n")
    change(file, A="3")
    assert file.read_text() == "A=1\nA=3\n"
    change(file, A=None)
    assert read_env_file(file) == {"A": ""}


def test_a_last_line_without_an_end_gets_one(file: Path) -> None:
    file.write_text("A=1")
    change(file, B="2")
    assert file.read_text() == "A=1\nB=2\n"


@pytest.mark.parametrize("mode", [0o644, 0o600, None])
def test_afterwards_only_its_owner_can_read_it(file: Path, mode: int | None) -> None:
    if mode is not None:
        file.touch(mode)
    change(file, A="1")
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_link_stays_and_leads_to_the_changed_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    target = tmp_path / "kept" / "settings"
    target.write_text("A=1\n")
    file.symlink_to(target)
    change(file, A="2")
    assert file.is_symlink()
    assert target.read_text() == "A=2\n"


def test_what_the_check_refuses_is_not_written(file: Path) -> None:
    file.write_text("A=1\n")

    def refuse(draft: Path) -> None:
        assert read_env_file(draft) == {"A": "2"}
        raise ConfigurationError("No.")

    with pytest.raises(ConfigurationError, match="No"):
        change_env_file(file, {"A": "2"}, refuse)
    assert file.read_text() == "A=1\n"
    assert list(file.parent.iterdir()) == [file]


def test_a_file_with_a_wrong_line_is_left_alone(file: Path) -> None:
    file.write_text("A=1\nsk-secret123 = 'x")
    with pytest.raises(ConfigurationError, match="line 2, cannot be read") as caught:
        change(file, A="2")
    assert "secret123" not in str(caught.value)
    assert file.read_text() == "A=1\nsk-secret123 = 'x"


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        change(tmp_path, A="1")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be written: No such file.*Nothing was changed"):
        change(tmp_path / "nowhere" / ".env", A="1")


REFUSED = """
import os, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from llm_hub.setting_texts import change_env_file
from llm_hub.errors import ConfigurationError
with TemporaryDirectory() as folder:  # imports what nobody may not read
    for _ in range(2):
        change_env_file(Path(folder) / ".env", {"A": "1"}, lambda draft: None)
if os.geteuid() == 0:
    os.setuid(65534)  # nobody: root may do everything
try:
    change_env_file(Path(sys.argv[1]), {"A": "2"}, lambda draft: None)
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("folder_mode", "mode", "told"),
    [
        (0o777, 0o444, "cannot be written: it is read-only."),
        (0o777, 0o000, "cannot be read: Permission denied."),
        (0o555, 0o666, "cannot be written: Permission denied. Nothing was changed."),
    ],
)
def test_what_its_owner_has_closed_stays_as_it_is(folder_mode: int, mode: int, told: str) -> None:
    with TemporaryDirectory() as name:  # pytest's own folders let nobody in
        folder, file = Path(name), Path(name) / ".env"
        file.write_text("A=1\n")
        file.chmod(mode)
        folder.chmod(folder_mode)
        program = [sys.executable, "-c", REFUSED, str(file)]
        assert told in subprocess.run(program, capture_output=True, text=True, check=True).stdout
        folder.chmod(0o700)
        file.chmod(0o600)
        assert file.read_text() == "A=1\n"
        assert list(folder.iterdir()) == [file]


FULL_DISK = """
import resource, sys
from pathlib import Path
from llm_hub.setting_texts import change_env_file
from llm_hub.errors import ConfigurationError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    change_env_file(Path(sys.argv[1]), {"B": "x" * 5000}, lambda draft: None)
except ConfigurationError as error:
    print(error)
"""


def test_where_no_more_can_be_written_the_old_file_stays(file: Path) -> None:
    """The system's limit of a file's size ends a write as a full disk does."""
    file.write_text("A=1\n")
    program = [sys.executable, "-c", FULL_DISK, str(file)]
    told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert "cannot be written: File too large. Nothing was changed." in told
    assert file.read_text() == "A=1\n"
    assert list(file.parent.iterdir()) == [file]
