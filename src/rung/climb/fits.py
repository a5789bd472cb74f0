"""Whether the base has room to read the task's rows, told before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.types import Candidate, Example, Progress, Task

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base

SHOWN_ROWS = 20
# Bytes that the template of any base adds to a conversation: its own system prompt, marks around a few turns.
TEMPLATE_BYTES = 1024


def refuse_long_rows(task: Task, base: Base, progress: Progress) -> None:
    """Raises UserError that lists the rows of dev and test whose prompt and answer are longer than the context of the task's base.

    Only asks a base on this machine. Without demonstrations: those are left out where they do not fit. Longer rows of train are
    left out of training: they are told, by file and line.
    """
    if base.kind != "local" or base.folder is None:
        return
    from rung.engine.local.settings import context_tokens

    context = context_tokens(base.folder)
    rows = [row for row in task.examples if row.split and context and _bytes(task, row) > context]
    if not rows or context is None:
        return
    found = [(row, tokens) for row, tokens in zip(rows, _tokens(task, rows, base.folder), strict=True) if tokens > context]
    learnt = [(row, tokens) for row, tokens in found if row.split == "train"]
    if learnt:
        progress.note("\n  ".join([f"{_problem(learnt, context)}; they are left out of training", *_shown(learnt)]))
    asked = [(row, tokens) for row, tokens in found if row.split != "train"]
    if not asked:
        return
    raise UserError(
        "\n  ".join([_problem(asked, context), *_shown(asked)]),
        where=task.path,
        hint="Shorten these rows, leave them out (data.leave_out: [id]), or choose a base with a longer context.",
    )


def _problem(found: Sequence[tuple[Example, int]], context: int) -> str:
    split = f" of {found[0][0].split}" if found[0][0].split == "train" else ""
    noun = f"row{split} does" if len(found) == 1 else f"rows{split} do"
    return f"{len(found)} {noun} not fit the base, which reads at most {context:,} tokens, its answer included"


def _shown(found: Sequence[tuple[Example, int]]) -> list[str]:
    shown = [f"{row.source or row.id}: {tokens:,} tokens" for row, tokens in found[:SHOWN_ROWS]]
    return [*shown, *([f"... and {len(found) - len(shown)} more"] if len(found) > len(shown) else [])]


def _bytes(task: Task, row: Example) -> int:
    """At least as many as tokens: no token is less than a byte."""
    said = json.dumps([task.instruction, list(row.messages), list(row.tools), row.target], ensure_ascii=False)
    return TEMPLATE_BYTES + len(said.encode("utf-8", "surrogatepass"))


def _tokens(task: Task, rows: Sequence[Example], folder: Path) -> list[int]:
    """The tokens of each row's prompt and ideal answer."""
    from rung.engine.answer import compose
    from rung.engine.chat import prompt_tokens
    from rung.engine.encoding import encode
    from rung.engine.local.tokenizer import load_tokenizer
    from rung.verify.scoring import target_text

    tokenizer = load_tokenizer(folder)
    plain = Candidate(rung="fits", base=task.base, prompt=task.instruction)
    requests = [compose(plain, row) for row in rows]
    prompts = [len(prompt_tokens(tokenizer, request.messages, request.tools)) for request in requests]
    answers = [len(encode(tokenizer, target_text(task, row))) if row.target is not None else 1 for row in rows]
    return [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
