"""A connection that compares replies, so that a check reads like a line typed into redis-cli."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import redis

from server import Server

WAKE_DEADLINE = 5.0


class Session:
    """One protocol's connection to the server, with a count of what held and what did not."""

    def __init__(self, server: Server, protocol: int) -> None:
        self.protocol = protocol
        self.passed = 0
        self.failures: list[str] = []
        self._server = server
        self._client = server.connect(protocol)
        self._threads = ThreadPoolExecutor(max_workers=8)

    def close(self) -> None:
        self._threads.shutdown()
        self._client.close()

    def connect(self, text: bool = True) -> redis.Redis:
        """One more connection that speaks the same protocol."""
        return self._server.connect(self.protocol, text)

    def run(self, line: str, *more: Any) -> Any:
        """The reply to a command; `more` are arguments that are not plain words."""
        return self._client.execute_command(*line.split(), *more)

    def expect(self, line: str, want: Any, *more: Any) -> None:
        """Checks the reply, against a value or, where `want` is a function, with it."""
        try:
            got = self.run(line, *more)
        except redis.ResponseError as error:
            got = error
        self.check(line, got, want)

    def refuse(self, line: str, want: str) -> None:
        """Checks that the command ends in an error which starts with `want`."""
        try:
            self.check(line, self.run(line), f"an error: {want}")
        except redis.ResponseError as error:
            self.check(line, str(error), lambda text: text.startswith(want))

    def check(self, what: str, got: Any, want: Any) -> None:
        if want(got) if callable(want) else got == want and type(got) is type(want):
            self.passed += 1
        else:
            wanted = "something else" if callable(want) else repr(want)
            self.failures.append(f"{what}\n         got    {got!r}\n         wanted {wanted}")

    def fields(self, line: str) -> dict[str, Any]:
        """The names and values of a reply that is a map, or in RESP2 a flat array."""
        reply = self.run(line)
        return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2]))

    def map(self, line: str) -> dict[str, Any]:
        """As `fields`, having checked the reply's form."""
        form = "dict" if self.protocol == 3 else "list"
        self.check(f"{line} (form of the reply)", type(self.run(line)).__name__, form)
        return self.fields(line)

    def lease(self, line: str) -> int:
        """The token that a GETORLOCK is expected to hand out."""
        status, value, token = self.run(line)
        self.check(line, token, lambda it: type(it) is int and 0 < it < 2**53)
        return token

    def background(self, line: str) -> "Future[Any]":
        """Runs a command that blocks in a thread, on a connection of its own."""

        def call() -> Any:
            with self.connect() as client:
                return client.execute_command(*line.split())

        return self._threads.submit(call)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Waits for a condition and checks that it came true in time."""
        deadline = time.monotonic() + WAKE_DEADLINE
        while not (held := holds()) and time.monotonic() < deadline:
            time.sleep(0.005)
        self.check(what, held, True)
