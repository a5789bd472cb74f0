"""From conversations to token rows, with the proof that each row teaches what it should before a single step is paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.engine.chat import training_tokens
from rung.errors import UserError
from rung.json_form import digest
from rung.types import Message

SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class TrainRow:
    """One conversation and the answer to learn. `source` says where it stood: `file:line`."""

    messages: tuple[Message, ...]
    answer: str
    tools: tuple[Mapping[str, Any], ...] = ()
    source: str = ""


@dataclass(frozen=True)
class EncodedRow:
    """Tokens of a conversation; `ids[start:]` is the answer with its end-of-turn token: what is supervised."""

    ids: tuple[int, ...]
    start: int

    @property
    def supervised(self) -> int:
        return len(self.ids) - self.start


def encode_rows(
    tokenizer: Any, rows: Sequence[TrainRow], max_tokens: int, too_long: Literal["error", "drop"] = "error"
) -> list[EncodedRow]:
    """Render and tokenise every row as evaluation and serving do.

    Raises UserError, listing all of them, for rows whose answer is empty, that the template cannot say, or whose answer would be
    cut at `max_tokens`; with `too_long="drop"` the last kind is left out instead, so that fewer rows come back than went in.
    """
    encoded: list[EncodedRow] = []
    faults: list[str] = []
    for number, row in enumerate(rows, 1):
        name = row.source or f"row {number}"
        if not row.answer.strip():
            faults.append(f"{name}: the answer is empty")
            continue
        try:
            ids, start = training_tokens(tokenizer, row.messages, row.tools, row.answer)
        except UserError as error:
            faults.append(f"{name}: {error.problem}")
            continue
        one = EncodedRow(tuple(ids), start)
        if one.supervised < 2:
            faults.append(f"{name}: nothing of the answer is left to learn but the end of the turn")
        elif len(one.ids) <= max_tokens:
            encoded.append(one)
        elif too_long == "error":
            faults.append(f"{name}: {len(one.ids)} tokens, more than {max_tokens}: its answer would be cut")
    if faults:
        raise _refused(faults, len(rows))
    if not encoded:
        raise UserError("there are no rows to train on", hint="Give the train split rows that fit into max_tokens.")
    return encoded


def rows_digest(rows: Sequence[EncodedRow]) -> str:
    """Identity of what is learnt from, in its order."""
    return digest([[list(row.ids), row.start] for row in rows])


def _refused(faults: Sequence[str], rows: int) -> UserError:
    shown = "\n  ".join(faults[:SHOWN])
    more = f"\n  ... and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return UserError(
        f"{len(faults)} of {rows} rows cannot be trained on:\n  {shown}{more}",
        hint="Mend these rows; for long ones raise max_tokens, or set too_long: drop.",
    )
