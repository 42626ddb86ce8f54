"""What is fuzzed: functions that take any bytes and raise unless everything holds that has to hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
PAYLOADS = Path(__file__).parents[1] / "fixtures" / "webhooks" / "hubspot"
LARGEST = 8192  # bytes of an input


@dataclass(frozen=True)
class Target:
    """A reader of foreign text. `check` says in its docstring what it claims."""

    check: Callable[[bytes], None]
    holds_json: bool = False  # then inputs are also changed as JSON, from the first bracket on
    payloads: Path | None = None  # a folder of further inputs to begin with

    @property
    def name(self) -> str:
        """Name of the target, and of the folder of its inputs."""
        return self.check.__name__

    def kept(self) -> Iterator[Path]:
        """The inputs that every test run checks."""
        for folder in filter(None, (CORPUS / self.name, self.payloads)):
            yield from sorted(path for path in folder.glob("*") if path.is_file())


def chosen(data: bytes, number: int) -> tuple[int, bytes]:
    """Take a choice among `number` things from the first byte; answers it and the rest."""
    return (data[0] % number, data[1:]) if data else (0, b"")


def lines(data: bytes, number: int) -> list[bytes]:
    """Split into exactly so many lines; the last one has the rest, missing ones are empty."""
    found = data.split(b"\n", number - 1)
    return found + [b""] * (number - len(found))


def text_of(data: bytes) -> str:
    """Read as text, as what comes over HTTP or gRPC is: without halves of surrogate pairs."""
    return data.decode(errors="replace")
