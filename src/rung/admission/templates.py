"""Templates with variables, `{{ question }}`: here only what is asked changes from call to call, so that one variable has a place.

MLflow's variables are these alone: a name, or names with dots, in double braces (`mlflow.prompt.constants`). Control structures
of Jinja are a program, and run by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.admission.incoming import Turn
from rung.errors import UserError
from rung.escapes import quoted

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*\}\}")
_SINGLE = re.compile(r"(?<![{$])\{[A-Za-z_][A-Za-z0-9_]*\}(?!\})")
_LAST = re.compile(VARIABLE.pattern + r"\s*\Z")
_FILL = "Fill the others in before (in MLflow: prompt.format(name=...)), and leave one, for what is asked, at the end."
_SYSTEM, _USER, _ASSISTANT = ("system", "developer"), ("user", "human"), ("assistant", "ai", "model")


@dataclass(frozen=True, kw_only=True)
class Read:
    """A template as a system message and turns, and what is to be told of that."""

    prompt: str
    turns: tuple[Turn, ...] = ()
    notes: tuple[str, ...] = ()


def read_template(text: str, where: str) -> Read:
    """One text: what stands before its one variable is the system message, and what is asked takes the variable's place.

    Raises UserError for other variables, for one that has text behind it, and for control structures.
    """
    _refuse_program(text, where)
    found = VARIABLE.findall(text)
    if not found:
        return Read(prompt=text.strip(), notes=single_braces(text))
    last = _LAST.search(text)
    if last is None or len(found) > 1:
        others = sorted({name for name in found if not last or name != last[1] or found.count(name) > 1})
        named = ", ".join(map(quoted, others))
        problem = _behind(found[0]) if len(found) == 1 else f"the template has the variables {named}, which nobody fills in here"
        raise UserError(problem, where=where, hint=_FILL)
    prompt = text[: last.start()].strip()
    note = f"What is asked takes the place of {{{{ {last[1]} }}}}, as the user's message; the text before it is the system message."
    return Read(prompt=prompt, notes=(*([note] if prompt else []), *single_braces(prompt)))


def read_messages(messages: Sequence[Any], where: str) -> Read:
    """A chat: system messages first, then questions with their answers, then, if any, what is asked, as a variable.

    Raises UserError for messages in another order, of other roles or with other contents.
    """
    said = [_message(index, message, where) for index, message in enumerate(messages, 1)]
    if not said:
        raise UserError("the list of messages is empty", where=where, hint="A prompt has at least one message.")
    start = next((index for index, (role, _) in enumerate(said) if role != "system"), len(said))
    system, rest = [text for _, text in said[:start]], said[start:]
    asked = rest.pop() if rest and rest[-1][0] == "user" else None
    turns = _turns(rest, start, where)
    for text in (*system, *(part for turn in turns for part in (turn.user, turn.assistant))):
        _refuse_program(text, where)
        if named := VARIABLE.findall(text):
            raise UserError(f"the message with the variable {quoted(named[0])} is not the last one", where=where, hint=_FILL)
    last = read_template(asked[1], f"{where}, message {len(said)}") if asked else Read(prompt="")
    if asked and not VARIABLE.search(asked[1]):
        hint = "Leave it out, or put a variable in its place: {{ question }}."
        raise UserError(f"the last message asks something of its own: {quoted(asked[1])}", where=where, hint=hint)
    notes = (*last.notes, *[note for text in system for note in single_braces(text)])
    return Read(prompt="\n\n".join(filter(None, (*system, last.prompt))), turns=turns, notes=notes)


def single_braces(text: str) -> tuple[str, ...]:
    """A remark where a text holds what other programs would fill in."""
    found = list(dict.fromkeys(_SINGLE.findall(text)))
    if not found:
        return ()
    return (
        f"Nothing is filled in for {', '.join(found[:3])}{', ...' if len(found) > 3 else ''}: the model reads it as it stands.",
    )


def _behind(name: str) -> str:
    return f"text stands behind the variable {quoted(name)}: here what is asked comes last"


def _refuse_program(text: str, where: str) -> None:
    for mark, called in (("{%", "a control structure of Jinja"), ("{#", "a comment of Jinja")):
        if mark in text:
            line = text[: text.index(mark)].count("\n") + 1
            problem = f"the template holds {called} ({mark}, its line {line}), which is not run here"
            raise UserError(problem, where=where, hint="Bring the text that it comes to: render it where it was made.")
    for match in re.finditer(r"\{\{(.*?)\}\}", text, re.DOTALL):
        if not VARIABLE.fullmatch(match[0]):
            problem = f"the template holds {quoted(match[0])}, which is no variable's name and is not computed here"
            raise UserError(problem, where=where, hint="Bring the text that it comes to: render it where it was made.")


def _message(index: int, message: Any, where: str) -> tuple[str, str]:
    from rung.engine.chat import text_of

    at = f"{where}, message {index}"
    if not isinstance(message, Mapping) or "role" not in message or "content" not in message:
        raise UserError("not a message of role and content", where=at, hint='Write {"role": "system", "content": "..."}.')
    role = str(message["role"]).lower()
    kind = next((names[0] for names in (_SYSTEM, _USER, _ASSISTANT) if role in names), "")
    if not kind or any(message.get(key) for key in ("tool_calls", "function_call", "tool_call_id")):
        hint = "A prompt's messages are of system, user and assistant, and call no tools."
        raise UserError(f"a message of the role {quoted(str(message['role']))}", where=at, hint=hint)
    try:
        return kind, text_of(message["content"])
    except UserError as error:
        raise UserError(error.problem, where=at, hint=error.hint) from None


def _turns(rest: Sequence[tuple[str, str]], start: int, where: str) -> tuple[Turn, ...]:
    for offset, (role, _) in enumerate(rest):
        if role != ("user", "assistant")[offset % 2]:
            problem = f"the role {role} does not follow here: questions and answers take turns, behind the system's messages"
            raise UserError(problem, where=f"{where}, message {start + offset + 1}", hint="Bring the messages in that order.")
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return tuple(Turn(user=asked, assistant=answered) for (_, asked), (_, answered) in pairs)
