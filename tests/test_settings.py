"""What the settings accept, and what they say about what they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "OPENAI_API_KEY", "HF_TOKEN", *Settings.names()):
        monkeypatch.delenv(name, raising=False)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / ".env"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path / ".env")
    assert (settings.host, settings.port, settings.servers) == ("127.0.0.1", 7860, {})


def test_a_space_listens_on_every_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/hub")
    assert Settings.load(tmp_path / ".env").host == "0.0.0.0"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_HUB_PORT", "9001")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    settings = Settings.load(written(tmp_path, "LLM_HUB_PORT=9000\nOPENAI_API_KEY=sk-from-file\nHF_TOKEN=hf_file"))
    assert settings.port == 9001
    assert settings.value("OPENAI_API_KEY") == "sk-from-environment"
    assert settings.value("HF_TOKEN") == "hf_file"


def test_a_blank_value_is_no_value(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, "LLM_HUB_PORT=\nOPENAI_API_KEY=\nHF_TOKEN=' '"))
    assert settings.port == 7860
    assert settings.value("OPENAI_API_KEY", "HF_TOKEN") == ""


def test_more_servers_are_read_by_name(tmp_path: Path) -> None:
    text = "LLM_HUB_SERVERS=vllm=http://gpu:8000/v1, studio=http://127.0.0.1:1234/v1, VLLM=http://other:8000/v1"
    assert Settings.load(written(tmp_path, text)).servers == {
        "vllm": ("http://gpu:8000/v1", "http://other:8000/v1"),
        "studio": ("http://127.0.0.1:1234/v1",),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("LLM_HUB_REDIS_URL=secret123:6379", "LLM_HUB_REDIS_URL: it is no address of a Redis, which looks like redis:"),
        ("LLM_HUB_DATABASE_URL=mysql://secret123", "LLM_HUB_DATABASE_URL: it looks like sqlite:///file or postgresql:"),
        ("LLM_HUB_PORT=sk-secret123", "LLM_HUB_PORT"),
        ("LLM_HUB_PORT=99999", "LLM_HUB_PORT"),
        ("LLM_HUB_CONNECT_TIMEOUT=nan", "LLM_HUB_CONNECT_TIMEOUT"),
        ("LLM_HUB_IDLE_TIMEOUT=-1", "LLM_HUB_IDLE_TIMEOUT"),
        ("LLM_HUB_CHECKS=0.01", "LLM_HUB_CHECKS: it is 0, for never, or at least 1"),
        ("LLM_HUB_ALLOWED_HOSTS=hub.example, https://hub.example/", "entry 2 is no name"),
        ("LLM_HUB_ALLOWED_HOSTS=hub.example:80", "without https:// and a port"),
        ("LLM_HUB_SERVERS=http://gpu:8000/v1", "LLM_HUB_SERVERS"),
        ("LLM_HUB_PROT=7861", "Did you mean LLM_HUB_PORT?"),
        ("HF_TOKEN=ok\nsk-secret123 = 'x", "line 2"),
        ("HF_TOKEN=ok\n\n\nOPENAI_API_KEY='sk-secret123", "line 4"),
        ("# a comment\nOPENAI_API_KEY", "line 2"),
        (b"OPENAI_API_KEY=\xff\xfe", ".env"),
    ],
)
def test_what_cannot_be_read_is_named_and_no_value_is_shown(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(written(tmp_path, text))
    assert told in str(caught.value)
    assert "secret123" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Settings.load(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert Settings.load(written(tmp_path, b"\xef\xbb\xbfLLM_HUB_PORT=9000")).port == 9000


def test_keys_are_in_no_representation(tmp_path: Path) -> None:
    settings = Settings.load(written(tmp_path, "OPENAI_API_KEY=sk-secret123"))
    assert "secret123" not in f"{settings!r} {settings} {settings.model_dump()}"


@pytest.mark.parametrize("name", ["page", "visitor", "local", "alice"])
def test_a_keys_name_is_nobody_elses(tmp_path: Path, name: str) -> None:
    keys = f"LLM_HUB_API_KEYS=alice=alice-0123456789abcdef,{name}=other-0123456789abcdef"
    with pytest.raises(ConfigurationError, match=f"LLM_HUB_API_KEYS: the name {name} is taken") as caught:
        Settings.load(written(tmp_path, keys))
    assert "0123456789" not in str(caught.value)


def test_a_key_is_nobody_elses(tmp_path: Path) -> None:
    keys = "LLM_HUB_API_KEYS=alice=both-0123456789abcdef,bob=both-0123456789abcdef"
    with pytest.raises(ConfigurationError, match="LLM_HUB_API_KEYS: alice and bob have the same key") as caught:
        Settings.load(written(tmp_path, keys))
    assert "0123456789" not in str(caught.value)


def test_every_key_is_known_as_what_must_not_be_logged(tmp_path: Path) -> None:
    lines = (
        "OPENAI_API_KEY=sk-one", "HF_TOKEN=hf_two", "OPENAI_BASE_URL=http://localhost/v1",
        "LLM_HUB_API_KEYS=alice=alice-0123456789abcdef",
    )  # fmt: skip
    secrets = Settings.load(written(tmp_path, "\n".join(lines))).secrets()
    assert {"sk-one", "hf_two", "alice-0123456789abcdef"} <= set(secrets)
    assert "http://localhost/v1" not in secrets
