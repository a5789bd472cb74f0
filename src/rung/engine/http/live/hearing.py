"""What a caller hears of an answer while it comes: whole characters, and nothing that a stop could take back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rung.engine.caller import Caller, Piece, TokenLogprob
from rung.engine.http.live.gathering import whole_characters
from rung.errors import BrokenEnvironment
from rung.types import Answer


@dataclass(kw_only=True)
class Hearing:
    """Hands an answer on to its caller.

    through  it is handed on as it comes; else as a whole, where what the server sends is not yet the answer
    said     what the caller has heard, with the tokens in `told`; `stopped` that the answer ended before one of the caller's stops
    """

    caller: Caller
    through: bool
    said: str = ""
    stopped: bool = False
    told: list[TokenLogprob] = field(default_factory=list)
    _held: str = ""
    _tokens: list[tuple[int, TokenLogprob]] = field(default_factory=list)
    _came: int = 0

    def take(self, text: str, tokens: Sequence[TokenLogprob] = ()) -> None:
        """A part of the answer came, and its tokens. `stopped` is set once one of the stops is in it."""
        at = self._came
        for token in tokens:
            self._tokens.append((at, token))
            at += len(token.text)
        self._came += len(text)
        if not self.through or self.stopped:
            return
        whole = self._held + text
        cut = first_stop(whole, self.caller.sampling.stop)
        if cut is not None:
            self.stopped = True
            self._hear(whole_characters(whole[:cut]), all_of=False)
            self._held = ""
            return
        keep = _held_back(whole, self.caller.sampling.stop)
        self._held = whole[len(whole) - keep :]
        self._hear(whole_characters(whole[: len(whole) - keep]), all_of=False)

    def end(self, answer: Answer) -> Answer:
        """The answer as its caller has it, all of it heard. Raises BrokenEnvironment where what was heard is no part of it."""
        if answer.fault and not self.said:
            return answer
        if not answer.text.startswith(self.said):
            problem = "the server took back what it had said: a call of a tool that nobody offered, or another answer"
            raise BrokenEnvironment(problem, hint="Ask again.")
        cut = first_stop(answer.text, self.caller.sampling.stop)
        text = answer.text if cut is None else answer.text[: max(cut, len(self.said))]
        self.stopped = self.stopped or cut is not None
        rest = text[len(self.said) :]
        if not self.through and "".join(token.text for _, token in self._tokens) != answer.text:
            self._tokens.clear()  # they are of the form around the answer
        if rest or self._tokens:
            self._hear(rest, all_of=not self.stopped)
        answer = replace(answer, tokens=tuple(token.told for token in self.told))
        return replace(answer, text=text, finish_reason="stop") if self.stopped else answer

    def _hear(self, text: str, *, all_of: bool) -> None:
        self.said += text
        due = [token for at, token in self._tokens if all_of or at < len(self.said)]
        self._tokens = [(at, token) for at, token in self._tokens if not (all_of or at < len(self.said))]
        self.told += due
        if text or due:
            self.caller.hear(Piece(text=text, tokens=tuple(due)))


def first_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the first of the stops begins; None where there is none."""
    found = [text.find(stop) for stop in stops if stop]
    return min((place for place in found if place >= 0), default=None)


def _held_back(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end could still be the beginning of a stop, or half of a character."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    begun = max(
        (size for size in range(min(longest, len(text)), 0, -1) if any(s.startswith(text[-size:]) for s in stops)), default=0
    )
    half = 1 if text and "\ud800" <= text[-1] <= "\udbff" else 0
    return max(begun, half)
