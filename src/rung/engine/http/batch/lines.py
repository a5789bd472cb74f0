"""The lines of a batch: a question each, under the digest of what is asked; and the lines that come back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rung.engine.http.completion import json_object
from rung.engine.http.spending import Body
from rung.errors import UserError

# What OpenAI takes in one file, the most of any known; a little is left for whoever counts megabytes otherwise.
MOST_LINES, MOST_BYTES = 50_000, 190_000_000


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came back for a question: an HTTP status and a text, as if it had been asked by itself.

    status  0 where nothing came of it, and `problem` says why
    """

    status: int = 0
    text: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def name_of(body: Body) -> str:
    """A question's custom id: equal questions have the same, in every batch and after every restart.

    The order of a schema's properties is a part of the question.
    """
    return f"rung-{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:40]}"


def line_of(name: str, body: Body, url: str) -> bytes:
    """One line of the file."""
    entry = {"custom_id": name, "method": "POST", "url": url, "body": body}
    return json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def parts(lines: Sequence[tuple[str, bytes]], most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> Iterator[list[str]]:
    """The names, cut so that each part's lines fit into one file. Raises UserError for a line that fits into none."""
    part: list[str] = []
    size = 0
    for name, line in lines:
        if len(line) > most_bytes:
            problem = f"one question alone has {len(line):,} bytes: no batch takes it"
            raise UserError(problem, hint="Shorten the row, or ask without batches.")
        if part and (len(part) == most_lines or size + len(line) > most_bytes):
            yield part
            part, size = [], 0
        part.append(name)
        size += len(line)
    if part:
        yield part


def read_results(text: str) -> dict[str, Result]:
    """The results in an output or an error file, by custom id. Of two for the same question the first that is an answer counts.

    Lines that are no JSON, or name no question, are left out: their questions have no result.
    """
    found: dict[str, Result] = {}
    # Not at every line separator: JSON may hold some of them as they are.
    for line in text.split("\n"):
        entry = json_object(line)
        if entry is None or not isinstance(entry.get("custom_id"), str):
            continue
        name, result = entry["custom_id"], _result(entry)
        if name not in found or (found[name].status != 200 and result.status == 200):
            found[name] = result
    return found


def _result(entry: Mapping[str, Any]) -> Result:
    response, error = entry.get("response"), entry.get("error")
    if isinstance(response, Mapping) and response.get("body") not in (None, ""):
        body = response["body"]
        text = body if isinstance(body, str) else json.dumps(body)
        status = response.get("status_code", 200)
        return Result(status=status if isinstance(status, int) else 0, text=text, content=json_object(text) or {})
    if isinstance(error, Mapping):
        words = [str(error[name]) for name in ("code", "message") if error.get(name)]
        return Result(problem=": ".join(words) or "an error without words")
    return Result(problem="a line without an answer")
