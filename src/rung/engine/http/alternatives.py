"""The log-probability of each of several answers, read off the alternatives that a server tells to each token of the one it gave.

The answers part at tokens. What parts from the given one there has the probability of the way up to it times that of its own
tokens; what goes on with it, of the whole way. Both are of the answer as far as it can be told from the others. Servers tell
them before or after the form is enforced; what is read is in either case the model's preference between the answers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class _Token:
    """One token of an answer: its text, its log-probability, and those of what could have stood there."""

    text: str
    logprob: float
    others: Mapping[str, float]


def choice_logprobs(choice: Mapping[str, Any], said: str, choices: Sequence[str]) -> dict[str, float] | None:
    """Each choice's log-probability; None where they did not come, or do not tell the choices apart.

    choice   a completion's choice, with `logprobs.content`
    said     the one of the choices that was answered

    A choice whose token is not among those told has at most the probability of the least of them, and is given that; where even
    the answer's own token is rarer than that, nothing is known.
    """
    tokens = _tokens(choice.get("logprobs"))
    if tokens is None or said not in choices:
        return None
    written = "".join(token.text for token in tokens)
    for quoted in (True, False):
        words = {name: json.dumps(name, ensure_ascii=False) if quoted else name for name in choices}
        start = written.rfind(words[said])
        if start >= 0:
            return _spread(_from(tokens, start), words, said, closed=quoted)
    return None


def _spread(tokens: Sequence[_Token], words: Mapping[str, str], said: str, *, closed: bool) -> dict[str, float] | None:
    """Walks along the answer, and lets each choice go where it parts from it. `closed` words end with a mark of their own."""
    found: dict[str, float] = {}
    way, done = 0.0, ""
    together = [name for name in words if name != said]
    for token in tokens:
        step = done + token.text
        parting = [name for name in together if not _agrees(words[name], step, closed)]
        for name in parting:
            logprob = _parted(token, [(_own(token, done, words[other], closed), other == name) for other in parting])
            if logprob is None:
                return None
            found[name] = way + logprob
        together = [name for name in together if name not in parting]
        way, done = way + token.logprob, step
        if not together:
            return {name: found.get(name, way) for name in words}
    return None


def _own(token: _Token, done: str, word: str, closed: bool) -> dict[str, float]:
    """What could have stood there on the way to a word."""
    return {text: logprob for text, logprob in token.others.items() if text and _agrees(word, done + text, closed)}


def _parted(token: _Token, ways: Sequence[tuple[Mapping[str, float], bool]]) -> float | None:
    """The log-probability of one choice's own tokens where it parts from the answer; None where another shares them.

    ways  those of every choice that parts here, and whether it is the one that is asked for
    """
    own = next(texts for texts, asked in ways if asked)
    if any(text in own for texts, asked in ways if not asked for text in texts):
        return None
    if own:
        most = max(own.values())
        return most + math.log(sum(math.exp(logprob - most) for logprob in own.values()))
    least = min(token.others.values(), default=0.0)
    return least if least < token.logprob else None


def _agrees(word: str, written: str, closed: bool) -> bool:
    """Whether what is written so far can still become the word, or is the word with something after its end."""
    return word.startswith(written) or (closed and written.startswith(word))


def _tokens(logprobs: Any) -> list[_Token] | None:
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(content, list) or not content:
        return None
    try:
        return [
            _Token(
                text=_text(entry),
                logprob=float(entry["logprob"]),
                others={_text(other): float(other["logprob"]) for other in entry.get("top_logprobs") or ()},
            )
            for entry in content
        ]
    except (KeyError, TypeError, ValueError):
        return None


def _text(entry: Mapping[str, Any]) -> str:
    raw = entry.get("bytes")
    return bytes(raw).decode("utf-8", "replace") if raw else str(entry["token"])


def _from(tokens: Sequence[_Token], start: int) -> list[_Token]:
    """The tokens from a place in their text on; what the one that goes over it says before it is taken off it and its like."""
    at = 0
    for number, token in enumerate(tokens):
        if at + len(token.text) > start:
            lead = token.text[: start - at]
            others = {text[len(lead) :]: logprob for text, logprob in token.others.items() if text.startswith(lead)}
            return [_Token(text=token.text[len(lead) :], logprob=token.logprob, others=others), *tokens[number + 1 :]]
        at += len(token.text)
    return []
