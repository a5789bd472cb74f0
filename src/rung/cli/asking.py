"""One question to who sits at the terminal, where a file does not say what is what."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from rung.propose.columns.undecided import Undecided
from rung.propose.columns.wanted import Wanted


def is_terminal() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(error: Undecided, wanted: Wanted) -> Wanted:
    """What was wanted, with the column that was chosen among the candidates. Raises click.Abort where nobody answers."""
    role = "question" if error.missing == "question" else "right answer"
    click.echo(f"{error.where}: {error.problem}. Which column holds the {role}?", err=True)
    for number, candidate in enumerate(error.candidates, 1):
        click.echo(f"  {number}  {candidate.name}  ({candidate.look})", err=True)
    chosen = click.prompt("Its number", type=click.IntRange(1, len(error.candidates)), err=True)
    name = error.candidates[chosen - 1].name
    return replace(wanted, input=name) if error.missing == "question" else replace(wanted, target=name)
