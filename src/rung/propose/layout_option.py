"""`rung init --format`: a format's name, or keys of a layout with their values, `header=false,delimiter=;`."""

from __future__ import annotations

import re
from typing import Any

from rung.data.read.layout import FORMATS, KEYS, Layout
from rung.errors import UserError, did_you_mean

OPTION = "--format"
_ESCAPED = {"\\t": "\t", "tab": "\t"}


def read_layout(text: str) -> Layout:
    """The layout that was asked for. Raises UserError for a key, a format or a value that there is not."""
    if "=" not in text:
        if text not in FORMATS:
            raise UserError(f"there is no format '{text}'", where=OPTION, hint=did_you_mean(text, FORMATS))
        return Layout(format=text)
    starts = [*re.finditer(r"(?:^|,)\s*(\w+)=", text)]
    if not starts or text[: starts[0].start()].strip():
        hint = "Give a name, such as tsv, or keys: header=false,delimiter=;."
        raise UserError(f"'{text}' is no format", where=OPTION, hint=hint)
    ends = [*[match.start() for match in starts[1:]], len(text)]
    given: dict[str, Any] = {}
    for match, end in zip(starts, ends, strict=True):
        if match[1] not in KEYS:
            raise UserError(f"{OPTION}: unknown key '{match[1]}'", where=OPTION, hint=did_you_mean(match[1], KEYS))
        given[match[1]] = _value(match[1], text[match.end() : end])
    return Layout.read(given, OPTION)


def _value(key: str, text: str) -> Any:
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    if key == "skip_lines" and text.isdigit():
        return int(text)
    return _ESCAPED.get(text, text) if key == "delimiter" else text
