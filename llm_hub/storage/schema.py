"""The tables, as the newest database has them: `migrations.py` says how an older one becomes it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

votes = Table(
    "votes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True, comment="seconds since 1970, UTC"),
    Column("verdict", String(8), nullable=False, comment="best, tie or bad"),
    Column("conversation", Text, comment="JSON; only where the voter ticked that it be kept"),
)
contestants = Table(
    "contestants",
    metadata,
    Column("vote_id", ForeignKey("votes.id", ondelete="CASCADE"), primary_key=True),
    Column("seat", Integer, primary_key=True, autoincrement=False, comment="from the left, from 0"),
    Column("target", String(400), nullable=False, comment="provider/model"),
    Column("won", Boolean, nullable=False),
)
requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("day", Integer, nullable=False, index=True, comment="days since 1970, UTC"),
    Column("who", String(100), nullable=False, comment="the name of a key of the API, or page"),
    Column("way", String(100), nullable=False, comment="chat, compare, or the endpoint's path"),
    Column("target", String(400), nullable=False, comment="provider/model that answered, or was first asked"),
    Column("outcome", String(40), nullable=False, comment="answered, cancelled, or the error's kind"),
    Column("attempts", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("first_token", Float, comment="seconds; none came where it is null"),
    Column("prompt_tokens", BigInteger, comment="as the providers counted; null where none did"),
    Column("completion_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger, comment="part of completion_tokens"),
    Column("cached_tokens", BigInteger, comment="part of prompt_tokens"),
    Column("nanodollars", BigInteger, comment="billionths of a US dollar; null where the price is not known"),
    Column("reported_nanodollars", BigInteger, comment="the part of it that providers say they charged; null for none"),
)
reservations = Table(
    "reservations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("day", Integer, nullable=False, index=True, comment="days since 1970, UTC"),
    Column("who", String(100), nullable=False, comment="as in requests"),
    Column("nanodollars", BigInteger, nullable=False, comment="what counts against limits and no row of requests has"),
)
conversations = Table(
    "conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False, comment="chat or comparison"),
    Column("title", Text, nullable=False, comment="empty until somebody gives one"),
    Column("first_line", Text, nullable=False, comment="of the first prompt: it stands for a missing title"),
    Column("folded_title", Text, nullable=False, comment="what a search reads of the title"),
    Column("pinned", Boolean, nullable=False),
    Column("created_at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("changed_at", Float, nullable=False),
    Column("deleted_at", Float, comment="null unless it is to be swept"),
    Column("version", BigInteger, nullable=False, comment="counts its changes"),
    Column("leaves", Text, nullable=False, comment="JSON: by pane, the last turn that is shown"),
    Column("setup", Text, nullable=False, comment="JSON: what a comparison has beside its turns"),
)
turns = Table(
    "turns",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="from 1, as they were asked"),
    Column("parent", Integer, nullable=False, comment="number of the turn before it; 0 at the beginning"),
    Column("pane", Integer, nullable=False),
    Column("version", BigInteger, nullable=False, comment="the conversation's, when this turn changed last"),
    Column("folded", Text, nullable=False, comment="what a search reads of the prompt and the answer"),
    Column("document", Text, nullable=False, comment="JSON, without the prompt's files"),
)
prompt_images = Table(
    "prompt_images",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="the turn's"),
    Column("place", Integer, primary_key=True, autoincrement=False, comment="among the prompt's images, from 0"),
    Column("type", String(64), nullable=False, comment="image/png, …"),
    Column("data", LargeBinary, nullable=False),
)
prompt_files = Table(
    "prompt_files",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="the turn's"),
    Column("place", Integer, primary_key=True, autoincrement=False, comment="among the prompt's documents, from 0"),
    Column("name", Text, nullable=False),
    Column("type", String(100), nullable=False, comment="application/pdf, …"),
    Column("pages", Integer, nullable=False, comment="0 where nobody knows"),
    Column("text", Text, nullable=False, comment="what stands in the file"),
    Column("data", LargeBinary, nullable=False, comment="empty where the file is its text"),
)
runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("created_at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("size", Integer, nullable=False, comment="how many cells it has"),
    Column("plan", Text, nullable=False, comment="JSON: prompts, targets, checks, settings"),
    Column("holder", String(64), nullable=False, comment="the process that works on it; empty for none"),
    Column("held_at", Float, nullable=False, comment="when that process said so last"),
)
run_cells = Table(
    "run_cells",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False, comment="JSON: the answer or the failure, and the figures"),
)
checkups = Table(
    "checkups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("cards", Text, nullable=False, comment="JSON: a card for each target, with all of its evidence"),
)
target_hours = Table(
    "target_hours",
    metadata,
    Column("writer", String(16), primary_key=True, comment="the process that counted"),
    Column("target", String(400), primary_key=True, comment="provider/model"),
    Column("hour", Integer, primary_key=True, autoincrement=False, comment="hours since 1970, UTC"),
    Column("answered", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("delays", Text, nullable=False, comment="JSON: how many first tokens by their step of 10 %"),
)
api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the key, in hexadecimal digits"),
    Column("ending", String(4), nullable=False, comment="the key's last characters"),
    Column("created_at", Float, nullable=False, comment="seconds since 1970, UTC"),
    Column("requests", BigInteger, comment="a day; null for no limit"),
    Column("tokens", BigInteger, comment="a day; null for no limit"),
    Column("microdollars", BigInteger, comment="a day, in millionths of a US dollar; null for no limit"),
)
