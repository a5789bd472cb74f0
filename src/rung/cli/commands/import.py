"""`rung import`."""

from __future__ import annotations

import click

from rung.cli.output import example, fields, json_option, print_json, show, watching
from rung.escapes import visible


@click.command(epilog=example("rung import ./my-lora --as tone-lora --base hf:org/model"))
@click.argument("path")
@click.option("--as", "name", required=True, help="The name to register it under, as its next version.")
@click.option("--base", default=None, help="The model that answers, or name@version; by default the one that is named in PATH.")
@json_option
def command(path: str, name: str, base: str | None, as_json: bool) -> None:
    """Take what was made elsewhere into the home, under a name, as a claim.

    PATH is an adapter in PEFT's format (a folder, or hf:org/name@revision), a prompt (.txt, .md, .yaml), a prompt that MLflow
    exported (.json), or an Ollama Modelfile.

    A copy of it is looked at first, and all that is wrong is named: pickles, files on no list, links, tensors that are not finite
    or do not fit the base, an update that is null, another tokenizer or template than the base's. What of it cannot be kept is
    told, line by line.

    The version is CLAIMED until a task has judged it: `rung eval TASK --candidate NAME --split test`, or a climb. It can be asked
    (`rung answer`) and be the base of a task (`base: name@1`) before.
    """
    from rung.admission.take import take
    from rung.registry.ended import CLAIMED
    from rung.registry.home import open_home

    with open_home(write=True) as home, watching() as progress:
        taken = take(path, name, base, home, progress)
    document = {
        "version": taken.version,
        "origin": CLAIMED,
        "claimed": taken.claimed,
        "candidate": taken.candidate.id,
        "base": taken.candidate.base,
        "adapter": taken.candidate.adapters[-1] if taken.candidate.adapters else None,
    }
    if as_json:
        print_json({**document, "notes": list(taken.notes)})
        return
    show(fields(document))
    for note in taken.notes:
        click.echo(f"! {visible(note)}", err=True)
