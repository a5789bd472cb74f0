"""A decision on a rollout -> what is written: its next state and event, the audit's line, and with a promotion the alias' move.

Each is one transaction. Whoever acts says which event it has seen: of two that act at once one is refused, and nothing of it stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.promote.promoting import Promotion, promote
from rung.registry.aliases import CHAMPION
from rung.registry.rollout_states import Rollout, RolloutChange
from rung.serve.rollout.deciding import Decision

if TYPE_CHECKING:
    from rung.promote.champion import LoadTask
    from rung.registry.home import Home


def act(home: Home, rollout: Rollout, decision: Decision, load: LoadTask, who: str = "") -> Rollout:
    """Does what was decided. Raises UserError where the rollout has gone on since, or the champion was moved meanwhile."""
    if decision.move == "promote":
        return _promote(home, rollout, decision, load, who)
    changes = {
        "roll back": RolloutChange(state="rolled-back", kind="rolled-back"),
        "advance": RolloutChange(state="running", kind="advanced", step=rollout.step + 1),
        "shown": _shown(rollout),
        "stop": RolloutChange(state="stopped", kind="stopped"),
    }
    change = changes[decision.move]
    said = "; ".join(filter(None, (decision.said, change.said)))
    return home.rollouts.change(rollout, replace(change, said=said, evidence=decision.evidence, who=who))


def _shown(rollout: Rollout) -> RolloutChange:
    """What comes after the last step, where that is not the champion's place."""
    way = f"`rung promote {rollout.plan.ref}` makes it the champion"
    if rollout.plan.kind == "shadow":
        return RolloutChange(state="stopped", kind="stopped", said=f"`rung rollout {rollout.plan.name} --canary 5%` goes on; {way}")
    return RolloutChange(state="waiting", kind="waiting", said=way)


def _promote(home: Home, rollout: Rollout, decision: Decision, load: LoadTask, who: str) -> Rollout:
    """Asks for the champion's place as anybody does; what does not hold is waited for."""
    promoted: list[Rollout] = []
    change = RolloutChange(state="promoted", kind="promoted", step=len(rollout.plan.steps) - 1, who=who, evidence=decision.evidence)
    try:
        done = promote(
            home,
            rollout.plan.ref,
            CHAMPION,
            load=load,
            beside=lambda _: promoted.append(home.rollouts.change(rollout, replace(change, said=decision.said or rollout.said))),
        )
    except UserError as error:
        if home.rollouts.get(rollout.id).number != rollout.number:
            raise
        return _waits(home, rollout, decision, f"it cannot be promoted: {error.problem}", who)
    if promoted:
        return promoted[-1]
    return _waits(home, rollout, decision, _refusal(done), who)


def _refusal(done: Promotion) -> str:
    if done.standing:
        return "it is the champion already"
    return "promotion waits: " + "; ".join(f"{one.name}: {one.said}" for one in done.set_aside)


def _waits(home: Home, rollout: Rollout, decision: Decision, why: str, who: str) -> Rollout:
    """It keeps its share, and is still watched for harm; said once, not with every attempt."""
    if rollout.state == "waiting" and rollout.said.endswith(why):
        return rollout
    said = "; ".join(filter(None, (decision.said, why)))
    change = RolloutChange(state="waiting", kind="waiting", said=said, evidence=decision.evidence, who=who)
    return home.rollouts.change(rollout, change)


def end_superseded(home: Home, rollout: Rollout) -> bool:
    """Ends a rollout whose champion is no longer the one that it began with; whether it did."""
    move = home.aliases.at(rollout.plan.name, CHAMPION)
    stands = move.version if move else None
    if stands == rollout.plan.champion:
        return False
    by_hand = stands == rollout.plan.version
    said = "somebody made it the champion" if by_hand else f"the champion is {f'version {stands}' if stands else 'gone'} meanwhile"
    change = RolloutChange(state="promoted", kind="promoted") if by_hand else RolloutChange(state="stopped", kind="stopped")
    try:
        home.rollouts.change(rollout, replace(change, said=said))
    except UserError:
        return True  # another server has seen it too
    return True
