"""`rung served`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, fields, json_option, print_json, show, table
from rung.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.served import Wanted

ENDINGS = ("answered", "fallback", "withheld", "held", "refused", "late", "gone", "failed", "died", "under way")
SHOWN = 50


@click.command(epilog=example("rung served --tenant acme --ref spam@7 --since 2026-11-03"))
@click.argument("answer", required=False)
@click.option("--tenant", help="Only of this tenant: its name or id.")
@click.option("--model", help="As it was asked for; a pattern: 'spam*'.")
@click.option("--ref", help="What answered: tone (any version), tone@3.")
@click.option("--since", help="2026-11-03 (its beginning, UTC), or 2026-11-03T14:30.")
@click.option("--ending", help=f"One of: {', '.join(ENDINGS)}.")
@json_option
def command(answer: str | None, as_json: bool, **said: str | None) -> None:
    """Look up what servers of this home answered: which bytes, whom, when, how long, how it ended, and what was said of it.

    ANSWER is the id that an answer came with. Without it the newest are listed. Refused attempts (a wrong key, another tenant's
    model, a quota that was used up) are among them. Words of questions and answers are there where the server was told to keep
    them, else their digests alone. `rung verify` says whether the journal is as it was written.
    """
    from rung.registry.home import open_home
    from rung.serve.tenants.told import served_told, served_whole

    with open_home() as home:
        if answer is not None:
            row = home.served.get(answer)
            if row is None:
                raise UserError(f"no answer is known as '{answer}'", hint="`rung served` lists the newest.")
            document = served_whole(home, row) | {"tenant_name": _names(home).get(row.begun.tenant)}
        else:
            rows = home.served.find(_wanted(home, said), limit=1_000 if as_json else SHOWN)
            names = _names(home)
            document = {"rows": [served_told(row) | {"tenant_name": names.get(row.begun.tenant)} for row in rows]}
    if as_json:
        print_json(document)
    elif answer is not None:
        _show(document)
    else:
        _list(document["rows"])


def _names(home: Home) -> dict[str, str]:
    return {one.id: one.name for one in home.tenants.all(ended=True)}


def _wanted(home: Home, said: dict[str, str | None]) -> Wanted:
    from rung.registry.served import Wanted

    given = {name: value for name, value in said.items() if value is not None}
    if "ending" in given and given["ending"] not in ENDINGS:
        raise UserError(f"no answer ends '{given['ending']}'", hint=did_you_mean(given["ending"], ENDINGS))
    if "tenant" in given and home.tenants.any():
        given["tenant"] = home.tenants.get(given["tenant"]).id
    if "since" in given:
        given["since"] = _beginning(given["since"])
    return Wanted(**given)


def _beginning(text: str) -> str:
    """The moment that a person means by since; a date is its beginning."""
    from datetime import date

    from rung.registry.moments import read_moment

    try:
        return read_moment(f"{date.fromisoformat(text.strip()).isoformat()}T00:00")
    except ValueError:
        return read_moment(text)


def _list(rows: list[dict[str, Any]]) -> None:
    if not rows:
        show("No answer fits. `rung served` lists the newest.")
        return
    shown = [
        (
            row["created"][:19].replace("T", " "),
            row["id"] if row["ref"] else f"{row['times']:,} times" if row["times"] > 1 else None,
            row["tenant_name"] or row["tenant"] or None,
            row["model"],
            row["ref"] or None,
            row["ending"],
            _seconds(row["latency_s"]),
            _tokens(row),
        )
        for row in rows
    ]
    titles = ["when (UTC)", "answer", "tenant", "asked", "by", "ended", "seconds", "tokens"]
    show(table(titles, shown, numbers=["seconds", "tokens"]))


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _tokens(row: dict[str, Any]) -> str | None:
    told = [row["prompt_tokens"], row["completion_tokens"]]
    return None if None in told else f"{told[0]:,} + {told[1]:,}"


def _show(document: dict[str, Any]) -> None:
    made = document["made_with"] or {}
    adapters = ", ".join(f"{name[:12]} x {weight:g}" for name, weight in made.get("adapters", ()))
    show(
        fields(
            {
                "answer": document["id"],
                "tenant": document["tenant_name"] or document["tenant"] or None,
                "key": document["key"] or None,
                "asked": f"{document['model']} ({document['endpoint']})",
                "by": document["ref"] or None,
                "candidate": made.get("candidate"),
                "base": made.get("base"),
                "adapters": adapters or None,
                "engine": made.get("engine") or None,
                "fingerprint": document["fingerprint"] or None,
                "rollout": " ".join(filter(None, (document["rollout"], document["arm"]))) or None,
                "begun": document["created"],
                "ended": document["ended"],
                "ending": document["ending"],
                "because": document["reason"] or None,
                "fallback": document["fallback"] or None,
                "seconds": _seconds(document["latency_s"]),
                "to the first piece": _seconds(document["first_s"]),
                "tokens": _tokens(document),
                "question": document["question"] or None,
                "answer's text": document["answer"] or None,
                **{f"{what} (kept)": words for what, words in document["texts"].items()},
            }
        )
    )
    if document["feedback"]:
        rows = [
            (one["created"][:16], one["thumb"] or None, one["score"], one["correction"], one["comment"] or None)
            for one in document["feedback"]
        ]
        show(table(["said (UTC)", "thumb", "score", "correction", "comment"], rows))
