"""Each class of a closed set, or each label of sets: for the page, and for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import RenderableType
from rich.table import Table as Drawn
from rich.text import Text

from rung.escapes import visible
from rung.parts import Bounded, ClassTable
from rung.report import text
from rung.report.grids import Column, Table

HEADS = ("rows", "answered so", "recall", "bounds", "precision", "bounds", "F1", "bounds")


def class_grid(found: ClassTable) -> Table:
    """The page's table."""
    columns = tuple(Column(label=head.capitalize(), numeric=place > 0) for place, head in enumerate((found.noun, *HEADS)))
    return Table(caption=_caption(found), columns=columns, rows=_rows(found))


def confused(found: ClassTable) -> str:
    """Which classes are taken for which, the commonest first; empty where none is."""
    pairs = [f"{pair.target} as {pair.answer or 'none of them'} ({pair.rows:,})" for pair in found.confusions]
    return f"Most often mistaken: {', '.join(pairs)}" if pairs else ""


def class_lines(found: ClassTable, clean: Callable[[str], str] = visible) -> Sequence[RenderableType]:
    """The same for a terminal: a table and its notes, each text as `clean` lets it through."""
    drawn = Drawn(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, head in enumerate((found.noun, *HEADS)):
        drawn.add_column(head, justify="right" if place else "left", header_style="dim", overflow="fold")
    for row in _rows(found):
        drawn.add_row(*[Text(clean(cell)) for cell in row])
    return [drawn, *[Text(clean(note), style="dim") for note in (confused(found), f"{_caption(found)}.") if note]]


def _caption(found: ClassTable) -> str:
    more = f", the largest {len(found.classes)} of {found.of}" if len(found.classes) < found.of else ""
    missing = f"; {text.plural(found.missing, 'row')} without a score" if found.missing else ""
    return (
        f"Each {found.noun} on {text.plural(found.n, f'{found.split} row')}{more}{missing}; each bound by itself is wrong at most "
        f"{found.level:.0%} of the time"
    )


def _rows(found: ClassTable) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (one.label, text.count(one.rows), text.count(one.answered), *_cells(one.recall), *_cells(one.precision), *_cells(one.f1))
        for one in found.classes
    )


def _cells(figure: Bounded) -> tuple[str, str]:
    return text.percent(figure.estimate), text.interval(figure.lower, figure.upper, unit="share")
