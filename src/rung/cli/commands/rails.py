"""`rung rails`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rung.cli.output import example, fields, json_option, print_json, show
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.line import Mix, Serving
    from rung.registry.home import Home
    from rung.registry.names import Version


@click.command(epilog=example("rung rails tone@champion task.yaml"))
@click.argument("name")
@click.argument("task", required=False, type=click.Path(path_type=Path))
@json_option
def command(name: str, task: Path | None, as_json: bool) -> None:
    """Show what the answers of NAME are held to where they are served; with TASK, say it anew.

    NAME is a name (its newest version), name@version or name@alias. What counts is the section `serving` of a task file: the climb
    that judged the version took it down, and TASK puts its own in that one's place, at once and for every version that was judged
    by the same lock. A task file without the section takes everything back.
    """
    from rung.json_form import as_json as plain
    from rung.registry.home import open_home

    with open_home(write=task is not None) as home:
        version = home.names.find(name)
        if version is None:
            raise UserError(f"nothing is registered as '{name}'", hint="`rung ls` lists what is.")
        subject = version.evidence.task or version.ref
        news = _say(home, version, subject, task) if task is not None else False
        rules = home.serving.of(subject)
        who = home.keys.called(rules.who) if rules and rules.who else None
    serving = rules.serving if rules else None
    if as_json:
        said = {"number": rules.number, "by": rules.who, "created": rules.created} if rules else {}
        print_json({"version": version.ref, "subject": subject, **said, "news": news, "serving": serving and plain(serving)})
        return
    if serving is None:
        show(f"Nothing is said of the answers of {version.ref}: they go out as they are. A task file says it under 'serving:'.")
        return
    show(fields({"version": version.ref, **_told(serving), "since": rules and rules.created[:16].replace("T", " "), "by": who}))


def _say(home: Home, version: Version, subject: str, path: Path) -> bool:
    from rung.task.load import load_task

    task = load_task(path, home.downloads)
    return home.serving.put(subject, task.serving, home.keys.me().identity.fingerprint)


def _told(serving: Serving) -> dict[str, str | None]:
    caps = serving.caps
    kept = {"tokens": caps.tokens, "tool calls": caps.tool_calls, "a minute": caps.per_minute, "USD a day": caps.usd_per_day}
    otherwise = f"the answer of {serving.fallback}" if serving.fallback else "it is withheld"
    return {
        "checks": "\n".join([*(["form"] if serving.form else []), *(f"{one.name} ({one.scorer})" for one in serving.checks)])
        or None,
        "else": f"asked again {serving.retry} times, then {otherwise}" if serving.retry else otherwise,
        "message": serving.message or None,
        "caps": ", ".join(f"{value:g} {what}" for what, value in kept.items() if value is not None) or None,
        "a call waits": serving.hold,
        "system of a client": "refused" if serving.client_system == "refuse" else None,
        "modes": "\n".join(f"{mix.mode}: {_shares(mix)}" for mix in serving.mixes if mix.mode) or None,
        "stacks": "\n".join(_shares(mix) for mix in serving.mixes if not mix.mode) or None,
    }


def _shares(mix: Mix) -> str:
    return " + ".join(f"{one.name} x {one.least:g}" + (f" to {one.most:g}" if one.most != one.least else "") for one in mix.shares)
