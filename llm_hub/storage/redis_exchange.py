"""What several hubs tell each other, through a Redis that all of them reach.

News of each topic is a stream that every hub adds to and reads: a hub that was cut off, or has just started, reads what
it has missed. A claim is a key with an end, which one hub alone can hold. All times are Redis' own, or durations.

Nobody waits for Redis but who asks for a claim, and then no longer than `PATIENCE`. While Redis cannot be reached
nothing is told, every claim is granted, and `problem` says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis

    Handler = Callable[[dict[str, Any], float], None]
    """Is given another hub's message, and the seconds since it was told. Raises KeyError, TypeError or ValueError for
    one that it cannot read."""

log = logging.getLogger(__name__)

STREAM = "llm-hub/news/"
"""How the keys of the topics' streams begin."""
MAX_NEWS = 2000
"""Messages of a topic that are kept for hubs that start."""
MAX_AGE = 600.0
"""Seconds for which they are kept, and which a hub that starts reads."""
MAX_QUEUE = 2000
"""Commands that wait for Redis. It answers hundreds of thousands a second: so many say that it does not answer."""
PATIENCE = 0.25
"""Seconds that a claim may take."""
TIMEOUT = 1.0
"""Seconds that Redis may take for an answer until it counts as one that cannot be reached."""
READ_TIMEOUT = 2.0
"""Seconds that a hub waits for news before it asks again, and thereby finds out whether Redis still answers."""
RETRY_AFTER = 1.0
"""Seconds after which a Redis that could not be reached is tried again."""
LEASE = 10.0
"""Seconds that a claim lasts if its hub does not prolong it: so long a hub that was killed keeps others from it."""
REST = 0.25
"""Seconds that a claim outlasts its end, for other hubs: they read the news of its outcome meanwhile."""
PROBLEM = "Redis cannot be used. This hub goes on by itself: it counts limits and finds out about pauses alone."

_CLAIM = """
for _, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  if holder and holder ~= ARGV[1] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
return 1
"""
"""Takes all of the keys, or none. Their holder may take them again."""

_KEEP = """
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('PEXPIRE', key, ARGV[2]) end
end
"""
"""Sets after how many milliseconds the holder's keys end."""


class RedisExchange:
    """One hub's side of the exchange. `run` keeps it going; without it the hub is alone, as it is without Redis."""

    def __init__(self, url: str) -> None:
        self.problem = ""
        """Why nothing can be told or heard at present, as a sentence; "" while it can."""
        self.connected = asyncio.Event()
        """Set while Redis answers."""
        self.patience, self.timeout = PATIENCE, TIMEOUT
        self._url = url
        self._hub = secrets.token_hex(8)
        self._handlers: dict[str, Handler] = {}
        self._queue: list[tuple[tuple[str | int, ...], asyncio.Future[bool] | None]] = []
        self._queued = asyncio.Event()
        self._held: set[tuple[str, ...]] = set()
        self._last_ids: dict[str, str] = {}
        """The newest message that was read, by its stream."""

    def hear(self, topic: str, handler: Handler) -> None:
        """Once it runs, `handler` is given what other hubs tell about a topic."""
        self._handlers[STREAM + topic] = handler

    def tell(self, topic: str, message: dict[str, Any]) -> None:
        """Lets the other hubs know, as soon as may be."""
        stream, text = STREAM + topic, json.dumps(message)
        self._send(("XADD", stream, "MAXLEN", "~", MAX_NEWS, "*", "from", self._hub, "message", text))

    async def claim(self, names: Sequence[str]) -> bool:
        """Whether no other hub has any of these names. Then they are this hub's until `end_claim`."""
        keys = _keys(names)
        self._held.add(keys)
        is_granted = False
        try:
            is_granted = await self._ask_for(keys, LEASE, self.patience)
        finally:
            if not is_granted:
                self.end_claim(names)
        return is_granted

    async def claim_for(self, names: Sequence[str], seconds: float) -> bool:
        """Whether no other hub has had any of these names in the last `seconds`. None is given back."""
        return await self._ask_for(_keys(names), seconds, self.timeout)

    async def _ask_for(self, keys: Sequence[str], seconds: float, patience: float) -> bool:
        """Whether this hub has all of these keys from now on, as it has where Redis does not answer."""
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self._send(("EVAL", _CLAIM, len(keys), *keys, self._hub, _milliseconds(seconds)), granted):
            return True
        try:
            async with asyncio.timeout(patience):
                return await granted
        except TimeoutError:
            return True

    def end_claim(self, names: Sequence[str]) -> None:
        """Other hubs may have these names, once they have heard what this one has told before."""
        keys = _keys(names)
        self._held.discard(keys)
        self._keep(keys, REST)

    async def run(self) -> None:
        """Exchanges news for ever, with a Redis that may come and go."""
        while True:
            reader, sender = self._client(), self._client()
            try:
                await self._connect(reader)
                await self._exchange(reader, sender)
            except Exception as error:  # noqa: BLE001  # whatever it is, the hub goes on alone and says so
                self._lose(error)
            finally:
                self.connected.clear()
                self._queue, queue = [], self._queue
                _grant(queue)
                for client in (reader, sender):
                    with suppress(OSError):
                        await client.aclose()
            await asyncio.sleep(RETRY_AFTER)

    async def _exchange(self, reader: Redis, sender: Redis) -> None:
        """Returns never. Raises what ends it. (A task group of Python 3.11.2 leaves its task half cancelled.)"""
        work = (self._read_forever(reader), self._send_forever(sender), self._keep_forever())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _client(self) -> Redis:
        """A client without timeouts of its own: in Python 3.11, those of redis-py lose a cancellation that comes while
        it sends."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        return Redis.from_url(
            self._url,
            protocol=2,
            decode_responses=True,
            socket_connect_timeout=None,
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
        )

    async def _connect(self, reader: Redis) -> None:
        """Finds out whether Redis can be written to (it may be full, or a copy of another one), and from where the news
        is to be read on. A clock that was set back begins anew."""
        async with asyncio.timeout(self.timeout):
            await reader.set(f"llm-hub/here/{self._hub}", "", px=_milliseconds(self.timeout))
            now = await _server_time(reader)
        last = max(map(_told_at, self._last_ids.values()), default=0.0)
        if not now - MAX_AGE <= last <= now:
            beginning = f"{_milliseconds(now if last > now else now - MAX_AGE)}-0"
            self._last_ids = dict.fromkeys(self._handlers, beginning)
        self.connected.set()
        if self.problem:
            log.info("Redis answers again: this hub and the others know of each other.")
        self.problem = ""

    def _lose(self, error: Exception) -> None:
        if not self.problem:
            log.error("Redis failed (%s). %s", type(error).__name__, PROBLEM)
        self.problem = PROBLEM

    async def _read_forever(self, client: Redis) -> None:
        streams: Any = self._last_ids
        while True:
            async with asyncio.timeout(READ_TIMEOUT + self.timeout):
                news: Any = await client.xread(streams, MAX_NEWS, _milliseconds(READ_TIMEOUT))
                if not news:
                    continue
                now = await _server_time(client)
            for stream, messages in news:
                for message_id, fields in messages:
                    self._last_ids[stream] = message_id
                    self._take(self._handlers[stream], fields, max(0.0, now - _told_at(message_id)))

    def _take(self, handler: Handler, fields: dict[str, str], age: float) -> None:
        """Hands a message on. One that cannot be read is another version's."""
        try:
            if fields["from"] != self._hub:
                handler(json.loads(fields["message"]), age)
        except (KeyError, TypeError, ValueError) as error:
            log.debug("What another hub told could not be read: %r", error)

    def _send(self, command: tuple[str | int, ...], reply: asyncio.Future[bool] | None = None) -> bool:
        """Has a command sent. Whether that can be."""
        if not self.connected.is_set() or len(self._queue) >= MAX_QUEUE:
            return False
        self._queue.append((command, reply))
        self._queued.set()
        return True

    async def _send_forever(self, client: Redis) -> None:
        """Sends what is queued, in its order. While Redis answers, more is queued for the next time."""
        while True:
            await self._queued.wait()
            self._queued.clear()
            self._queue, queue = [], self._queue
            pipeline = client.pipeline(transaction=False)
            for command, _ in queue:
                pipeline.execute_command(*command)
            for stream in self._handlers:
                pipeline.expire(stream, int(MAX_AGE))
            try:
                async with asyncio.timeout(self.timeout):
                    replies = await pipeline.execute()
            except BaseException:
                _grant(queue)
                raise
            for (_, waiting), reply in zip(queue, replies, strict=False):
                if waiting is not None and not waiting.done():
                    waiting.set_result(bool(reply))

    async def _keep_forever(self) -> None:
        """Prolongs the claims that are held."""
        while True:
            await asyncio.sleep(LEASE / 3)
            for keys in self._held:
                self._keep(keys, LEASE)

    def _keep(self, keys: Sequence[str], seconds: float) -> None:
        self._send(("EVAL", _KEEP, len(keys), *keys, self._hub, _milliseconds(seconds)))


def _keys(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"llm-hub/claim/{hashlib.sha256(name.encode()).hexdigest()[:32]}" for name in names)


def _grant(queue: Sequence[tuple[object, asyncio.Future[bool] | None]]) -> None:
    """Nobody is there to ask: who waits for a claim has it."""
    for _, waiting in queue:
        if waiting is not None and not waiting.done():
            waiting.set_result(True)


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _told_at(message_id: str) -> float:
    return int(message_id.partition("-")[0]) / 1000


async def _server_time(client: Redis) -> float:
    seconds, microseconds = await client.time()
    return float(seconds) + microseconds / 1e6
