"""The one reader of what a model wrote: what of it is thought, and what is the answer.

A thought is not the answer: drafts stand in it, answers that were given up. What is one, and what is not, is decided here alone:

<think>..</think>             a thought, as is thinking, thought, reasoning, reflection, scratchpad; in any case, wherever it stands
[THINK] ◁think▷ <|START_THINKING|> <|begin_of_thought|> <|channel>thought    the same in other templates' words
<|channel|>analysis           a thought: of a conversation in channels the last final one counts, without one what else was said
a mark never closed           the rest is thought, where the mark begins a line; within a line it is a mention of the word
a lone closing mark           all before it is thought: the template had opened it
in a code fence, in quotes    no mark; but a closing one that has a line to itself ends the thought that the fence stands in
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# The type of a part of a message's content, where a server keeps what was thought apart from what is said.
THOUGHT_PARTS = ("thinking", "redacted_thinking", "reasoning")

_NAME = r"(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)"
_MARK = re.compile(
    rf"(?P<open><(?i:{_NAME})(?:\s[^<>\n]{{0,99}})?>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<\|begin_of_thought\|>"
    r"|<\|channel>thought\b|<unused94>thought\b)"
    rf"|(?P<close></(?i:{_NAME})\s?>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<\|end_of_thought\|>|<channel\|>|<unused95>)"
    r"|(?P<fence>^[ \t]{0,9}(?:```|~~~))",
    re.MULTILINE,
)
_QUOTES = frozenset("`'\"“”‘’«»")
_CHANNEL = re.compile(r"<\|channel\|>\s?(?P<name>[a-z]{1,20})[^<]{0,200}(?:<\|constrain\|>[^<]{0,200})?<\|message\|>")
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
CHANNEL = "<|channel|>"
# Tokens that are structure in a conversation in channels, and something else in others.
CHANNEL_MARKS = frozenset((CHANNEL, "<|message|>", "<|constrain|>", "<|start|>", "<|end|>", "<|return|>", "<|call|>"))
# Tokens that begin a mark whose name is written behind them.
_HALF_MARKS = frozenset(("<|channel>", "<unused94>"))
# Marks that are not closed by a slash.
_CLOSINGS = {
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
    "<unused94>thought": "<unused95>",
}
_OPENED = re.compile(r"(?:<\|channel>thought|<unused94>thought|[<\[◁][^\s<>\[\]]{1,40}[>\]▷])\s*\Z")
# Openings that two families of models write in plain words; the second is what is left of channels whose marks were dropped.
_IN_WORDS = (
    (re.compile(r"\s*Here(?:'s| is) my thought process:"), re.compile(r"Here(?:'s| is) my response:")),
    (re.compile(r"\s*analysis(?=.*assistantfinal)", re.DOTALL), re.compile(r"assistantfinal")),
)
_WRAPPERS = (
    *((f"<{name}>", f"</{name}>") for name in ("answer", "final_answer", "response", "output", "solution")),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model wrote, taken apart.

    text     the answer: what was said outside of any thought, as it stands; all that was written, where nothing was thought
    thought  what was thought, thoughts one after the other; empty where none was
    ended    whether the last thought came to its end; True where there was none
    """

    text: str
    thought: str = ""
    ended: bool = True

    @property
    def only_thought(self) -> bool:
        """Whether it thought and then said nothing."""
        return bool(self.thought.strip()) and not self.text.strip()


def read_reply(text: str) -> Reply:
    """The answer and the thoughts in what a model wrote. Takes any text, in time that grows with its length alone."""
    if "<|channel|>" in text and (channels := list(_channels(text))):
        return _of_channels(channels)
    for opening, closing in _IN_WORDS:
        if begun := opening.match(text):
            ended = closing.search(text, begun.end())
            thought = text[begun.end() : ended.start() if ended else len(text)]
            return Reply(text=text[ended.end() :] if ended else "", thought=thought, ended=ended is not None)
    marks = list(_MARK.finditer(text))
    return _Walk(text, marks).reply() if any(mark.lastgroup != "fence" for mark in marks) else Reply(text=text)


def final_answer(text: str, ideal: Callable[[], str]) -> str:
    """The answer in what a model wrote to a question whose right answer is `ideal()`, which is asked for only where it matters.

    A right answer may itself hold what looks like a thought (a task about such tags): then as many marks as it has, at the end of
    what was written, belong to the answer. What an answer is wrapped in after a thought is taken off: white space, `<answer>`.
    """
    reply = read_reply(text)
    if reply == Reply(text=text):
        return text
    right = ideal()
    if own := _kinds(_MARK.finditer(right)):
        return _with_own_marks(text, own)
    answer = reply.text.strip()
    return answer if right.lstrip().startswith("<") else _unwrapped(answer)


def is_thought_mark(token: str) -> bool:
    """Whether a token is a mark, or a part of one, by which thoughts and answers are told apart."""
    mark = _MARK.fullmatch(token)
    wrapper = any(token in pair for pair in _WRAPPERS)
    return mark is not None or wrapper or token in CHANNEL_MARKS or token in _HALF_MARKS


def closes_thought(text: str) -> bool:
    """Whether a thought's end is marked anywhere in a text."""
    return any(mark.lastgroup == "close" for mark in _MARK.finditer(text))


def opened_thought(prompt: str) -> str:
    """The mark at the end of a prompt that opens a thought, and the white space behind it; empty where there is none."""
    last = _OPENED.search(prompt[-200:])
    mark = _MARK.fullmatch(last[0].rstrip()) if last else None
    return last[0] if last and mark and mark.lastgroup == "open" else ""


def closing_of(prompt: str) -> str:
    """What ends the thought that a prompt opens at its end, so that an answer can follow; empty where it opens none."""
    opened = opened_thought(prompt)
    mark = opened.rstrip()
    if not mark:
        return ""
    closing = _CLOSINGS.get(mark, f"{mark[0]}/{mark[1:]}")
    # As templates write an empty thought: <think>, an empty line, </think>, an empty line.
    return f"{chr(10) * max(0, 2 - opened.count(chr(10)))}{closing}\n\n" if mark[0] == "<" and closing[1] == "/" else closing


def without_thoughts(content: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A message's content parts, less those that are thoughts."""
    return [part for part in content if part.get("type") not in THOUGHT_PARTS]


@dataclass
class _Walk:
    """From mark to mark through a text."""

    text: str
    marks: list[re.Match[str]]
    kept: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    start: int = 0
    inside: bool = False
    fenced: bool = False

    def reply(self) -> Reply:
        last = {
            kind: max((mark.start() for mark in self.marks if mark.lastgroup == kind), default=-1) for kind in ("close", "fence")
        }
        end = len(self.text.rstrip())
        for mark in self.marks:
            if mark.lastgroup == "fence":
                self.fenced = not self.inside and not self.fenced and mark.start() < last.get("fence", -1)
            elif self._is_mention(mark):
                continue
            elif mark.lastgroup == "close":
                self._close(mark, is_last_word=mark.end() >= end)
            elif not self.inside and (mark.start() < last.get("close", -1) or self._begins_line(mark)):
                self.kept.append(self.text[self.start : mark.start()])
                self.start, self.inside = mark.end(), True
        (self.thoughts if self.inside else self.kept).append(self.text[self.start :])
        return Reply(text="".join(self.kept), thought="\n".join(self.thoughts), ended=not self.inside)

    def _close(self, mark: re.Match[str], *, is_last_word: bool) -> None:
        said = self.text[self.start : mark.start()]
        if self.inside:
            self.thoughts.append(said)
        elif is_last_word and self.thoughts:
            self.kept.append(said)  # a stray mark behind an answer
        else:
            self.thoughts.append("".join(self.kept) + said)
            self.kept = []
        self.start, self.inside, self.fenced = mark.end(), False, False

    def _is_mention(self, mark: re.Match[str]) -> bool:
        before, after = self.text[mark.start() - 1 : mark.start()], self.text[mark.end() : mark.end() + 1]
        if before in _QUOTES and (after in _QUOTES or mark.lastgroup == "open"):
            return True
        own_line = self._begins_line(mark) and after in ("", "\n", "\r")
        return self.fenced and not (mark.lastgroup == "close" and own_line)

    def _begins_line(self, mark: re.Match[str]) -> bool:
        """Only white space, at most a few characters of it, stands before the mark on its line."""
        before = self.text[max(0, mark.start() - 9) : mark.start()].rstrip(" \t")
        return not before or before[-1] in "\n\r" or self.start == mark.start()


def _kinds(marks: Iterable[re.Match[str]]) -> list[str | None]:
    return [mark.lastgroup for mark in marks if mark.lastgroup != "fence"]


def _with_own_marks(text: str, own: Sequence[str | None]) -> str:
    marks = [mark for mark in _MARK.finditer(text) if mark.lastgroup != "fence"]
    before = len(marks) - len(own) - 1
    if before < 0 or marks[before].lastgroup != "close" or _kinds(marks[before + 1 :]) != own:
        return text
    return text[marks[before].end() :].strip()


def _channels(text: str) -> Iterator[tuple[str, str, bool]]:
    """(name, what was said in it, whether it came to its end) of each message of a conversation in channels."""
    for opening in _CHANNEL.finditer(text):
        end = _CHANNEL_ENDS.search(text, opening.end())
        yield opening["name"], text[opening.end() : end.start() if end else len(text)], end is not None


def _of_channels(channels: Sequence[tuple[str, str, bool]]) -> Reply:
    thought = "\n".join(said for name, said, _ in channels if name == "analysis")
    said = [said for name, said, _ in channels if name == "final"][-1:] or [
        said for name, said, _ in channels if name != "analysis"
    ]
    name, _, whole = channels[-1]
    return Reply(text="\n".join(said), thought=thought, ended=whole or name != "analysis")


def _unwrapped(answer: str) -> str:
    for opening, closing in _WRAPPERS:
        if answer.startswith(opening):
            return answer.removeprefix(opening).removesuffix(closing).strip()
    return answer
