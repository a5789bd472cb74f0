"""Questions to a base that only its own code can compute: one after the other, each told as it is made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from itertools import count

from torch import Tensor

from rung.engine.constrain import Grammars
from rung.engine.local.block import Made
from rung.engine.local.plain import PlainDecoder
from rung.engine.local.plain_generation import Chosen
from rung.engine.local.rows import Ask, Row


class PlainBatch:
    """As `Batch`, one row at a time. `hear` is told what a row's own run makes, before its step is over."""

    def __init__(
        self, decoder: PlainDecoder, end_tokens: frozenset[int], grammars: Grammars | None, hear: Callable[[Made], None]
    ) -> None:
        self._decoder, self._end_tokens, self._grammars, self._hear = decoder, end_tokens, grammars, hear
        self._numbers, self._rows, self._gone = count(), deque[Row](), set[int]()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, asks: Sequence[Ask]) -> list[int]:
        """Let rows join; their numbers."""
        rows = [Row(number=next(self._numbers), ask=ask, end_tokens=self._end_tokens) for ask in asks]
        self._rows += rows
        return [row.number for row in rows]

    def remove(self, rows: Iterable[int]) -> None:
        """Let rows go: the one that is under way ends with its next token."""
        self._gone |= set(rows)
        self._rows = deque(row for row in self._rows if row.number not in self._gone)

    def step(self) -> list[Made]:
        """All of one row."""
        row = self._rows[0]
        if row.ask.among:
            # What all choices begin with is put behind the prompt by whoever scores them.
            ids = row.ask.ids[: len(row.ask.ids) - len(row.ask.among.common)]
            row.see(self._decoder.choose([ids], row.ask.among, None, row.ask.stack)[0].tolist())
        elif not row.finish_reason:
            self._decoder.follow(_Heard(row, self._grammars, self._tell, self._gone))
        self._tell(row)
        self._rows = deque(other for other in self._rows if other is not row)
        self._gone.clear()
        return []

    def _tell(self, row: Row) -> None:
        made = Made.of(row)
        if row.number not in self._gone and (made.tokens or made.finish_reason):
            self._hear(made)


class _Heard(Chosen):
    """One row's run, which somebody hears and may end."""

    def __init__(self, row: Row, grammars: Grammars | None, tell: Callable[[Row], None], gone: Set[int]) -> None:
        super().__init__([row], grammars)
        self._row, self._hears, self._gone = row, tell, gone

    def next_tokens(self, logits: Tensor) -> list[int]:
        told = super().next_tokens(logits)
        if not self._row.finish_reason:
            self._hears(self._row)
        return told

    def finished(self) -> list[bool]:
        return [self._row.number in self._gone or done for done in super().finished()]
