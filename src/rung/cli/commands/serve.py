"""`rung serve`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table
from rung.errors import BrokenEnvironment

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.serve.door import Door
    from rung.serve.running import Plane

TITLES = ("model", "version", "rung", "aliases")


@click.command(epilog=example("rung serve --names 'tone,legal-*' --warm tone@champion"))
@click.option("--host", default="127.0.0.1", show_default=True, help="Beyond this machine only with keys.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--names", help="What to serve, as patterns: tone,legal-*. All that is registered without.")
@click.option("--warm", help="Versions that must have answered before the server is ready: tone@champion,spam. Bases always.")
@click.option("--traces", is_flag=True, help="Send OpenTelemetry spans to where OTEL_EXPORTER_OTLP_ENDPOINT says.")
@json_option
def command(host: str, port: int, names: str | None, warm: str | None, traces: bool, as_json: bool) -> None:
    """Serve what is registered behind OpenAI's API.

    `model` is what `rung answer` takes: tone (its newest version), tone@3, tone@champion; `base` is the bare base. An answer is
    what `rung answer` gives. A promotion or a rollback is followed by the next question.

    Ctrl-C (or SIGTERM) lets what is under way end; a second one does not wait.
    """
    from rung.registry.home import open_home

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with open_home(write=True) as home:
        serve(home, host, port, names=_words(names), warm=_words(warm), traces=traces, as_json=as_json)


def serve(home: Home, host: str, port: int, *, names: tuple[str, ...], warm: tuple[str, ...], traces: bool, as_json: bool) -> None:
    """Serves a home until it is told to stop."""
    try:
        from rung.serve.app import build_app
    except ImportError as error:
        raise BrokenEnvironment("the server is not installed", hint="pip install 'rung[serve]'") from error
    from rung.serve.opening import Settings, chosen, open_door
    from rung.serve.running import Plane, has_keys, listen, run

    door = open_door(home, Settings(names=names, traces=traces))
    versions = chosen(door, warm)
    plane = Plane(app=build_app(door), listens=listen(host, port, keys=has_keys(door)))
    run(door, [plane], versions, lambda: _tell(door, plane, as_json=as_json))


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _tell(door: Door, plane: Plane, *, as_json: bool) -> None:
    """Where it listens and what it serves."""
    from rung.serve.running import has_keys

    versions = _newest(door)
    if as_json:
        models = [{"model": one.name, "version": one.ref, "rung": one.rung} for one in versions]
        print_json({"address": f"{plane.address}/v1", "keys": has_keys(door), "models": models, "bases": door.names.base_words()})
        return
    who = "a key is asked for" if has_keys(door) else "no key is asked for: this machine only"
    show(f"Serving on {plane.address}/v1 ({who}). Ctrl-C stops it.")
    if not versions:
        show("Nothing is registered yet: `rung climb` registers what passes, and it is served at once.")
        return
    stands: dict[str, list[str]] = {}
    for move in door.home.aliases.standing():
        stands.setdefault(move.name, []).append(f"{move.alias} -> {move.version}")
    rows: list[tuple[Any, ...]] = [(one.name, one.version, one.rung, ", ".join(stands.get(one.name, []))) for one in versions]
    rows += [(word, None, "the bare base", "") for word in door.names.base_words()]
    show(table(TITLES, rows, numbers=("version",)))
    body = f'{{"model": "{versions[0].name}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    show(f"Try: curl {plane.address}/v1/chat/completions -H 'content-type: application/json' -d '{body}'")


def _newest(door: Door) -> list[Version]:
    found: dict[str, Version] = {}
    for one in door.names.served():
        if one.name not in found or one.version > found[one.name].version:
            found[one.name] = one
    return list(found.values())
