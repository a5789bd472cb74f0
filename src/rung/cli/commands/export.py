"""`rung export`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, watching
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.export.base import Exported

DTYPES = ("float32", "bfloat16", "float16")


@click.command(epilog=example("rung export tone@champion --as peft,merged --to ./out"))
@click.argument("name")
@click.option("--as", "formats", required=True, help="The format, or several with commas between; see docs/exports.md.")
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path), help="Each format gets a folder of its name in it.")
@click.option(
    "--dtype", type=click.Choice(DTYPES), default=None, help="What merged weights are written as; by default what the base has."
)
@click.option(
    "--max-nats",
    type=click.FloatRange(min=0),
    default=None,
    help="The most that merged weights may change what is answered, in nats a token.",
)
@click.option("--no-check", is_flag=True, help="Do not read again what was written, and do not compare it.")
@click.option(
    "--log-to", "store", default=None, help="Also keep it in another program's own store at this address (mlflow: a tracking URI)."
)
@json_option
def command(name: str, formats: str, folder: Path, store: str | None, no_check: bool, as_json: bool, **of_weights: Any) -> None:
    """Write NAME as other programs read it: an adapter, a whole model, a prompt, a record of where it comes from.

    NAME is a name (its newest version), name@version or name@alias.

    What is written is read again by the program that it is for, and compared with what was registered; the figure is printed. Where
    it does not agree, nothing is left. What such files cannot carry (a system prompt in an adapter's folder) is told, and stands in
    export.json beside them.

    The same export again keeps what stands there.
    """
    from rung.climb.at_hand import tasks_at_hand
    from rung.export.base import export, refuse_unfit
    from rung.export.publish import publish, publishing
    from rung.export.subject import Options, subject_of
    from rung.registry.home import open_home

    chosen = _chosen(formats)
    with open_home(write=True) as home, watching() as progress:
        options = Options(**of_weights)
        subject = subject_of(home, name, options=options, load=tasks_at_hand(home), progress=progress)
        refuse_unfit(subject, chosen, check=not no_check)
        if store:
            publishing(chosen)
        made = [export(subject, one, folder, check=not no_check) for one in chosen]
        kept = publish(subject, made, store) if store else []
    if as_json:
        print_json({"version": subject.ref, "exports": [_told(one) for one in made], "kept": kept})
    else:
        _show(made)
        for line in kept:
            click.echo(line)


def _chosen(formats: str) -> list[str]:
    chosen = list(dict.fromkeys(one.strip() for one in formats.split(",") if one.strip()))
    if not chosen:
        raise UserError("no format is named", hint="Name one with --as, or several with commas between: --as peft,merged.")
    return chosen


def _told(one: Exported) -> dict[str, Any]:
    return {
        "format": one.format,
        "folder": str(one.folder),
        "files": [asdict(file) for file in one.files],
        "agreement": asdict(one.agreement) if one.agreement else None,
        "left_out": list(one.left_out),
        "notes": list(one.notes),
        "standing": one.standing,
    }


def _show(made: list[Exported]) -> None:
    from rung.report.text import size

    for one in made:
        count, whole = len(one.files), size(sum(file.size_bytes for file in one.files))
        show(f"{one.format}  {one.folder}  {count} file{'s' if count > 1 else ''}, {whole}")
        show(f"  {one.agreement.said}" if one.agreement else "  NOT COMPARED")
    for one in made:
        if one.standing:
            click.echo(f"{one.format}: it stood there already, as it was exported.", err=True)
        if one.left_out:
            out = "; ".join(one.left_out)
            click.echo(f"! {one.format}: NOT IN THESE FILES, and part of what passed: {out}. It stands in export.json.", err=True)
        for note in one.notes:
            click.echo(f"! {one.format}: {note}", err=True)
