"""The wire's parts by themselves: decoders, think tags, errors from replies, learnt parameters, checks of input."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_hub import errors
from llm_hub.errors import (
    ConfigurationError,
    ConnectionFailed,
    ContentRejected,
    InvalidRequest,
    KeyRefused,
    ModelNotFound,
    NotConfigured,
    PromptTooLong,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    StreamBroken,
    UnsupportedParameter,
)
from llm_hub.wire import http_errors
from llm_hub.wire.decoders import MAX_LINE_BYTES, MAX_LINE_VALUES, LineDecoder, SSEDecoder, parse_object
from llm_hub.wire.http_errors import error_from_reply
from llm_hub.wire.learned_parameters import LearnedParameters
from llm_hub.wire.retry_after import retry_after
from llm_hub.wire.think_tags import MAX_LEADING_SPACE, ThinkSplitter
from llm_hub.wire.validation import checked_key, checked_url, parse_count

if TYPE_CHECKING:
    from collections.abc import Iterable

STREAM = 'data: {"t": "日本語"}\n\nevent: ping\ndata: {}\n\n: comment\n\ndata: [DONE]\n\n'.encode()
EVENTS = ['{"t": "日本語"}'.encode(), b"{}", b"[DONE]"]


def sse(*pieces: bytes) -> list[bytes]:
    """The data of the events of a stream that arrives in these pieces and then ends."""
    decoder = SSEDecoder()
    return [event for piece in (*pieces, b"\n\n") for event in decoder.decode(piece)]


def lines(*pieces: bytes) -> list[bytes]:
    """The lines of a stream that arrives in these pieces and then ends."""
    decoder = LineDecoder()
    return [line for piece in (*pieces, b"\n") for line in decoder.feed(piece)]


def byte_by_byte(data: bytes) -> Iterable[bytes]:
    """Every byte as a piece of its own."""
    return (data[index : index + 1] for index in range(len(data)))


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (STREAM, EVENTS),
        (STREAM.replace(b"\n", b"\r\n"), EVENTS),
        (STREAM.replace(b"\n", b"\r"), EVENTS),
        (b"\xef\xbb\xbf" + STREAM, EVENTS),
        (STREAM.replace(b"data: ", b"data:").replace(b"event: ", b"event:"), EVENTS),
        (STREAM.removesuffix(b"\n"), EVENTS),
        (STREAM.removesuffix(b"\n\n"), EVENTS),
        (b"data: {\ndata:  1\ndata: }\n\n", [b"{\n 1\n}"]),
        (b"data:  two spaces\n\n", [b" two spaces"]),
        (b"data: " + b"x" * 1024 * 1024 + b"\n\n", [b"x" * 1024 * 1024]),
        (b"id: 7\nretry: 100\nmystery: x\n\n", []),
        (b"event: alone\n\ndata: x\n\n", [b"x"]),
        (b"\n\n\n\n", []),
        (b"", []),
    ],
    ids=["LF", "CRLF", "CR", "BOM", "no space", "no blank line at the end", "no line end at the end",
        "many data lines", "two spaces", "a megabyte", "fields to skip", "an event without data", "blank lines", "nothing"],  # noqa: E501
)  # fmt: skip
def test_an_event_stream_is_the_same_in_one_piece_and_byte_by_byte(stream: bytes, events: list[bytes]) -> None:
    assert sse(stream) == events
    if len(stream) < 10_000:
        assert sse(*byte_by_byte(stream)) == events


@given(st.sets(st.integers(1, len(STREAM) * 2), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_where_the_network_cuts_a_stream_makes_no_difference(cuts: set[int], end: bytes) -> None:
    stream = STREAM.replace(b"\n", end)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    assert sse(*(stream[a:b] for a, b in itertools.pairwise(edges))) == EVENTS


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_no_bytes_make_a_decoder_fail_or_depend_on_where_they_are_cut(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert lines(*pieces) == lines(data) == lines(*byte_by_byte(data))
    assert sse(*pieces) == sse(data)


def test_an_event_is_out_as_soon_as_its_blank_line_is_in() -> None:
    decoder = SSEDecoder()
    assert decoder.decode(b"data: x\n") == []
    assert decoder.decode(b"\n") == [b"x"]


def test_a_character_that_is_split_between_two_reads_is_whole_again() -> None:
    data = '{"t":"日"}\n'.encode()
    assert lines(data[:7], data[7:])[0].decode() == '{"t":"日"}'


def test_a_line_that_is_too_long_is_a_broken_stream() -> None:
    decoder = LineDecoder()
    for _ in range(MAX_LINE_BYTES // 2**20):
        assert decoder.feed(b"x" * 2**20) == []
    with pytest.raises(StreamBroken):
        decoder.feed(b"x")


def test_an_event_of_too_many_lines_is_a_broken_stream() -> None:
    decoder = SSEDecoder()
    assert decoder.decode(b"data: x\n" * 10_000) == []
    with pytest.raises(StreamBroken):
        decoder.decode(b"data: x\n")


def test_leading_white_space_is_handed_on_when_it_grows_too_long() -> None:
    """It waits at first, since a tag may follow it; but a server may send nothing else."""
    splitter = ThinkSplitter()
    pieces = [splitter.feed(" ") for _ in range(MAX_LEADING_SPACE)]
    assert pieces == [*[[]] * (MAX_LEADING_SPACE - 1), [(False, " " * MAX_LEADING_SPACE)]]
    assert splitter.feed("<think>") == [(False, "<think>")]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1,2]", b"null", b"7", b'"x"', b"[DONE]", b"<html>", b"\xff\xfe", b"[" * 100_000, b"NaN"]
)
def test_what_is_not_a_json_object_is_a_broken_stream(data: bytes) -> None:
    with pytest.raises(StreamBroken) as caught:
        parse_object(data)
    assert len(caught.value.detail) <= 301


@pytest.mark.parametrize("text", ["日本語", "😀", "\u2028", "\x00", "a\\nb"])
def test_text_in_json_is_exact_escaped_or_not(text: str) -> None:
    assert parse_object(json.dumps({"t": text}).encode())["t"] == text
    assert parse_object(json.dumps({"t": text}, ensure_ascii=False).encode())["t"] == text


@pytest.mark.parametrize("value", [b"[]", b'{"a":1}', b"1"])
def test_an_object_of_too_many_values_is_refused_before_it_is_parsed(value: bytes) -> None:
    largest = b'{"rows": [' + b",".join([value] * (MAX_LINE_VALUES // 3)) + b"]}"
    assert len(parse_object(largest)["rows"]) == MAX_LINE_VALUES // 3
    with pytest.raises(StreamBroken, match="more at once"):
        parse_object(b'{"rows": [' + b",".join([value] * (MAX_LINE_VALUES + 1)) + b"]}")


def test_a_number_of_thousands_of_digits_is_not_read_digit_by_digit() -> None:
    assert parse_object(rb'{"half": "\ud83d", "n": ' + b"9" * 5000 + b"}")["n"] == float("inf")


def test_half_a_surrogate_pair_does_not_end_the_chat() -> None:
    text = parse_object(rb'{"t": "a\ud83d"}')["t"]
    assert text.startswith("a")
    text.encode()


THOUGHTS = [
    ("plain text", "", "plain text"),
    ("<think>why</think>because", "why", "because"),
    ("<think>\nwhy\n</think>\n\nbecause", "why\n", "because"),
    ("\n <think>why</think>because", "why", "because"),
    ("<think></think>because", "", "because"),
    ("say <think>no</think>", "", "say <think>no</think>"),
    ("<thin air", "", "<thin air"),
    ("<", "", "<"),
    ("<think>never closed </thi", "never closed </thi", ""),
    ("<think>a < b </ b</think>c", "a < b </ b", "c"),
    ("<think>one</think>two <think>three</think>", "one", "two <think>three</think>"),
    ("  leading space", "", "  leading space"),
]


@pytest.mark.parametrize(("written", "thought", "answer"), THOUGHTS, ids=[repr(case[0]) for case in THOUGHTS])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_inline_reasoning_is_kept_apart_wherever_it_is_cut(written: str, thought: str, answer: str, size: int) -> None:
    splitter = ThinkSplitter()
    pieces = [written[start : start + size] for start in range(0, len(written), size)]
    pairs = [pair for piece in pieces for pair in splitter.feed(piece)] + splitter.flush()
    assert "".join(text for is_reasoning, text in pairs if is_reasoning) == thought
    assert "".join(text for is_reasoning, text in pairs if not is_reasoning) == answer
    assert all(text for _, text in pairs)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "999999999"}, 86400.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970"}, None),
        ({"retry-after": "Sun, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "nonsense", "retry-after": "7"}, 7.0),
        ({"retry-after-ms": "-5", "retry-after": "7"}, 7.0),
    ],
    ids=str,
)
def test_retry_after_is_seconds_or_nothing(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=1000.0) == seconds


def error_for(status: int | None, body: object, **rest: Any) -> ProviderError:
    """The error of a reply."""
    body = body if isinstance(body, bytes) else orjson.dumps(body)
    return error_from_reply(
        provider="fault-server", title="The fault server", model="m", status=status, body=body, **rest
    )


CODES = {
    QuotaExhausted: ["insufficient_quota", "billing_hard_limit_reached", "billing_error", "insufficient_credits"],
    PromptTooLong: ["context_length_exceeded", "exceed_context_size_error", "request_too_large"],
    ContentRejected: ["content_policy_violation", "content_filter"],
    KeyRefused: ["invalid_api_key", "authentication_error", "permission_error"],
    ModelNotFound: ["model_not_found", "not_found_error"],
    RateLimited: ["rate_limit_error", "rate_limit_exceeded"],
    ServerFailed: ["overloaded_error", "api_error", "server_error"],
}


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in CODES.items() for code in codes])
@pytest.mark.parametrize("where", ["code", "type"])
def test_a_known_code_decides_in_a_reply_and_in_a_stream(kind: type[ProviderError], code: str, where: str) -> None:
    error = {"error": {where: code, "message": "words"}}
    assert type(error_for(None, error)) is kind
    assert type(error_for(400, error)) is kind


BODIES: dict[str, object] = {
    "OpenAI": {"error": {"message": "words", "type": "t", "param": None, "code": None}},
    "Anthropic": {"type": "error", "error": {"type": "t", "message": "words"}, "request_id": "r"},
    "Ollama": {"error": "words"},
    "vLLM": {"object": "error", "message": "words", "type": "t", "param": None, "code": 400},
    "Gemini": [{"error": {"code": 400, "message": "words", "status": "INVALID_ARGUMENT"}}],
    "FastAPI": {"detail": "words"},
    "FastAPI's list": {"detail": [{"loc": ["body", "x"], "type": "t", "msg": "words"}]},
    "a string": b'"words"',
    "plain text": b"words",
    "HTML": b"<html><body><h1>words</h1></body></html>",
    "message only": {"message": "words"},
}
ODD_BODIES: list[bytes] = [
    b"", b"null", b"[]", b"{}", b"7", b"[[]]", b"[null]", b'{"error": null}', b'{"error": []}',
    b'{"error": {"message": {"a": 1}}}', b'{"error": {"code": {}, "type": [], "param": 7}}',
    b'{"detail": [7, null, {"loc": 3}, {"loc": []}]}', b'{"detail": []}', b"\xff\xfe\x00", b"{" * 100_000,
    b'{"error": {"code": 9999999999999999999999}}', b'{"error": {"param": "a.b[0].c"}}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_providers_message_is_found_in_every_shape(body: object) -> None:
    assert error_for(400, body).detail.strip() == "words"


@pytest.mark.parametrize("body", ODD_BODIES, ids=[repr(body[:40]) for body in ODD_BODIES])
def test_an_error_body_of_an_odd_shape_is_still_an_error_by_its_status(body: bytes) -> None:
    assert type(error_for(503, body)) is ServerFailed
    assert type(error_for(400, body)) is InvalidRequest
    assert type(error_for(429, body)) is RateLimited
    assert isinstance(error_for(None, body), ProviderError)


def _kinds() -> list[type[ProviderError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProviderError)]


def test_every_status_and_code_becomes_a_class_of_the_tree() -> None:
    """Every status with every known code, and none: always one of the classes of the tree, never the bare base."""
    codes = [None, "never_heard_of", *http_errors._BY_CODE]
    for status, code in itertools.product([None, *range(300, 600)], codes):
        error = error_for(status, {"error": {"code": code, "message": "words"}})
        assert type(error) in _kinds()
        assert type(error) is not ProviderError
        assert error.status == status
        assert str(error)
        assert "{" not in str(error)


def test_statuses_mean_what_the_design_says() -> None:
    table = {407: ConnectionFailed, 408: ServerFailed, 425: ServerFailed, 498: ServerFailed, 429: RateLimited, 402: QuotaExhausted, 401: KeyRefused,  # noqa: E501
        403: KeyRefused, 404: NotConfigured, 405: NotConfigured, 413: PromptTooLong,
        400: InvalidRequest, 422: InvalidRequest}  # fmt: skip
    for status in range(300, 600):
        usual = ServerFailed if status >= 500 else InvalidRequest if status >= 400 else StreamBroken
        assert type(error_for(status, b"")) is table.get(status, usual), status


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "insufficient_quota", QuotaExhausted),
        (429, "overloaded_error", ServerFailed),
        (413, "rate_limit_exceeded", PromptTooLong),
        (401, "server_error", KeyRefused),
        (402, "rate_limit_exceeded", QuotaExhausted),
        (500, "unsupported_value", ServerFailed),
        (404, "unsupported_parameter", ModelNotFound),
        (400, "invalid_request_error", InvalidRequest),
        (404, "invalid_request_error", ModelNotFound),
    ],
)
def test_where_status_and_code_disagree(status: int, code: str, kind: type[ProviderError]) -> None:
    assert type(error_for(status, {"error": {"code": code}})) is kind


@pytest.mark.parametrize("status", [400, 422])
def test_a_bad_request_that_names_one_of_our_parameters_is_about_that_parameter(status: int) -> None:
    body = {"error": {"message": "no", "type": "invalid_request_error", "param": "temperature", "code": None}}
    error = error_for(status, body, sent=frozenset({"temperature"}))
    assert isinstance(error, UnsupportedParameter)
    assert error.parameter == "temperature"
    assert type(error_for(status, body, sent=frozenset({"max_tokens"}))) is InvalidRequest
    validation_errors = {"detail": [{"type": "extra_forbidden", "loc": ["body", "temperature"], "msg": "no"}]}
    error = error_for(status, validation_errors, sent=frozenset({"temperature"}))
    assert isinstance(error, UnsupportedParameter)
    assert error.parameter == "temperature"


@pytest.mark.parametrize(
    "code", ["decimal_above_max_value", "array_above_max_length", "invalid_value", "int_parsing", "less_than_equal"]
)
def test_a_value_that_no_model_would_take_teaches_nothing_about_the_parameter(code: str) -> None:
    body = {"error": {"message": "no", "type": "invalid_request_error", "param": "top_p", "code": code}}
    assert type(error_for(400, body, sent=frozenset({"top_p"}))) is InvalidRequest
    validation_errors = {"detail": [{"type": code, "loc": ["body", "top_p"], "msg": "no"}]}
    assert type(error_for(422, validation_errors, sent=frozenset({"top_p"}))) is InvalidRequest


def test_a_context_error_that_names_messages_is_about_the_context() -> None:
    body = {"error": {"code": "context_length_exceeded", "param": "messages", "message": "too long"}}
    assert type(error_for(400, body, sent=frozenset({"messages"}))) is PromptTooLong


def test_a_status_in_an_error_inside_a_stream_decides() -> None:
    """OpenRouter puts the status of the provider behind it into the chunk's error."""
    assert type(error_for(None, {"error": {"code": 429, "message": "slow down"}})) is RateLimited
    assert type(error_for(None, {"error": {"code": 402, "message": "no credit"}})) is QuotaExhausted
    assert type(error_for(None, {"error": {"code": 502, "message": "gone"}})) is ServerFailed


@pytest.mark.parametrize("key", ["sk-abc123456789", "weird+key/with=signs"])
def test_the_key_is_in_no_part_of_an_error(key: str) -> None:
    error = error_for(401, {"error": {"message": f"Incorrect API key provided: {key}."}}, secrets=(key,))
    assert "[key]" in error.detail
    assert key not in f"{error!s}{error!r}{vars(error)}"


def test_a_long_message_is_shortened_after_the_key_is_cut_out() -> None:
    """A key that the cut would halve must not survive as a half."""
    key = "weird+key/with=signs" * 4
    error = error_for(401, {"error": {"message": "x" * 280 + key}}, secrets=(key,))
    assert "weird" not in error.detail


def refused(parameter: str, code: str = "") -> UnsupportedParameter:
    return UnsupportedParameter("no", parameter=parameter, code=code)


def learn(learned: LearnedParameters, body: dict[str, Any], *errors: UnsupportedParameter) -> dict[str, Any]:
    """One request for the model "m" that is refused with each of the errors, then answered: what was sent last."""
    sent = learned.apply("m", body)
    for error in errors:
        revised = learned.revise("m", error, body, sent)
        assert revised is not None
        sent = revised
    learned.confirm("m", body, sent)
    return sent


def test_learnt_parameters_are_renamed_then_dropped_and_belong_to_their_model() -> None:
    learned = LearnedParameters(frozenset({"model", "messages"}), {"new": "old", "old": "new"})
    body = {"model": "m", "new": 5, "temperature": 1}
    for _ in range(2):
        assert learned.apply("m", body) == body
        assert learn(learned, body, refused("new")) == {"model": "m", "old": 5, "temperature": 1}
    assert learned.apply("m", body) == {"model": "m", "old": 5, "temperature": 1}
    for _ in range(2):
        assert learn(learned, body, refused("old")) == {"model": "m", "temperature": 1}
    assert learned.apply("m", body) == {"model": "m", "temperature": 1}
    assert learned.apply("other", body) == body
    for error in (refused("old"), refused("model"), InvalidRequest("no")):
        assert learned.revise("m", error, body, learned.apply("m", body)) is None


def test_one_odd_refusal_teaches_nothing() -> None:
    learned = LearnedParameters(frozenset({"model"}))
    body = {"model": "m", "temperature": 1}
    assert learn(learned, body, refused("temperature")) == {"model": "m"}
    assert learn(learned, body) == body  # it takes it after all
    assert learn(learned, body, refused("temperature")) == {"model": "m"}
    assert learned.apply("m", body) == body


def test_a_value_that_was_refused_leaves_other_values_of_the_parameter() -> None:
    learned = LearnedParameters(frozenset({"messages"}))
    for _ in range(2):
        learn(learned, {"effort": "max", "heat": 2}, refused("effort", "unsupported_value"))
    assert learned.apply("m", {"effort": "max", "heat": 2}) == {"heat": 2}
    assert learned.apply("m", {"effort": "low"}) == {"effort": "low"}
    for _ in range(2):
        learn(learned, {"heat": 2}, refused("heat", "unsupported_value"))
    assert learned.apply("m", {"heat": 1}) == {}


@pytest.mark.parametrize("key", ["", " ", "a\nb", "a b", "ключ", "a\x00", "a\u200b"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="SETTING"):
        checked_key(key, "SETTING")


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://x", "http://", "http://a b", "http://u:p@x", "http://x:0", "http://x:99999", "http://[::1"]
)
def test_a_url_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SETTING"):
        checked_url(url, "SETTING")


@pytest.mark.parametrize("end", ["/api/chat", "/api/generate/", "/api/tags", "/chat/completions", ""])
def test_a_url_that_was_pasted_with_an_endpoint_ends_before_it(end: str) -> None:
    assert checked_url(f"http://gpu:11434{end}", "SETTING") == "http://gpu:11434"
    assert checked_url(f"http://gpu:11434/ui{end}", "SETTING") == "http://gpu:11434/ui"


def test_a_count_is_a_whole_number_that_is_not_negative() -> None:
    values: list[object] = [
        0,
        7,
        7.0,
        "7",
        10**10,
        -1,
        True,
        None,
        7.5,
        float("inf"),
        [],
        "-1",
        "7 ",
        "\u0667",
        "9" * 5000,
    ]
    assert [parse_count(value) for value in values] == [0, 7, 7, 7, *[None] * 11]


def test_an_object_in_a_list_of_its_own_is_that_object() -> None:
    assert parse_object(b'[{"error": {"code": 429}}]') == {"error": {"code": 429}}
    with pytest.raises(StreamBroken):
        parse_object(b'[{"a": 1}, {"b": 2}]')


@pytest.mark.parametrize(
    "stream",
    [
        b'data: {"a":1}\n\ndata: {"b":2}\n\n', b"data: [DONE]\n\n", b'data:{"a":1}\n\ndata: {"b":2}\n\n',
        b'data: \n\ndata: {"a":1}\n\n', b'data:   \n\ndata: {"a":1}\n\n', b'data: {"a":\ndata: 1}\n\n',
        b'data: {"a":1}\r\n\r\ndata: {"b":2}\r\n\r\n', b'data: {"a":1}\n\n: still here\n\n',
        b'data: {"a":1}\n\ndata: {"b"',
        b'data: {"a":1}\n\n\ndata: {"b":2}\n\n', b'data: {"a":1}\nevent: x\n\n', b"data: \n\n", b"data: x\n",
        b'event: a\ndata: {"a":1}\n\nevent: b\ndata: {"b":2}\n\n', b'event: a\ndata: {"a":1}\n\nevent: b\n\n',
        b'event: a\ndata: {"a":1}\n\ndata: {"b":2}\n\n', b'event: a\ndata: {"a":1}\n\n{"b":2}event: b\ndata: 1\n\n',
        b"event: a\ndata: \n\n", b"event: a\ndata:  \n\n", b'event: a\r\ndata: {"a":1}\r\n\r\n', b"event: a\n",
        b'event: a\ndata: {"a":\ndata: 1}\n\n', b'event: a\ndata: {"a":1}\nid: 1\n\n', b'event: a\ndata: {"a":1}\n',
        b'event: a\n\ndata: {"a":1}\n\n\n', b'event:\ndata: {"a":1}\n\nevent: b\ndata: {"b":2}\n\n',
        b'event: a\n\nevent: b\ndata: {"b":2}\ndata: 1\n\n', b'event: a\nid: 1\ndata: {"a":1}\n\nevent: b\n\n',
        b"event: a\ndata: \n\nevent: b\ndata: 1\n\n", b'event: a\ndata: {"a":1}\n\nevent: b\ndata: {"b"',
    ],
)  # fmt: skip
def test_a_read_of_whole_events_is_read_as_its_bytes_one_by_one_are(stream: bytes) -> None:
    at_once, bytewise = SSEDecoder(), SSEDecoder()
    expected = [event for place in range(len(stream)) for event in bytewise.decode(stream[place : place + 1])]
    assert at_once.decode(stream) == expected
    end = b'\n\ndata: {"z":0}\n\n'
    rest = [event for place in range(len(end)) for event in bytewise.decode(end[place : place + 1])]
    assert at_once.decode(end) == rest
