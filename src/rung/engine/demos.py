"""Demonstrations: the first rows of a pool, before every question alike, and those that are most like it, by BM25 over what the
user said.

A pool is a blob of JSON lines: {"messages": [...], "answer": "...", "tools": [...]}, and "turns" where tools were called. Its first
line says "words" where its questions are in a script without spaces; a pool without is compared as it was when it was measured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from rung.engine.chat import text_of
from rung.engine.retrieval.words import VERSION, split
from rung.json_form import canonical_json, digest
from rung.types import Example, Message

_WORD = re.compile(r"\w+|[^\w\s]")
_MARK = re.compile(r"[^\w\s]")
# Thai to Burmese, Khmer, kana, Han, Hangul: three letters in a row, so that a borrowed sign changes nothing.
_UNSPACED = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{3}")


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One worked row: the conversation, the tools that were at hand, and the right answer as text.

    `turns` stand between the two: the calls that were made for it and what they gave.
    """

    messages: tuple[Message, ...]
    answer: str
    tools: tuple[dict[str, Any], ...] = ()
    turns: tuple[Message, ...] = ()

    @cached_property
    def question_digest(self) -> str:
        """Equal to Example.question_digest of the row that this was made from."""
        return digest([list(self.messages), list(self.tools)])


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Demonstrations to choose from; `unspaced`: their words are those of retrieval, for scripts that part none by spaces."""

    demos: tuple[Demo, ...]
    unspaced: bool = False

    @classmethod
    def read(cls, path: Path) -> Pool:
        """The pool in a blob, read once for each path: a blob never changes."""
        return _read(path)

    def common(self, example: Example, count: int) -> tuple[Demo, ...]:
        """The first `count` rows, in the pool's order; never the question itself: nothing is asked beside its own answer."""
        return tuple(demo for demo in self.demos[:count] if demo.question_digest != example.question_digest)

    def nearest(self, example: Example, k: int, *, behind: int = 0) -> list[Demo]:
        """At most k of the demonstrations behind the first so many, the most similar first; never the question itself.

        Ties go to the earlier row.
        """
        if k <= 0:
            return []
        import numpy as np

        words = [word for word in self._words(example.messages) if self._index and word in self._index.vocab_dict]
        scores = self._index.get_scores(words) if words else np.zeros(len(self.demos))
        order = np.argsort(-scores, kind="stable")
        others = (self.demos[i] for i in order if i >= behind and self.demos[i].question_digest != example.question_digest)
        return [demo for demo, _ in zip(others, range(k), strict=False)]

    @cached_property
    def _index(self) -> Any:
        """BM25 as Lucene scores it (bm25s, method "lucene", k1 1.5, b 0.75); None where no row holds a word."""
        import bm25s

        texts = [self._words(demo.messages) for demo in self.demos]
        index = bm25s.BM25()
        if any(texts):
            index.index(texts, show_progress=False)
        return index if any(texts) else None

    def _words(self, messages: Iterable[Message]) -> list[str]:
        """Words and marks of the user's turns: marks too, since "!" and "?" tell tones apart."""
        said = _asked(messages)
        return [*split(said).words, *_MARK.findall(said)] if self.unspaced else _WORD.findall(said.casefold())


def pool_bytes(
    examples: Iterable[Example], ideal: Callable[[Example], str], turns: Callable[[Example], Sequence[Message]] | None = None
) -> bytes:
    """The blob of a pool. `ideal` writes the answer that a model should give to an example (`verify.scoring.target_text`)."""

    def fields(row: Example) -> dict[str, Any]:
        told = {"messages": list(row.messages), "answer": ideal(row), "tools": list(row.tools)}
        return told | {"turns": list(turns(row))} if turns else told

    rows = [fields(row) for row in examples]
    if rows and any(_UNSPACED.search(_asked(row["messages"])) for row in rows):
        rows[0]["words"] = VERSION
    return "".join(canonical_json(row) + "\n" for row in rows).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=8)
def _read(path: Path) -> Pool:
    rows = [json.loads(line) for line in path.read_bytes().decode("utf-8", "surrogatepass").split("\n") if line]
    return Pool(demos=tuple(_demo(row) for row in rows), unspaced=bool(rows and "words" in rows[0]))


def _demo(row: dict[str, Any]) -> Demo:
    tools, turns = tuple(row.get("tools") or ()), tuple(row.get("turns") or ())
    return Demo(messages=tuple(row["messages"]), answer=row["answer"], tools=tools, turns=turns)


def _asked(messages: Iterable[Message]) -> str:
    return " ".join(text_of(message.get("content")) for message in messages if message.get("role") == "user")
