"""A job's output in lines that may be kept and shown: without escapes, overwritten progress, secrets, or lines without an end."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from rung.escapes import visible

LONGEST = 2000
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
_SECRET_NAMES = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:^|_)AUTH)S?(?:_|$)", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
_SHORTEST_SECRET = 6


class Secrets:
    """What must not stand in a log: the values of the environment's variables that are called like secrets; places are none."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        known = os.environ if environment is None else environment
        secrets = [(name, value) for name, value in known.items() if _SECRET_NAMES.search(name) and not os.path.isabs(value)]
        found = {line: name for name, value in secrets for line in value.split("\n") if len(line) >= _SHORTEST_SECRET}
        self._names = dict(sorted(found.items(), key=lambda pair: -len(pair[0])))

    def hide(self, line: str) -> str:
        """The line with each secret replaced by the name of its variable."""
        for value, name in self._names.items():
            line = line.replace(value, f"[{name}]")
        return _CREDENTIALS.sub(r"\1:[...]@", line)


class Splitter:
    """Takes a stream's bytes as they come, and gives the lines that have ended."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._open = b""
        self._is_cut = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that these bytes end. Of what `\\r` overwrites the last stays."""
        *ended, self._open = (self._open + data).split(b"\n")
        lines = [line for raw in ended if (line := self._ended(raw)) is not None]
        shown = self._open.rstrip(b"\r")
        self._open = shown.rpartition(b"\r")[2] + self._open[len(shown) :][:1]
        if len(self._open) > 4 * LONGEST:
            if not self._is_cut:
                lines.append(self._clean(self._open))
            self._open, self._is_cut = b"", True
        return lines

    def rest(self) -> list[str]:
        """The line that the stream ended within."""
        last, self._open = self._open, b""
        line = self._ended(last) if last else None
        return [line] if line is not None else []

    def _ended(self, raw: bytes) -> str | None:
        if self._is_cut:  # its beginning has been told
            self._is_cut = False
            return None
        return self._clean(raw)

    def _clean(self, raw: bytes) -> str:
        text = raw.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", errors="replace")
        text = visible(self._secrets.hide(_ESCAPES.sub("", text))).rstrip()
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"
