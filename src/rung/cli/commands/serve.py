"""`rung serve`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
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
@click.option(
    "--engine", "engines", multiple=True, help="A vLLM for a base: BASE=http://127.0.0.1:8001/v1#model (docs/engines.md)."
)
@click.option("--admin-port", type=click.IntRange(0, 65535), help="Of the admin plane, on 127.0.0.1. [default: the port behind]")
@click.option("--keep-text", type=click.FloatRange(min=0, min_open=True), help="Keep words of questions and answers, so many days.")
@click.option("--take", help="What each base may take: rows=32,warm_mib=2048,known_mib=1024,waiting=1024. int8: its weights so.")
@click.option("--traces", is_flag=True, help="Send OpenTelemetry spans to where OTEL_EXPORTER_OTLP_ENDPOINT says.")
@json_option
def command(host: str, port: int, as_json: bool, **said: Any) -> None:
    """Serve what is registered behind OpenAI's API.

    `model` is what `rung answer` takes: tone (its newest version), tone@3, tone@champion; `base` is the bare base. An answer is
    what `rung answer` gives. A promotion or a rollback is followed by the next question.

    Once the home has a tenant (`rung tenant add`), who asks shows a key. Every answer is in the journal (`rung served`) before its
    first byte goes out. The admin plane has a socket and keys of its own: the first one is made and shown at the first start. It
    opens the dashboard too, at the same address in a browser.

    Ctrl-C (or SIGTERM) lets what is under way end; a second one does not wait.
    """
    from rung.registry.home import open_home
    from rung.serve.awake import stay_awake

    stay_awake()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with open_home(write=True) as home:
        parts = {"names": _words(said["names"]), "engines": said["engines"], "traces": said["traces"]}
        parts |= {"takes": _words(said["take"])}
        parts |= {"keep_text_days": said["keep_text"]}
        at = At(host=host, port=port, admin_port=said["admin_port"])
        serve(home, at, warm=_words(said["warm"]), as_json=as_json, **parts)


@dataclass(frozen=True, kw_only=True)
class At:
    """Where a server is to listen; the admin plane behind the other one's port where nothing is said of it."""

    host: str
    port: int
    admin_port: int | None = None


def serve(home: Home, at: At, *, warm: tuple[str, ...], as_json: bool, **parts: Any) -> None:
    """Serves a home until it is told to stop. `parts` are those of `Settings`."""
    try:
        from rung.serve.app import build_app
    except ImportError as error:
        raise BrokenEnvironment("the server is not installed", hint="pip install 'rung[serve]'") from error
    from rung.serve.dashboard.mounting import mount
    from rung.serve.opening import Settings, chosen, open_door
    from rung.serve.running import Plane, has_keys, listen, listen_behind, run
    from rung.serve.tenants.admin import build_admin, plane_of
    from rung.serve.tenants.keys import AdminKeys

    door = open_door(home, Settings(**parts))
    try:
        versions = chosen(door, warm)
        data = Plane(app=build_app(door), listens=listen(at.host, at.port, keys=has_keys(door)))
        pages = build_admin(plane_of(door))
        mount(pages, door)
        admin = Plane(app=pages, listens=listen_behind(data, at.admin_port))
        key = AdminKeys(home).first(home.keys.me().identity.fingerprint)
        run(door, [data, admin], versions, lambda: _tell(door, Told(data=data, admin=admin, key=key), as_json=as_json))
    finally:
        door.close()


@dataclass(frozen=True, kw_only=True)
class Told:
    """Where a server listens. `key` is the admin plane's first, where it was made just now."""

    data: Plane
    admin: Plane
    key: str | None


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _tell(door: Door, told: Told, *, as_json: bool) -> None:
    """Where it listens and what it serves."""
    from rung.serve.running import has_keys

    versions = _newest(door)
    if as_json:
        models = [{"model": one.name, "version": one.ref, "rung": one.rung} for one in versions]
        where = {"address": f"{told.data.address}/v1", "keys": has_keys(door), "admin": told.admin.address}
        print_json({**where, "admin_key": told.key, "models": models, "bases": door.names.base_words()})
        return
    who = "a key is asked for" if has_keys(door) else "no key is asked for: this machine only"
    show(
        f"Serving on {told.data.address}/v1 ({who}). Ctrl-C stops it.",
        f"The dashboard and the admin plane are on {told.admin.address}.",
    )
    if told.key:
        show(f"Its first key, which is shown this once and stored nowhere: {told.key}")
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
    show(f"Try: curl {told.data.address}/v1/chat/completions -H 'content-type: application/json' -d '{body}'")


def _newest(door: Door) -> list[Version]:
    found: dict[str, Version] = {}
    for one in door.names.served():
        if one.name not in found or one.version > found[one.name].version:
            found[one.name] = one
    return list(found.values())
