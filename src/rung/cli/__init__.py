"""The command line. `main` is what the `rung` program calls; a command is a file of `commands/`, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs `rung` with these arguments (by default the program's own) and exits with its code."""
    import sys

    from rung.cli.app import run

    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))
