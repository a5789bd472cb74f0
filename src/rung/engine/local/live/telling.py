"""An answer told while it is made: whole characters, nothing that a stop or a later token could take back."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from rung.engine.caller import Piece, TokenLogprob
from rung.engine.local.rows import Likely
from rung.engine.local.words import Words, bytes_of_token, with_opening
from rung.reply import closes_thought
from rung.types import CUT_OFF


@dataclass(kw_only=True)
class _Spoken:
    """A token of the text: where it begins in it, and where it ends, None while its character is unfinished."""

    logprob: TokenLogprob
    start: int
    end: int | None = None


class Telling:
    """Tells one answer.

    stops   it ends before the first of these
    opened  the thought that its prompt opened, see `with_opening`: nothing is told before that ends, for nobody knows its text
            before
    hear    hears the pieces; they say the whole text, one after the other
    """

    def __init__(self, tokenizer: Any, ends: Set[int], *, stops: Sequence[str], opened: str, hear: Callable[[Piece], None]) -> None:
        self._tokenizer, self._hear = tokenizer, hear
        self._stops, self._opened = tuple(stop for stop in stops if stop), opened
        self._words, self._text, self._told = Words(tokenizer, ends), "", 0
        self._waiting: list[_Spoken] = []
        self.tokens: list[TokenLogprob] = []
        self.stopped = False

    def take(self, tokens: Sequence[int], likely: Sequence[Likely]) -> int:
        """Tell what these make certain; how many of them were taken: those behind a stop are not."""
        for place, token in enumerate(tokens):
            before = len(self._text)
            self._text += self._words.add(token)
            if likely and self._words.speaks(token):
                self._waiting.append(_Spoken(logprob=_told(self._tokenizer, likely[place]), start=before))
            self._ends_at(before)
            if self._stop_from(before):
                self._tell(len(self._text))
                return place + 1
        self._tell(len(self._text) - self._open())
        return len(tokens)

    def end(self, finish_reason: str) -> str:
        """Tell the rest; the whole text."""
        if not self.stopped:
            before = len(self._text)
            self._text += self._words.rest()
            if not self._stop_from(before) and finish_reason == CUT_OFF and not self._told:
                self._text = with_opening(self._opened, self._text)
        self._opened = ""
        for spoken in self._waiting:
            spoken.end = 0
        if self.stopped:
            self._waiting = [spoken for spoken in self._waiting if spoken.start < len(self._text)]
        self._tell(len(self._text))
        return self._text

    def _ends_at(self, before: int) -> None:
        """Where the text has grown, the tokens that wait for their character have it."""
        if len(self._text) > before:
            for spoken in self._waiting:
                spoken.end = len(self._text) if spoken.end is None else spoken.end

    def _stop_from(self, before: int) -> bool:
        """Cut the text before the first stop that the characters from `before` on complete; whether there is one."""
        found = [self._text.find(stop, max(0, before - len(stop) + 1)) for stop in self._stops]
        places = [place for place in found if place >= 0]
        if places:
            self._text, self.stopped = self._text[: min(places)], True
        return self.stopped

    def _open(self) -> int:
        """Characters at the text's end that a stop may begin with."""
        longest = 0
        for stop in self._stops:
            sizes = range(min(len(stop) - 1, len(self._text)), longest, -1)
            longest = next((size for size in sizes if self._text.endswith(stop[:size])), longest)
        return longest

    def _tell(self, end: int) -> None:
        """What is not told of the text before `end`."""
        if self._opened:
            if not closes_thought(self._text):
                return
            self._opened = ""
        ready = [spoken for spoken in self._waiting if spoken.end is not None and spoken.end <= end]
        if end <= self._told and not ready:
            return
        self._waiting = self._waiting[len(ready) :]
        piece = Piece(text=self._text[self._told : end], tokens=tuple(spoken.logprob for spoken in ready))
        self._told = max(self._told, end)
        self.tokens += piece.tokens
        self._hear(piece)


def _told(tokenizer: Any, likely: Likely) -> TokenLogprob:
    data = bytes_of_token(tokenizer, likely.token)
    others = [(bytes_of_token(tokenizer, token), logprob) for token, logprob in likely.top]
    return TokenLogprob(
        text=_readable(data),
        data=data,
        logprob=likely.logprob,
        top=tuple((_readable(other), other, logprob) for other, logprob in others),
    )


def _readable(data: bytes) -> str:
    return data.decode("utf-8", "replace")
