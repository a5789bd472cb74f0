"""The command line. `main` is what the `rung` program calls; a command is a file of `commands/`, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from rung.errors import RungError


def main(arguments: Sequence[str] | None = None, heard: Callable[[RungError], object] = lambda _: None) -> NoReturn:
    """Runs `rung` with these arguments (by default the program's own) and exits with its code; `heard` is given what went wrong."""
    import signal
    import sys

    try:
        _hush_libraries()
        from rung.cli.app import run

        code = run(sys.argv[1:] if arguments is None else list(arguments), heard)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is finished says so, whatever comes while Python takes itself down
    except KeyboardInterrupt:  # while modules were still being imported: nothing had begun
        code = 130
    sys.exit(code)


def _hush_libraries() -> None:
    """Progress and problems are ours to tell: without libraries' own bars, notes and warnings, unless the user asks for them."""
    import os
    import sys
    import warnings

    for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS", "TRANSFORMERS_NO_ADVISORY_WARNINGS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
