"""A hop between a client and MongoDB that knows the protocol: chosen answers are replaced, or the connection is cut.

Connect with `directConnection=true`: the server names its own address, and clients would go around this one.
"""

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import bson
from pymongo import MongoClient

Document = dict[str, Any]
_HEADER = struct.Struct("<iiii")  # length, id, id of the request that it answers, kind
_MESSAGE = 2013
_BODY = _HEADER.size + 5  # after the flags and the kind of the first section, which holds the command
_LARGEST = 48_000_000
# The embedded server says only now and then that it is still the primary. Members of a replica set say so at once.
_OFTEN = "heartbeatFrequencyMS=500"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a command.

    `done` = the server carries it out first. Then `reply` is added to its answer, else it is the answer; without one
    the connection is cut.
    """

    name: str
    done: bool
    reply: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Injection:
    """A fault that waits for a command, on a collection or on any. `hits` counts how often it has happened."""

    fault: Fault
    command: str
    collection: str = ""
    skip: int = 0  # so many such commands pass first
    times: int = 1
    hits: int = 0

    def matches(self, command: Document) -> bool:
        """Whether it happens to this command."""
        name, value = next(iter(command.items()))
        if name == "getMore":
            value = command["collection"]
        if name != self.command or (self.collection and value != self.collection) or self.hits == self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True


@dataclass(slots=True)
class MongoProxy:
    """The hop. `seen` has the commands that came by while it is a list."""

    target: tuple[str, int]
    url: str
    seen: list[Document] | None = None
    _armed: list[Injection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, fault: Fault, command: str, collection: str = "", *, skip: int = 0, times: int = 1) -> Injection:
        """Let a fault happen, instead of any that waits."""
        injection = Injection(fault, command, collection, skip, times)
        with self._lock:
            self._armed[:] = [injection]
        return injection

    def clear(self) -> None:
        """Let no fault happen any more."""
        with self._lock:
            self._armed.clear()

    def fault_of(self, message: bytes) -> Fault | None:
        """The fault that happens to a request, if any does."""
        with self._lock:
            if self.seen is None and not self._armed:
                return None
            command = _command(message)
            if command is None:
                return None
            if self.seen is not None:
                self.seen.append(command | _beside(message))
            return next((one.fault for one in self._armed if one.matches(command)), None)

    def serve(self, listening: socket.socket, open_ends: list[socket.socket]) -> None:
        """Take connections until the port closes."""
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(self.target)
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                open_ends += [near, far]
                _Connection(self, near, far).start()


class _Connection:
    """One connection with both its directions."""

    def __init__(self, proxy: MongoProxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy, self._near, self._far = proxy, near, far
        self._replaced: dict[int, Fault] = {}  # by request

    def start(self) -> None:
        for carry in (self._to_server, self._to_client):
            threading.Thread(target=self._until_cut, args=(carry,), daemon=True).start()

    def _until_cut(self, carry: Any) -> None:
        with suppress(OSError, EOFError):
            carry()
        for end in (self._near, self._far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _to_server(self) -> None:
        while True:
            message = _read(self._near)
            fault, request = self._proxy.fault_of(message), _HEADER.unpack_from(message)[1]
            if fault is not None and not fault.done:
                if fault.reply is None:
                    return
                self._near.sendall(_answer(fault.reply, request))
                continue
            if fault is not None:
                self._replaced[request] = fault
            self._far.sendall(message)

    def _to_client(self) -> None:
        while True:
            message = _read(self._far)
            request = _HEADER.unpack_from(message)[2]
            fault = self._replaced.pop(request, None)
            if fault is not None and fault.reply is None:
                return
            if fault is not None and fault.reply is not None:
                message = _answer({**(_command(message) or {}), **fault.reply}, request)
            self._near.sendall(message)


def _read(end: socket.socket) -> bytes:
    header = _exactly(end, _HEADER.size)
    length = _HEADER.unpack(header)[0]
    assert _HEADER.size <= length <= _LARGEST
    return header + _exactly(end, length - _HEADER.size)


def _exactly(end: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = end.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _command(message: bytes) -> Document | None:
    """The command or the answer of a message; what comes beside it, such as many documents to insert, is left out."""
    if _HEADER.unpack_from(message)[3] != _MESSAGE or message[_BODY - 1] != 0:
        return None
    size = struct.unpack_from("<i", message, _BODY)[0]
    found: Document = bson.decode(message[_BODY : _BODY + size])
    return found


def _beside(message: bytes) -> Document:
    """The lists that come beside a command, such as the updates of many documents."""
    found, at = Document(), _BODY + int(struct.unpack_from("<i", message, _BODY)[0])
    while at < len(message) - 5 and message[at] == 1:
        end = at + 1 + struct.unpack_from("<i", message, at + 1)[0]
        name_ends = message.index(b"\0", at + 5)
        found[message[at + 5 : name_ends].decode()] = bson.decode_all(message[name_ends + 1 : end])
        at = end
    return found


def _answer(reply: Mapping[str, Any], request: int) -> bytes:
    body = struct.pack("<IB", 0, 0) + bson.encode(reply)
    return _HEADER.pack(_HEADER.size + len(body), 1, request, _MESSAGE) + body


@contextmanager
def proxied(mongo_url: str) -> Iterator[MongoProxy]:
    """Run a hop to the primary of a server without access control; its URL is that of the proxy."""
    with MongoClient[Document](mongo_url) as client:
        client.admin.command("ping")
        host, port = client.primary or client.address or ("127.0.0.1", 27017)
    open_ends: list[socket.socket] = []
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"mongodb://127.0.0.1:{listening.getsockname()[1]}/?directConnection=true&{_OFTEN}"
        proxy = MongoProxy((host, port), url)
        serving = threading.Thread(target=proxy.serve, args=(listening, open_ends))
        serving.start()
        yield proxy
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        serving.join()
        for end in open_ends:
            end.close()
