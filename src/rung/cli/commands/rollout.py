"""`rung rollout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show
from rung.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.rollout_states import Rollout
    from rung.serve.rollout.begin import Wanted

ACTIONS = ("ls", "show", "pause", "resume", "stop", "abort")


@click.command(epilog=example("rung rollout spam --canary 5% --steps 5%,25%,100% --for 7d"))
@click.argument("words", nargs=-1, required=True, metavar="NAME | ls | show|pause|resume|stop|abort NAME [WHY]")
@click.option("--canary", default="", metavar="SHARE", help="The part of those who ask whom it answers, such as 5%.")
@click.option("--ab", default="", metavar="SHARE", help="The same, for as long as it takes to show which is better.")
@click.option("--shadow", is_flag=True, help="First it answers copies, which are compared and never sent.")
@click.option("--to", default="", metavar="VERSION", help="7, or an alias; by default what `candidate` is, else the newest.")
@click.option("--steps", default="", metavar="SHARES", help="Rising shares, such as 5%,25%,100%: 100% is the champion's place.")
@click.option("--harm", type=float, help="What it may be worse by, in points (by default 5).")
@click.option("--alpha", type=float, help="The chance of a wrong rollback, and of a wrong step on (by default 0.01).")
@click.option("--for", "lasts", default="", metavar="TIME", help="Undecided after so long (7d), it ends.")
@json_option
def command(words: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Let a second version of NAME answer a part of those who ask, and roll it back once it is shown to do harm.

    \b
    rung rollout spam --canary 5%                  5% of those who ask; then the champion's place
    rung rollout spam --canary 5% --shadow         before that copies alone
    rung rollout spam --ab 50% --for 14d           until one is shown to be better
    rung rollout ls                                all of them
    rung rollout show spam                         how both stand, and what is still needed
    rung rollout pause spam                        the champion answers everybody, until `resume`
    rung rollout stop spam                         it ends without a verdict
    rung rollout abort spam "complaints by mail"   it is rolled back, also where it is the champion already

    Who asks for `spam` or `spam@champion` meets one of the two, always the same; `spam@7` is that version. The two are compared by
    feedback and by what of the task's bars can judge an answer without the right one. A step is made once no harm is shown, and the
    champion's place is asked for as `rung promote` asks for it. `rung serve` does all this while it runs.
    """
    first, *rest = words
    if first == "ls" and not rest:
        return _list(as_json)
    if first in ACTIONS[1:]:
        return _act(first, rest, options, as_json)
    if rest:
        hint = did_you_mean(first, ACTIONS)
        raise UserError(f"'{first}' is nothing that can be done to a rollout", hint=hint)
    return _begin(first, options, as_json)


def _list(as_json: bool) -> int:
    from rung.cli.rollouts import listed, told
    from rung.registry.home import open_home

    with open_home() as home:
        found = home.rollouts.all()
    if as_json:
        print_json({"rollouts": [told(one) for one in found]})
    elif found:
        show(listed(found))
    else:
        show("No rollouts yet: `rung rollout NAME --canary 5%` begins one.")
    return 0


def _begin(name: str, options: dict[str, Any], as_json: bool) -> int:
    from dataclasses import asdict

    from rung.cli.rollouts import promise_in_words, told
    from rung.registry.home import open_home
    from rung.serve.rollout.begin import begin

    with open_home(write=True) as home:
        begun = begin(home, _wanted(name, options))
    if as_json:
        print_json({"rollout": told(begun.rollout), "promise": asdict(begun.promise), "notes": list(begun.notes)})
        return 0
    show(f"{begun.rollout.id}: {begun.rollout.said}.", *promise_in_words(begun))
    for note in begun.notes:
        click.echo(f"! {note[0].upper()}{note[1:].rstrip('.')}.", err=True)
    show(f"How it stands  rung rollout show {name}")
    return 0


def _wanted(name: str, options: dict[str, Any]) -> Wanted:
    from rung.serve.rollout.begin import Wanted

    return Wanted(name=name, **{key: value for key, value in options.items() if value is not None})


def _act(action: str, rest: list[str], options: dict[str, Any], as_json: bool) -> int:
    from rung.cli.rollouts import shown, told, told_whole
    from rung.registry.home import open_home

    if given := [name for name, value in options.items() if value]:
        raise UserError(f"--{given[0].replace('lasts', 'for')} is for a rollout that begins", hint=f"rung rollout {action} NAME")
    if not rest or len(rest) > 1 + (action in ("stop", "abort")):
        raise UserError(f"{action} which rollout?", hint=f"rung rollout {action} NAME")
    with open_home(write=action != "show") as home:
        rollout = home.rollouts.get(rest[0])
        if action == "show":
            if as_json:
                print_json(told_whole(home, rollout))
            else:
                show(*shown(home, rollout))
            return 0
        rollout = _done(home, rollout, action, rest[1] if rest[1:] else "")
    if as_json:
        print_json({"rollout": told(rollout)})
    else:
        show(f"The rollout of {rollout.plan.ref} is {rollout.state} now: {rollout.said}.")
    return 0


def _done(home: Home, rollout: Rollout, action: str, why: str) -> Rollout:
    from rung.serve.rollout import by_hand

    if action == "pause":
        return by_hand.pause(home, rollout)
    if action == "resume":
        return by_hand.resume(home, rollout)
    return by_hand.stop(home, rollout, why) if action == "stop" else by_hand.abort(home, rollout, why)
