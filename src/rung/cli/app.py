"""The group of commands, and the one place where an error becomes a message and an exit code.

0 passed    1 failed or undecided    2 bad input    3 broken environment    130 interrupted
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import click

from rung import __version__, disk
from rung.errors import BrokenEnvironment, RungError, UserError, did_you_mean
from rung.escapes import visible

INTERRUPTED = 130
Heard = Callable[[RungError], object]


class Commands(click.Group):
    """A group whose commands are the files of `commands/`: a file's name is the command's, its `command` the click command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        files = Path(__file__).with_name("commands").glob("*.py")
        return sorted(file.stem.replace("_", "-") for file in files if not file.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"rung.cli.commands.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise UserError(f"rung has no command '{args[0]}'", hint=did_you_mean(args[0], known))
        return super().resolve_command(ctx, args)


EPILOG = """\b
A first climb:
  rung init my.csv           look at your file, write task.yaml
  rung plan task.yaml        what will run, how long, what it can prove
  rung climb task.yaml       find the cheapest change that passes
  rung answer my "..."       ask what passed

\b
Exit codes: 0 passed, 1 failed or undecided, 2 bad input, 3 broken environment.
Everything is kept under RUNG_HOME (by default ~/.rung).
"""


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rung")
def commands() -> None:
    """Find the cheapest change to a language model's behaviour that passes your check, and prove it."""


def run(arguments: list[str], heard: Heard = lambda _: None) -> int:
    """Runs one command; returns its exit code, after showing whatever went wrong, which `heard` is given too."""
    try:
        return commands.main(arguments, prog_name="rung", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return _told(UserError(error.format_message()), arguments, heard)
    except RungError as error:
        click.echo(visible("\n  ".join((f"rung: {error.message}", *_notes(error)))), err=True)
        return _told(error, arguments, heard)
    except (KeyboardInterrupt, click.Abort) as error:
        said = "rung: interrupted; nothing is lost: run the same command again"
        click.echo("\n  ".join((said, *_notes(error))), err=True)
        return INTERRUPTED
    except Exception as error:
        known = _environment_fault(error)
        if known is None:
            traceback.print_exc()
            known = BrokenEnvironment("this is a fault in rung, not in your input", hint="Please report it with the lines above.")
        click.echo(f"rung: {visible(known.message)}", err=True)
        return _told(known, arguments, heard)


def _told(error: RungError, arguments: list[str], heard: Heard) -> int:
    """The error's exit code; with `--json` the error is also a document on standard output."""
    heard(error)
    if "--json" in arguments:
        said: dict[str, object] = {"problem": error.problem, "where": error.where, "hint": error.hint}
        said |= {"exit_code": error.exit_code, "notes": list(_notes(error))}
        click.echo(json.dumps({"error": said}, indent=2))
    return error.exit_code


def _notes(error: BaseException) -> Sequence[str]:
    """What whoever let the error pass has added to it."""
    return getattr(error, "__notes__", ())


def _environment_fault(error: Exception) -> BrokenEnvironment | None:
    """What a library's own error says of the machine; None where it may be our mistake."""
    if isinstance(error, OSError) and error.errno in (*disk.FULL, *disk.FORBIDDEN):
        return disk.explain(error, error.filename or "disk")
    if isinstance(error, MemoryError):
        return BrokenEnvironment("no memory left", hint="Close other programs, or use a smaller base.")
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("rung"):
        return BrokenEnvironment(
            f"the package '{error.name}' is missing", hint="Install it: pip install -c constraints.txt -e '.[test]'"
        )
    return None


if sys.platform == "win32":
    raise SystemExit("Rung needs Linux or macOS: its lock and its disk habits are POSIX's.")
