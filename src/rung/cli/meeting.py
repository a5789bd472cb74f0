"""What `push` and `pull` share: the name of the home that something comes from, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import print_json, show, table
from rung.report.text import size

if TYPE_CHECKING:
    from rung.homes.meeting import Brought, Met


def label_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The `--as` of both."""
    said = "What the home that they come from is called in the other; by default its host's or folder's name."
    return click.option("--as", "label", help=said)(function)


def check_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The `--check` of both."""
    said = "Hash the files that are there already, too, and bring anew what was changed or lost."
    return click.option("--check", "check", is_flag=True, help=said)(function)


def finish(met: Met, *, where: str, as_json: bool) -> None:
    """Prints what came, as JSON or for people."""
    if as_json:
        print_json(asdict(met))
        return
    rows = [(one.there, one.here, "came" if one.new else "was there", _files(one), one.receipt) for one in met.versions]
    show(table(["version", f"in {where}", "", "files", "receipt"], rows))
    show(*[note for one in met.versions for note in one.notes])
    for alias in met.aliases:
        show(f"{alias.alias}: {alias.said or f'stands on {alias.here}'}")
    if met.strangers:
        show("These keys signed what came, and are not trusted there yet (`rung keys trust FINGERPRINT`):")
        show(*[f"  {stranger}" for stranger in met.strangers])


def _files(one: Brought) -> str | None:
    return f"{one.blobs:,}, {size(one.bytes)}" if one.blobs else None
