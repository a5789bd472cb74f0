"""What a command prints: results on standard output, progress on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from rung.escapes import visible
from rung.report.text import DASH

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rung.types import Progress

WIDTH_IN_A_PIPE = 160
EXIT_CODE = {"pass": 0, "fail": 1, "undecided": 1}


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The `--json` that every command has."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)


def example(text: str) -> str:
    """The example that ends a command's help."""
    return f"\b\nExample:\n  {text}"


def print_json(document: Any) -> None:
    """A document on standard output. Only ASCII, so that no terminal's encoding can break it."""
    click.echo(json.dumps(document, indent=2))


def show(*parts: RenderableType) -> None:
    """Text and tables on standard output, as wide as the terminal; nothing in a text moves its cursor or colours it."""
    import sys

    from rich.console import Console

    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_IN_A_PIPE)
    for part in parts:
        console.print(visible(part) if isinstance(part, str) else part, soft_wrap=isinstance(part, str))


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Sequence[str] = ()) -> RenderableType:
    """A plain table. None is an em dash; columns named in `numbers` are set to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        drawn.add_column(title, justify="right" if title in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*[Text(DASH if cell is None else visible(str(cell))) for cell in row])
    return drawn


def fields(pairs: Mapping[str, Any]) -> RenderableType:
    """Names and values in two columns; None is left out."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in pairs.items():
        if value is not None:
            drawn.add_row(name, Text(visible(str(value))))
    return drawn


def watching() -> AbstractContextManager[Progress]:
    """Progress on standard error: bars where it is a terminal, else lines."""
    import sys

    if not sys.stderr.isatty():
        from rung.cli.lines import Lines

        return nullcontext(Lines(sys.stderr))
    from rung.cli.console import Bars

    return Bars()
