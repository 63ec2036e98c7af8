"""A redis-server of our own: free port, temporary directory, the module loaded, gone at the end."""

import os
import pathlib
import socket
import subprocess
import tempfile
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_DEADLINE = 10.0
STOP_DEADLINE = 5.0
REPLY_DEADLINE = 10.0


def module_path() -> pathlib.Path:
    """Path of the module under test: LARDER_MODULE, else the debug build, else the release build."""
    named = os.environ.get("LARDER_MODULE")
    built = [ROOT / "target" / profile / "liblarder.so" for profile in ("debug", "release")]
    for path in [pathlib.Path(named)] if named else built:
        if path.is_file():
            return path.resolve()
    raise SystemExit(f"no module at {named or ' or '.join(map(str, built))}: run `cargo build` first")


def free_port() -> int:
    """A TCP port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running server; a context manager that stops it."""

    def __init__(self) -> None:
        self._dir = tempfile.TemporaryDirectory(prefix="larder-python-")
        self._log = pathlib.Path(self._dir.name) / "redis.log"
        self.port = free_port()
        self._process = self._spawn(os.environ.get("LARDER_SERVER", "redis-server"))

    def __enter__(self) -> "Server":
        try:
            self._await_ping()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._dir.cleanup()

    def connect(self, protocol: int, text: bool = True) -> redis.Redis:
        """A client that never retries; replies are `str` unless `text` is off."""
        return redis.Redis(
            port=self.port,
            protocol=protocol,
            decode_responses=text,
            socket_timeout=REPLY_DEADLINE,
            retry=Retry(NoBackoff(), 0),
        )

    def log_tail(self, lines: int = 40) -> str:
        """The end of the server's log, for a failure's report."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:]) if self._log.exists() else ""

    def _spawn(self, binary: str) -> subprocess.Popen[bytes]:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self._dir.name]
        arguments += ["--logfile", str(self._log), "--loadmodule", str(module_path())]
        try:
            return subprocess.Popen([binary, *arguments])
        except FileNotFoundError:
            raise SystemExit(f"no {binary}: install Redis, or name a server in LARDER_SERVER") from None

    def _await_ping(self) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with self.connect(2) as client:
                    client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.01)
        raise SystemExit(f"redis-server did not start\n{self.log_tail()}")
