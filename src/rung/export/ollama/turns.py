"""A chat template as what stands before each turn, found by rendering and held against rendering; and that in Go's language.

What a template computes beside (a date of today, tools, other roles) has no place in it: where conversations come out otherwise, it
is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.engine.chat import prompt_text
from rung.errors import UserError

Message = Mapping[str, Any]
_SYSTEM, _ASKED, _ANSWERED, _AGAIN = "System7f3a", "Question8c1b", "Answer9d2e", "Again4e5f"
_LINES = 'Two lines,\nand "quotes" {{ braces }} at 5 < 6 & 7.'


@dataclass(frozen=True, kw_only=True)
class Turns:
    """system, user, told, answer, again  what stands before a system message, before a question that is the first, or behind the
    system message, before an answer, and before a question behind an answer
    opening                               what stands behind the last question, where the answer begins
    """

    system: str
    user: str
    told: str
    answer: str
    again: str
    opening: str

    def text(self, messages: Sequence[Message]) -> str:
        """A conversation as the template of `go` renders it."""
        written, before = "", ""
        for message in messages:
            written += self._lead(message["role"], before) + message["content"]
            before = message["role"]
        return written + ("" if before == "assistant" else self.opening)

    def _lead(self, role: str, before: str) -> str:
        if role == "user":
            return {"system": self.told, "assistant": self.again}.get(before, self.user)
        return self.system if role == "system" else self.answer

    def go(self) -> str:
        """One line of Go's text/template over Ollama's .Messages; every text in it is a literal, so that no white space is lost."""
        asked = (
            f'{{{{ if eq $p "system" }}}}{_literal(self.told)}{{{{ else if eq $p "assistant" }}}}{_literal(self.again)}'
            f"{{{{ else }}}}{_literal(self.user)}{{{{ end }}}}"
        )
        return (
            '{{ $p := "" }}{{ range .Messages }}'
            f'{{{{ if eq .Role "system" }}}}{_literal(self.system)}{{{{ .Content }}}}'
            f'{{{{ else if eq .Role "user" }}}}{asked}{{{{ .Content }}}}'
            f'{{{{ else if eq .Role "assistant" }}}}{_literal(self.answer)}{{{{ .Content }}}}{{{{ end }}}}'
            f'{{{{ $p = .Role }}}}{{{{ end }}}}{{{{ if ne $p "assistant" }}}}{_literal(self.opening)}{{{{ end }}}}'
        )


def turns_of(tokenizer: Any) -> Turns:
    """Raises UserError, with what comes out otherwise, for a template that is more than that."""
    first = _cut(prompt_text(tokenizer, [_user(_ASKED)]), _ASKED)
    told = _cut(prompt_text(tokenizer, [_message("system", _SYSTEM), _user(_ASKED)]), _SYSTEM, _ASKED)
    again = _cut(
        prompt_text(tokenizer, [_user(_ASKED), _message("assistant", _ANSWERED), _user(_AGAIN)]), _ASKED, _ANSWERED, _AGAIN
    )
    made = Turns(system=told[0], user=first[0], told=told[1], answer=again[1], again=again[2], opening=first[1])
    for conversation in _conversations():
        theirs = prompt_text(tokenizer, conversation)
        if (ours := made.text(conversation)) != theirs:
            raise _refused(f"a conversation of {len(conversation)} turns would read {_apart(ours, theirs)}")
    return made


def keeps_space(tokenizer: Any) -> bool:
    """Whether white space around what is asked reaches the model, as it does in Ollama's template."""
    return f"  {_ASKED}\n" in prompt_text(tokenizer, [_user(f"  {_ASKED}\n")])


def _conversations() -> list[list[Message]]:
    talk = [_user("Hello"), _message("assistant", "Good day."), _user(_LINES)]
    longer = [*talk, _message("assistant", _LINES), _user("And now?")]
    return [
        *([_message("system", "Be brief.\nAnd kind."), *turns] for turns in ([_user(_LINES)], talk, longer)),
        [_user("x")],
        talk,
        longer,
    ]


def _cut(text: str, *marks: str) -> list[str]:
    """What stands before, between and behind the marks."""
    pieces = []
    for mark in marks:
        if text.count(mark) != 1:
            raise _refused("it leaves out, repeats or rewrites what a turn says")
        piece, _, text = text.partition(mark)
        pieces.append(piece)
    return [*pieces, text]


def _refused(why: str) -> UserError:
    return UserError(f"the base's chat template cannot be said in Ollama's language: {why}")


def _apart(ours: str, theirs: str) -> str:
    place = next(
        (at for at, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), min(len(ours), len(theirs))
    )
    return f"{ours[place : place + 30]!r} where the template has {theirs[place : place + 30]!r}"


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _user(content: str) -> Message:
    return _message("user", content)


def _literal(text: str) -> str:
    """An action that prints a text: an interpreted string literal of Go."""
    return f'{{{{ "{"".join(map(_escaped, text))}" }}}}' if text else ""


def _escaped(char: str) -> str:
    known = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if char in known:
        return known[char]
    if " " <= char <= "~":
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
