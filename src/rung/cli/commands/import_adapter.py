"""`rung import-adapter`."""

from __future__ import annotations

from pathlib import Path

import click

from rung.cli.output import example, fields, json_option, print_json, show
from rung.errors import UserError
from rung.sources.base import BaseReference


@click.command(epilog=example("rung import-adapter ./my-lora --base hf:org/model --name tone-lora"))
@click.argument("folder")
@click.option(
    "--base", default=None, help="The model that it was trained on; by default the one that the adapter names, where it is here."
)
@click.option("--name", default=None, help="The name to register it under; by default the folder's.")
@json_option
def command(folder: str, base: str | None, name: str | None, as_json: bool) -> None:
    """Take an adapter in PEFT's format into the home, under a name: a FOLDER, or hf:org/name@revision.

    It is held against its base first: what is not computed exactly is refused. The name can be asked (`rung answer`) and be the
    base of a task (`base: name@1`). Nothing is measured by that: a task's climb is what proves anything.
    """
    from rung.climb.imported import adapter_folder, import_adapter
    from rung.registry.home import open_home
    from rung.registry.names import Evidence

    with open_home(write=True) as home:
        here = adapter_folder(folder, home)
        imported = import_adapter(here, base or _named_base(here), home)
        home.candidates.add(imported.candidate, "")
        version = home.names.register(name or _called(folder), imported.candidate.id, Evidence())
    document = {"version": version, "candidate": imported.candidate.id, "base": imported.base, "adapter": imported.digest}
    if as_json:
        print_json({**document, "notes": list(imported.notes)})
    else:
        show(fields(document))
        for note in imported.notes:
            click.echo(f"! {note}", err=True)


def _called(folder: str) -> str:
    return BaseReference.read(folder).name.rpartition("/")[2] if folder.startswith("hf:") else Path(folder).resolve().name


def _named_base(folder: Path) -> str:
    """The base that the adapter names: a folder here, or a model on the hub."""
    from rung.engine.local.peft.files import SETTINGS_FILE, read_settings

    named = read_settings(folder).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        raise UserError("the adapter does not say what it was trained on", where=str(folder / SETTINGS_FILE), hint="Give --base.")
    return named if Path(named).expanduser().exists() else f"hf:{named}"
