"""The Modelfile that `ollama create` takes: where the weights are, how turns are put together, what stands before every question,
and how answers end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.engine.chat import text_of
from rung.errors import UserError
from rung.export.agree import base_folder
from rung.export.ollama.turns import keeps_space, turns_of
from rung.export.parts import SHARED, opening_messages
from rung.export.weights import ends_of

if TYPE_CHECKING:
    from rung.export.subject import Subject

NAME = "Modelfile"
# Ollama reads 4,096 tokens where nobody says how many, and leaves out what is more without a word.
_CONTEXT_AT_MOST = 8192
_QUOTES = '"""'
_ROLES = ("user", "assistant")


@dataclass(frozen=True, kw_only=True)
class Modelfile:
    """text   "" where none can be written
    carries   what of the Candidate it says, as `left_out` takes it
    notes     what it cannot say, and why
    """

    text: str
    carries: frozenset[str]
    notes: tuple[str, ...]


def modelfile_of(subject: Subject, source: str, before: Sequence[str] = ()) -> Modelfile:
    """`source`: what FROM names; `before`: lines that follow it. Nothing is written that would be asked otherwise than it was
    judged: without a template of its own Ollama takes one that is like the base's."""
    from rung.engine.local.tokenizer import load_tokenizer

    folder = base_folder(subject)
    tokenizer = load_tokenizer(folder)
    try:
        turns = turns_of(tokenizer)
        opening = _opening(subject)
    except UserError as error:
        return Modelfile(text="", carries=frozenset(), notes=(f"There is no Modelfile: {error.problem}.",))
    ends = [tokenizer.decode([token]) for token in ends_of(folder)]
    lines = [f"FROM {source}", *before, f"TEMPLATE {_quoted(turns.go())}", *opening, *_parameters(subject, ends, _context(subject))]
    notes = [*_unseen(subject)]
    if not keeps_space(tokenizer):
        notes.append("White space around what is asked reaches the model in Ollama, where the base's own template takes it away.")
    carries = {"prompt", "max_tokens", SHARED}
    return Modelfile(text="\n".join(lines) + "\n", carries=frozenset(carries), notes=tuple(notes))


def _opening(subject: Subject) -> list[str]:
    """SYSTEM, and a MESSAGE for each turn of the demonstrations. Raises UserError for what no line can say."""
    lines = []
    for message in opening_messages(subject.candidate, subject.blobs):
        text = text_of(message.get("content"))
        if message["role"] == "system":
            lines.append(f"SYSTEM {_quoted(text)}")
        elif message["role"] in _ROLES and not message.get("tool_calls"):
            lines.append(f"MESSAGE {message['role']} {_quoted(text)}")
        else:
            raise UserError("its demonstrations call tools, which a Modelfile's messages cannot")
    return lines


def _parameters(subject: Subject, ends: Sequence[str], context: int) -> list[str]:
    """Greedy, as answers are judged; Ollama's own penalty of repetition would bend them."""
    said: list[tuple[str, Any]] = [
        ("temperature", 0),
        ("repeat_penalty", 1),
        ("num_predict", subject.candidate.max_tokens),
        ("num_ctx", context),
    ]
    return [f"PARAMETER {name} {value}" for name, value in said] + [f"PARAMETER stop {_quoted(end)}" for end in ends if end.strip()]


def _context(subject: Subject) -> int:
    from rung.export.tensors.read import shape_of

    return min(shape_of(base_folder(subject)).max_positions, _CONTEXT_AT_MOST)


def _quoted(text: str) -> str:
    """Raises UserError for a text in which the quotes would end before it does."""
    if any(line.rstrip(" \t").endswith(_QUOTES) for line in text.split("\n")[:-1]):
        raise UserError(f"a line of it ends with {_QUOTES}, where a Modelfile's text would end")
    return f"{_QUOTES}{text}{_QUOTES}"


def _unseen(subject: Subject) -> list[str]:
    """Ollama's reader passes over characters that do not print."""
    said = "".join(text_of(message.get("content")) for message in opening_messages(subject.candidate, subject.blobs))
    lost = sorted({char for char in said if not (char.isprintable() or char in "\n\r\t")})
    if not lost:
        return []
    named = ", ".join(f"U+{ord(char):04X}" for char in lost[:5])
    return [f"Ollama leaves out characters of the system prompt or the demonstrations that do not print: {named}."]
