"""Train rows that every question is shown: which, and in which order.

Balanced: one row of each kind in every round, the kinds in the same order each time, so that no kind stands twice in a row while
another has rows left, and every beginning of the set is balanced as well. A base leans to the label that it has read last and most
often (Zhao et al., arXiv 2102.09690; on orders: Lu et al., arXiv 2104.08786). Which kind comes first is drawn, by how many rows it
has: so draws end with different labels, and of more kinds than rows are shown it is mostly the commonest that are.

Diverse and typical: of a kind, the row that best stands for those that none stands for yet (greedy facility location over words:
Nemhauser et al., 1978; Lin and Bilmes, 2011). The farthest rows would be the oddest.

Sound: as long as a kind has others, no row that is long beside them, that the audit names, or whose words speak for another kind;
and in no case one whose label the audit contradicts, or one that leaves no room.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.calls import NotCalls, read_calls
from rung.data.closed_set import is_closed_set
from rung.data.findings import place
from rung.data.sample import draw
from rung.engine.chat import text_of, tools_text
from rung.errors import UserError
from rung.rungs.base import labelled
from rung.types import Example, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[Any]

# UTF-8 bytes that a set may have: about 4,000 tokens of English.
MOST_BYTES = 16_000
# Rows that a draw looks at: half of each kind's, so that draws differ, as long as there are some.
LOOKED_AT, FEWEST_OF_A_KIND, MOST_KINDS = 300, 8, 64
BYTES_AROUND_A_ROW = 32
CHARS_COMPARED = 2000
# From so many times the middle size of a kind's rows on, one is long.
LONG = 1.5
BUCKETS = 4096
AGAINST = " (against "


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A train row that could be shown: `answer` as text, `size` in UTF-8 bytes with all that is shown of it."""

    example: Example
    question: str
    answer: str
    size: int


def shared_rows(task: Task, k: int, number: int, room: int = MOST_BYTES) -> list[Example]:
    """At most k train rows, in the order in which they are shown; a smaller k of the same draw gives their beginning.

    number  of the draw: the same gives the same rows, another others
    room    UTF-8 bytes that all of them may take: there may be fewer than k, or none, where rows are long

    What is drawn hangs on the task's seed and on what the rows say, not on where they stand.
    """
    rows = _candidates(task, room)
    if not rows:
        return []
    by_kind: dict[str, list[_Row]] = defaultdict(list)
    for kind, row in zip(_kinds(rows), rows, strict=True):
        by_kind[kind].append(row)
    order = _order({kind: len(of_it) for kind, of_it in by_kind.items()}, f"{task.seed} {number}")[:MOST_KINDS]
    shelves = _shelves({kind: _looked_at(by_kind[kind], len(order), task.seed, number) for kind in order}, _named(task))
    chosen: list[_Row] = []
    waiting = deque(order)
    while waiting and len(chosen) < k:
        kind = waiting.popleft()
        if taken := shelves[kind].take(room - sum(row.size for row in chosen)):
            chosen.append(taken)
            waiting.append(kind)
    return [row.example for row in chosen]


def _candidates(task: Task, room: int) -> list[_Row]:
    """Rows of train that ask something in text, fit, and are not contradicted; in an order that does not hang on the file's."""
    from rung.verify.scoring import target_text

    contradicted = {place.partition(AGAINST)[2].removesuffix(")") for place in _places(task) if AGAINST in place}
    found = []
    for example in sorted(labelled(task), key=lambda row: row.digest):
        answer, question = target_text(task, example), _question(example)
        tools = tools_text(example.tools) if example.tools else ""
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in (question, answer, tools)) + BYTES_AROUND_A_ROW
        if question.strip() and size <= room and place(example) not in contradicted:
            found.append(_Row(example=example, question=question, answer=answer, size=size))
    return found


def _question(example: Example) -> str:
    """All that is said before the answer; "" where some of it is no text."""
    try:
        return "\n".join(text_of(turn.get("content")) for turn in example.messages)
    except UserError:
        return ""


def _places(task: Task) -> list[str]:
    """The rows that the audit warns of, as it names them."""
    return [where for finding in task.findings if finding.severity != "info" for where in finding.places]


def _named(task: Task) -> set[str]:
    return {where.partition(AGAINST)[0] for where in _places(task)}


def _kinds(rows: Sequence[_Row]) -> list[str]:
    """Each row's label; a third of the range of numbers; else what form its answer has, and which tools it calls."""
    from rung.verify.numbers import read_number

    answers = [row.answer for row in rows]
    if is_closed_set(Counter(answers)):
        return answers
    numbers = [read_number(answer) for answer in answers]
    values = [float(number.value) for number in numbers if number]
    if rows and len(values) == len(rows):
        cuts = sorted(values)[len(values) // 3], sorted(values)[2 * len(values) // 3]
        return [str(sum(value >= cut for cut in cuts)) for value in values]
    return [_form(row.example.target, row.answer) for row in rows]


def _form(target: Any, answer: str) -> str:
    if not answer.strip():
        return "nothing"
    if isinstance(target, Mapping | list | tuple):
        try:
            if names := sorted({call.name for call in read_calls(target, target=True)}):
                return f"calls {', '.join(names)}"
        except NotCalls:
            pass
    return f"{min(len(target), 2)} items" if isinstance(target, list | tuple) else ""


def _order(counts: Mapping[str, int], seed: str) -> list[str]:
    """Kinds in a random order, the commoner the sooner: a weighted sample without replacement (Efraimidis and Spirakis, 2006)."""
    chance = random.Random(f"shared {seed}")
    keys = {kind: math.log(1.0 - chance.random()) / counts[kind] for kind in sorted(counts)}
    return sorted(keys, key=lambda kind: (-keys[kind], kind))


def _looked_at(rows: Sequence[_Row], kinds: int, seed: int, number: int) -> list[_Row]:
    size = max(FEWEST_OF_A_KIND, min(LOOKED_AT // kinds, len(rows) // 2))
    return draw(rows, size, seed + 1_000_003 * (number + 1), key=lambda row: row.example.digest)


class _Shelf:
    """Rows of one kind, from which those are taken that stand for most others. `alike[i, j]` is how alike rows i and j are."""

    def __init__(self, rows: Sequence[_Row], good: Sequence[bool], alike: Matrix) -> None:
        self.rows, self.good, self.alike = rows, good, alike
        self.left, self.covered = set(range(len(rows))), alike.min(axis=1, initial=0.0)

    def take(self, room: int) -> _Row | None:
        """The next that takes no more than `room` bytes; None where none is left."""
        fitting = [place for place in sorted(self.left) if self.rows[place].size <= room]
        wanted = [place for place in fitting if self.good[place]] or fitting
        if not wanted:
            return None
        gains = (self.alike - self.covered[:, None]).clip(min=0.0).sum(axis=0).round(6)
        best = max(wanted, key=lambda place: (gains[place], -place))
        self.left.remove(best)
        self.covered = self.covered.clip(min=self.alike[:, best])
        return self.rows[best]


def _shelves(by_kind: Mapping[str, Sequence[_Row]], named: set[str]) -> dict[str, _Shelf]:
    """A shelf for each kind, with what is good of it marked."""
    import numpy as np

    kinds = [kind for kind, rows in by_kind.items() for _ in rows]
    words = _words([row.question for rows in by_kind.values() for row in rows])
    sound = _sound(words, kinds)
    shelves = {}
    for kind, rows in by_kind.items():
        inside = np.flatnonzero(np.array(kinds) == kind)
        usual = sorted(row.size for row in rows)[(len(rows) - 1) // 2]
        good = [
            row.size <= LONG * usual and sound[at] and place(row.example) not in named for at, row in zip(inside, rows, strict=True)
        ]
        shelves[kind] = _Shelf(rows, good, words[inside] @ words[inside].T)
    return shelves


def _words(texts: Sequence[str]) -> Matrix:
    """A row of length 1 for each text: its words, hashed, by how rare they are (TF-IDF); of zeros for one without a word."""
    from zlib import crc32

    import numpy as np

    from rung.engine.retrieval.words import split

    counts = np.zeros((len(texts), BUCKETS))
    for row, text in enumerate(texts):
        for word in split(text[:CHARS_COMPARED]).words:
            counts[row, crc32(word.encode("utf-8", "surrogatepass")) % BUCKETS] = 1.0
    weighted = counts * np.log((1 + len(texts)) / (1 + counts.sum(axis=0)))
    lengths = np.linalg.norm(weighted, axis=1, keepdims=True)
    found: Matrix = weighted / np.where(lengths > 0, lengths, 1.0)
    return found


def _sound(words: Matrix, kinds: Sequence[str]) -> list[bool]:
    """Whether a row's words are no nearer to the mean of another kind than to that of its own, itself left out."""
    import numpy as np

    names = list(dict.fromkeys(kinds))
    own = np.array([names.index(kind) for kind in kinds], dtype=int)
    member = np.eye(len(names))[own]
    sizes = member.sum(axis=0)
    near = (words @ (member.T @ words).T - member * (words**2).sum(axis=1, keepdims=True)) / np.maximum(sizes - member, 1.0)
    mine = near[np.arange(len(own)), own]
    alone = sizes[own] == 1
    return [bool(fits) for fits in alone | (mine.round(9) >= near.max(axis=1).round(9))]
