"""How `rung init` ends: rows as the model will see them, what the scorer says of made-up answers, and the lines to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.data.inferred import Inference
from rung.data.script import width
from rung.propose.profile import Profile
from rung.types import Example, Task
from rung.verify.near_misses.three import MadeUpOf, three_answers
from rung.verify.scoring import scorer_of

ROWS = 3
WIDTH = 79
NAME = 10  # letters of who speaks
LONGEST = 280  # characters of a text that are shown


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One row as the model will see it: who says what, in order, and the answer that is right."""

    source: str
    turns: Sequence[tuple[str, str]]
    answer: str


@dataclass(frozen=True, kw_only=True)
class Ending:
    """`change` are what was inferred and can be changed, the likeliest to be wrong first."""

    rows: Sequence[Shown]
    answers: Sequence[MadeUpOf]
    change: Sequence[Inference]


def ending_of(profile: Profile, task: Task) -> Ending:
    """Of rows that may be looked at: what the locked split holds is shown to nobody."""
    open_rows = [row for row in task.examples if row.split != "test"]
    return Ending(
        rows=[_shown(task, row) for row in _three(task.split("train"))],
        answers=three_answers(scorer_of(task), open_rows, task.seed),
        change=[one for one in profile.inferences if one.change],
    )


def _three(rows: Sequence[Example]) -> list[Example]:
    """Three rows with different answers, where there are such."""
    answered = [row for row in rows if row.target is not None]
    first = {str(row.target): row for row in reversed(answered)}
    picked = [row for row in answered if first[str(row.target)] is row][:ROWS]
    return (picked + [row for row in answered if all(row is not other for other in picked)])[:ROWS]


def _shown(task: Task, row: Example) -> Shown:
    turns = [("system", task.instruction)] if task.instruction else []
    turns += [("tools", ", ".join(str(tool.get("function", tool).get("name")) for tool in row.tools))] if row.tools else []
    turns += [(str(message["role"]), _text(message.get("content"), message.get("tool_calls"))) for message in row.messages]
    return Shown(source=row.source or row.id, turns=turns, answer=scorer_of(task).ideal(row))


def _text(content: object, calls: object) -> str:
    """A message's text; of one that is made of parts, those that are text."""
    if isinstance(content, list):
        content = " ".join(str(part.get("text", f"[{part.get('type')}]")) for part in content if isinstance(part, dict))
    return " ".join(filter(None, [str(content or ""), str(calls or "")]))


def lines_of(ending: Ending) -> list[str]:
    """It as lines of at most 79 characters."""
    lines = [f"{len(ending.rows)} rows as the model will see them, and the right answers:"]
    for row in ending.rows:
        lines += ["", f"  {cut(row.source, WIDTH - 2)}"]
        lines += [part for who, said in [*row.turns, ("answer", row.answer)] for part in _hung(who, said)]
    if ending.answers:
        lines += ["", f"What the scorer says of made-up answers ({cut(ending.answers[0].row, 40)}):", ""]
        lines += [part for made in ending.answers for part in _hung(made.score_text, f"{made.what}: {cut(made.said, 160)}")]
    if ending.change:
        lines += ["", "If something was guessed wrong, change in the task file or say to rung init:", ""]
        lines += [part for one in ending.change for part in _hung(one.about, f"{cut(one.taken, 100)}. Change: {one.change}")]
    return lines


def _hung(name: str, text: str) -> list[str]:
    """A text beside a name, wrapped."""
    shown = cut(" ".join(text.split()), LONGEST)
    wrapped = _wrapped(shown, WIDTH - NAME - 4) or ["(empty)"]
    head = name if len(name) <= NAME else name[: NAME - 1] + "."
    return [f"  {head if not at else '':{NAME}}  {line}" for at, line in enumerate(wrapped)]


def _wrapped(text: str, room: int) -> list[str]:
    """Lines of at most so many columns, of which a Chinese letter takes two."""
    lines, line = list[str](), ""
    for word in text.split():
        if line and width(f"{line} {word}") <= room:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        line = ""
        for letter in word:
            if width(line + letter) > room:
                lines.append(line)
                line = ""
            line += letter
    return [*lines, line] if line else lines


def cut(text: str, longest: int) -> str:
    """A text that is too long, its middle left out."""
    if len(text) <= longest:
        return text
    left_out = f" ...({len(text) - longest:,} more)... "
    half = max(4, (longest - len(left_out)) // 2)
    return f"{text[:half].rstrip()}{left_out}{text[-half:].lstrip()}"
