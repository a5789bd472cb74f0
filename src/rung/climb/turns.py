"""Whether the base's own chat template takes the turns of the task's rows, told before anything is spent.

Templates refuse what their model was not trained on (an assistant that begins, two turns of one speaker, a system turn, a tool's
result), or drop it without a word. Each order of turns is rendered once, by its first row, not every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.types import SPLITS, Candidate, Example, Task

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base

SHOWN_ROWS = 20
# Every template takes these: it could not be asked anything else.
PLAIN = (("user",), ("system", "user"))
# An assistant's own turns may be shown without the thoughts in them.
SHOWN_WHOLE = ("system", "developer", "user", "tool")


@dataclass(frozen=True)
class Order:
    """The turns of a row: who speaks, who calls, whether tools are offered, and whether an answer is to be learnt."""

    speakers: tuple[str, ...]
    tools: bool
    learnt: bool


def refuse_strange_turns(task: Task, base: Base) -> None:
    """Raises UserError that lists, by file and line, the rows of any split that the chat template of the task's base cannot say.

    Only asks a base on this machine; its tokenizer is only read where rows are more than a question behind a system turn.
    """
    if base.kind != "local" or base.folder is None:
        return
    orders: dict[Order, list[Example]] = {}
    for row in (row for split in SPLITS for row in task.split(split)):
        order = _order(row)
        if order.tools or order.speakers not in PLAIN:
            orders.setdefault(order, []).append(row)
    if not orders:
        return
    found = _refused(task, orders, base.folder)
    if not found:
        return
    count = sum(len(rows) for _, rows in found)
    listing = [line for reason, rows in found for line in _told(reason, rows)]
    noun = "row is" if count == 1 else "rows are"
    raise UserError(
        "\n  ".join([f"{count} {noun} nothing that the base's chat template can say", *listing]),
        where=task.path,
        hint="Reorder or merge the turns of these rows, leave them out (data.leave_out: [id]), or choose another base.",
    )


def _order(row: Example) -> Order:
    speakers = tuple(f"{turn['role']}{' who calls' if turn.get('tool_calls') else ''}" for turn in row.messages)
    return Order(speakers=speakers, tools=bool(row.tools), learnt=row.split == "train" and row.target is not None)


def _refused(task: Task, orders: dict[Order, list[Example]], folder: Path) -> list[tuple[str, list[Example]]]:
    """Why each order that is refused is so, and its rows."""
    from rung.engine.local.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folder)
    reasons = ((_fault(task, tokenizer, rows[0], order), rows) for order, rows in orders.items())
    return [(reason, rows) for reason, rows in reasons if reason]


def _fault(task: Task, tokenizer: Any, row: Example, order: Order) -> str:
    """What the template says against a row, as it would be asked and, of train, as it would be learnt; "" where it takes it."""
    from rung.engine.answer import compose
    from rung.engine.chat import chat_template, prompt_text, render
    from rung.verify.scoring import target_text

    asked = compose(Candidate(rung="turns", base=task.base, prompt=task.instruction), row)
    try:
        text = prompt_text(tokenizer, asked.messages, asked.tools)
        if order.learnt:
            answered = [*asked.messages, {"role": "assistant", "content": target_text(task, row)}]
            render(chat_template(tokenizer), answered, asked.tools, add_generation_prompt=False)
    except UserError as error:
        return error.problem
    lost = [turn["role"] for turn in asked.messages if turn["role"] in SHOWN_WHOLE and not _stands_in(turn.get("content"), text)]
    return f"the base's chat template leaves out the turn of the {lost[0]}" if lost else ""


def _stands_in(content: Any, text: str) -> bool:
    """Whether a turn's words are in the rendered text, whatever white space and marks stand between them."""
    from rung.engine.chat import text_of

    at = 0
    for word in text_of(content).split()[:20]:
        letters = "".join(char for char in word if char.isalnum())
        at = text.find(letters, at) if letters in word else at
        if at < 0:
            return False
    return True


def _told(reason: str, rows: Sequence[Example]) -> list[str]:
    places = [row.source or row.id for row in rows[:SHOWN_ROWS]]
    more = [f"  ... and {len(rows) - len(places):,} more"] if len(rows) > len(places) else []
    return [f"{reason}:", *[f"  {place}" for place in places], *more]
