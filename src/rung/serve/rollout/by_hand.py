"""What a person does to a rollout: pause, resume, stop, and roll back whatever the evidence says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.promote.promoting import rollback
from rung.registry.aliases import CHAMPION
from rung.registry.rollout_states import Rollout, RolloutChange

if TYPE_CHECKING:
    from rung.registry.home import Home


def pause(home: Home, rollout: Rollout) -> Rollout:
    """The champion answers everybody for now, and nothing is counted; its time stands still."""
    change = RolloutChange(state="paused", kind="paused", said=f"paused: {rollout.said}", who=home.keys.me().identity.fingerprint)
    return rollout if rollout.state == "paused" else home.rollouts.change(rollout, change)


def resume(home: Home, rollout: Rollout) -> Rollout:
    """It goes on where it was, at its share. Raises UserError where it is over."""
    if rollout.state in ("running", "waiting"):
        return rollout
    ends = None
    if rollout.ends and rollout.state == "paused":
        stood = datetime.fromisoformat(home.audit.moment()) - datetime.fromisoformat(rollout.updated)
        ends = (datetime.fromisoformat(rollout.ends) + max(stood, timedelta(0))).isoformat(timespec="milliseconds")
    said, who = rollout.said.removeprefix("paused: "), home.keys.me().identity.fingerprint
    return home.rollouts.change(rollout, RolloutChange(state="running", kind="resumed", said=said, ends=ends, who=who))


def stop(home: Home, rollout: Rollout, why: str) -> Rollout:
    """It ends without a verdict; the champion answers everybody. Raises UserError where it is over."""
    who = home.keys.me().identity.fingerprint
    return home.rollouts.change(rollout, RolloutChange(state="stopped", kind="stopped", said=why or "stopped by hand", who=who))


def abort(home: Home, rollout: Rollout, why: str) -> Rollout:
    """Rolls back, whatever the evidence says; where the candidate is the champion already, by `rung rollback` as well.

    Raises UserError where it is over otherwise, and where the champion is another meanwhile.
    """
    said, who = why or "rolled back by hand", home.keys.me().identity.fingerprint
    change = RolloutChange(state="rolled-back", kind="rolled-back", said=said, who=who)
    if rollout.state != "promoted":
        return home.rollouts.change(rollout, change)
    with home.together():
        move = home.aliases.at(rollout.plan.name, CHAMPION)
        if move is None or move.version != rollout.plan.version:
            raise UserError(
                f"{rollout.plan.ref} is not the champion any more", hint=f"`rung log {rollout.plan.name}` says what was moved."
            )
        changed = home.rollouts.change(rollout, change)
        rollback(home, rollout.plan.name)
    return changed
