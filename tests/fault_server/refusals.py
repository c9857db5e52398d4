"""The replies that say no: bad keys, requests that the vendor would refuse, and the errors that a fault asks for."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from tests.fault_server.dialect import Dialect, Refused, Reply, dump
from tests.fault_server.faults import REFUSALS, Fault

if TYPE_CHECKING:
    from tests.fault_server.log import Exchange

HTML = b"<!doctype html><html><head><title>Welcome to nginx!</title></head><body><h1>Hello</h1></body></html>\n"


def refusal(exchange: Exchange, fault: Fault, dialect: Dialect) -> Reply | None:
    """The error reply that the key, the request or the fault calls for."""
    if key_problem := bad_key(exchange, dialect):
        return key_problem
    try:
        if fault.options.get("accept") != "any":
            dialect.check(exchange)
    except Refused as refused:
        return Reply(refused.status, dialect.error(refused.status, refused.kind, str(refused), refused.parameter))
    if fault.options.get("files") == "refused" and (b"application/pdf" in exchange.raw or b".pdf?" in exchange.raw):
        return Reply(400, dialect.error(400, "bad-request", "This model does not support PDF files."))
    name = fault.name
    if name == "key":
        return key_refused(exchange, dialect)
    if name.startswith("param-"):
        return _parameter_refused(name[6:], fault, exchange, dialect)
    status = int(name[7:]) if name.startswith("status-") else REFUSALS.get(name)
    if status is None:
        return None
    if name == "quota" and dialect.name == "anthropic":
        status = 402
    words = {
        "quota": "You exceeded your current quota, please check your plan and billing details.",
        "unknown": f"The model `{exchange.model}` does not exist or you do not have access to it.",
        "context": "This model's maximum context length is 128000 tokens. Your messages resulted in 200000 tokens.",
        "policy": "Your request was rejected as a result of our safety system.",
        "bad-request": "We could not parse the request.",
    }
    if dialect.name == "anthropic":
        words |= {
            "unknown": f"model: {exchange.model}",
            "context": "prompt is too long: 1200000 tokens > 1000000 maximum",
            "quota": "Your credit balance is too low to access the Anthropic API.",
        }
    elif dialect.name == "ollama":
        words |= {"unknown": f'model "{exchange.model}" not found, try pulling it first'}
    reply = Reply(status, dialect.error(status, name, words.get(name, f"The fault server says {status}.")))
    reply = _dressed(reply, fault.options.get("body", ""))
    for option in ("retry-after", "retry-after-ms"):
        if option in fault.options:
            reply.headers[option] = fault.options[option]
    return reply


def _dressed(reply: Reply, body: str) -> Reply:
    """The refusal as something else than the vendor may word it."""
    match body:
        case "html":
            return Reply(reply.status, HTML, {"content-type": "text/html"})
        case "empty":
            return Reply(reply.status, b"", {})
        case "gzip":
            return packed(reply)
        case "text":
            words = b"upstream connect error or disconnect/reset before headers"
            return Reply(reply.status, words, {"content-type": "text/plain"})
        case "route":
            return Reply(reply.status, dump({"error": "Cannot POST /v1/responses"}))
    return reply


def packed(reply: Reply) -> Reply:
    """The same, compressed."""
    return Reply(reply.status, gzip.compress(reply.body), {**reply.headers, "content-encoding": "gzip"})


def bad_key(exchange: Exchange, dialect: Dialect) -> Reply | None:
    header = exchange.headers.get("authorization", "")
    missing = dialect.name == "anthropic" and not header.startswith("Bearer ")
    return key_refused(exchange, dialect) if missing or "refused" in header else None


def key_refused(exchange: Exchange, dialect: Dialect) -> Reply:
    """The vendors' texts echo the key."""
    key = exchange.headers.get("authorization", "").removeprefix("Bearer ")
    words = f"Incorrect API key provided: {key}. You can find your API key in your account."
    return Reply(401, dialect.error(401, "key", words))


def _parameter_refused(name: str, fault: Fault, exchange: Exchange, dialect: Dialect) -> Reply | None:
    sent = dialect.sent(exchange.body)
    if name not in sent:
        return None
    shape = fault.options.get("shape")
    if shape == "fastapi":
        complaint = {
            "type": "extra_forbidden",
            "loc": ["body", name],
            "msg": "Extra inputs are not permitted",
            "input": sent[name],
        }
        return Reply(422, dump({"detail": [complaint]}))
    kind = fault.options.get("code", "unsupported_parameter")
    if shape == "no-code":
        kind = "bad-request"
    words = f"Unsupported parameter: '{name}' is not supported with this model."
    if dialect.name == "anthropic":
        words = f"{name}: Extra inputs are not permitted"
    return Reply(400, dialect.error(400, kind, words, name))
