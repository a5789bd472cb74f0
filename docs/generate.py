"""Writes the pages that are made from the code: cli.md, plugins.md, scorers.md, first-contact.md; --check only says whether they
are current.

Beside it: typical.py, the small targets on which each scorer is tried for scorers.md; trade.py, the files of first-contact.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click
from first_contact import first_contact_page
from typical import TYPICAL, Typical

from rung import plugins
from rung.cli.app import commands
from rung.disk import write_whole
from rung.verify.near_misses.kinds import NEAR_MISSES
from rung.verify.near_misses.trial import KindTried
from rung.verify.near_misses.words import parting

FOLDER = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py (`make docs`). Do not edit. -->\n"
WIDTH = 100
WITH_SETTINGS = ("scorers", "rungs", "checks", "probes", "methods", "adapter_kinds", "objectives")


def cli_page() -> str:
    """The help of `rung` and of each command."""
    root = click.Context(commands, info_name="rung", terminal_width=WIDTH, **commands.context_settings)
    parts = [MADE, "# The command line\n", _block(commands.get_help(root))]
    for name in commands.list_commands(root):
        command = commands.get_command(root, name)
        assert command is not None
        parts += [f"## rung {name}\n", _block(command.get_help(click.Context(command, parent=root, info_name=name)))]
    return "\n".join(parts)


def plugins_page() -> str:
    """A table for each slot: the plug-ins, what they are for, and what can be set."""
    parts = [
        MADE,
        "# Plug-ins\n",
        "A plug-in is one file in its slot's folder: the file's name is the plug-in's, its docstring's first line is its help.",
        "A package of your own adds one by an entry point in the group named below; nothing else has to be registered.\n",
    ]
    for slot, module in plugins.SLOTS.items():
        found = plugins.names(slot)
        if found:
            folder = f"src/{module.replace('.', '/')}/"
            parts += [f"## {slot}\n", f"Folder `{folder}`, entry point group `rung.{slot}`.\n", *_table(slot, found), ""]
    return "\n".join(parts)


def scorers_page() -> str:
    """For each scorer the near misses that it catches and those that it accepts by design, on small typical targets."""
    parts = [
        MADE,
        "# What each scorer catches\n",
        "Before anything is spent, `rung plan`, `climb`, `diagnose` and `forecast` try a task's scorers on made-up answers to its",
        "own rows: ideal answers, harmless rewordings, and near misses of the kinds that its targets contain. Here are the same",
        "trials on small typical targets. `accepts: [kind]` under a bar lets a kind pass that is not accepted by design;",
        "`rung score TASK ANSWER --row ID` says of any answer what each bar makes of it.\n",
        "## The kinds\n",
        "| near miss | what it is |",
        "|---|---|",
        *[f"| {kind.name} | {_cell(kind.told)} |" for kind in NEAR_MISSES],
        "",
    ]
    for name in plugins.names("scorers"):
        tried = [case for case in TYPICAL if case.scorer == name]
        parts += [f"## {name}\n", plugins.help_line("scorers", name) + "\n", *[line for case in tried for line in _trial(case)]]
    return "\n".join(parts)


def _trial(case: Typical) -> list[str]:
    """One table: what was said for what, and what the scorer makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        trial = case.trial(Path(folder))
    said = dict(case.settings) | ({"accepts": case.accepts} if case.accepts else {})
    settings = f", with `{json.dumps(said)}`" if said and not case.code else ""
    near = [(kind, _verdict(kind)) for kind in trial.kinds]
    harmless = [(kind, "wrong" if kind.slipped else "right, as it should be") for kind in trial.harmless]
    rows = [f"| {kind.kind} | {_instance(kind)} | {_cell(word)} |" for kind, word in (*near, *harmless)]
    return [f"### {case.title}{settings}\n", "| made-up answer | for instance | |", "|---|---|---|", *rows, ""]


def _verdict(kind: KindTried) -> str:
    if not kind.slipped:
        return "caught"
    how = f"accepted: {kind.accepted}" if kind.accepted else "SLIPS"
    return how if kind.slipped == kind.made else f"{how} ({kind.made - kind.slipped} of {kind.made} caught)"


def _instance(kind: KindTried) -> str:
    made = kind.example or kind.first
    assert made is not None
    ideal, said = parting(made.ideal, made.said)
    return f"`{_cell(said)}` for `{_cell(ideal)}`" if "`" not in said else f"`` {_cell(said)} `` for `{_cell(ideal)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"


def _table(slot: str, found: tuple[str, ...]) -> list[str]:
    if slot not in WITH_SETTINGS:
        return ["| name | what it does |", "|---|---|", *[f"| `{name}` | {plugins.help_line(slot, name)} |" for name in found]]
    rows = [f"| `{name}` | {plugins.help_line(slot, name)} | {_settings(slot, name)} |" for name in found]
    return ["| name | what it does | settings and their defaults |", "|---|---|---|", *rows]


def _settings(slot: str, name: str) -> str:
    config = getattr(plugins.load(slot, name), "Config", None)
    if config is None:
        return ""
    fields = config.model_fields.items()
    return ", ".join(
        f"`{field.alias or key}`" if field.is_required() else f"`{field.alias or key}={_default(field)}`" for key, field in fields
    )


def _default(field: object) -> str:
    value = field.get_default(call_default_factory=True)  # type: ignore[attr-defined]
    return repr(value).replace("|", "\\|")


PAGES = {"cli.md": cli_page, "plugins.md": plugins_page, "scorers.md": scorers_page, "first-contact.md": first_contact_page}


def main() -> int:
    """Writes the pages, or checks them; the exit code is 1 where one is out of date."""
    made = {name: page() for name, page in PAGES.items()}
    if "--check" not in sys.argv:
        for name, text in made.items():
            write_whole(FOLDER / name, text)
        return 0
    stale = [name for name, text in made.items() if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != text]
    for name in stale:
        print(f"docs/{name} is out of date: run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
