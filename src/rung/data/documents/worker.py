"""The process that parses documents: it may be killed at any time. Frames in (kind, bytes), frames out (JSON)."""

from __future__ import annotations

import json
import resource
import struct
import sys
from typing import IO

MAX_MEMORY_BYTES = 3 << 30
# Pages whose author never closed an element nest a thousand deep and are read by browsers all the same.
DEEPEST_CALLS = 6000
_HEAD = struct.Struct("!16sQ")


def write_frame(stream: IO[bytes], kind: str, data: bytes) -> None:
    """A 24-byte head (the kind, the length) and the bytes."""
    stream.write(_HEAD.pack(kind.encode("ascii"), len(data)) + data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[str, bytes] | None:
    """The next frame; None at the end of the stream."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, length = _HEAD.unpack(head)
    data = stream.read(length)
    return (kind.rstrip(b"\x00").decode("ascii"), data) if len(data) == length else None


def main() -> None:
    """Answers each document with {"text", "markdown", "remarks"} or {"problem"}."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(DEEPEST_CALLS)
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    while frame := read_frame(sys.stdin.buffer):
        write_frame(answers, "json", json.dumps(_parsed(*frame)).encode("ascii"))


def _parsed(kind: str, data: bytes) -> dict[str, object]:
    from rung.data.documents.parse import parse
    from rung.data.documents.parsed import BadDocument

    try:
        parsed = parse(kind, data)
        return {"text": parsed.text, "markdown": parsed.markdown, "remarks": parsed.remarks}
    except BadDocument as error:
        return {"problem": str(error)}
    except MemoryError:
        return {"problem": "reading it takes too much memory"}
    except ModuleNotFoundError as error:
        return {"missing": error.name}
    except Exception as error:  # whatever a parser does with hostile bytes concerns this document alone
        return {"problem": f"malformed: {type(error).__name__}: {str(error)[:200]}"}


if __name__ == "__main__":
    main()
