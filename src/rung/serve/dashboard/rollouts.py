"""The rollouts of a home as the dashboard shows them, and what its buttons do to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.registry.rollout_states import CANDIDATE_ARM, CHAMPION_ARM, FINAL, Arm, Rollout, State
from rung.serve.dashboard.data import Arm as ArmShown
from rung.serve.dashboard.data import MeasureShown, RolloutShown
from rung.serve.rollout import by_hand
from rung.serve.rollout.deciding import outlook
from rung.serve.rollout.tally import Compared, Tally

if TYPE_CHECKING:
    from rung.registry.home import Home

SHOWN = 30
TONES: dict[State, str] = {
    "running": "going",
    "paused": "quiet",
    "waiting": "undecided",
    "promoted": "pass",
    "rolled-back": "fail",
    "stopped": "quiet",
}


class KeptRollouts:
    """What was seen is read on from where it was read last; a rollout's observations are read once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._tallies: dict[str, Tally] = {}

    def all(self) -> Sequence[RolloutShown]:
        """Those that go on first, then the newest."""
        found = sorted(self._home.rollouts.all(), key=lambda one: one.state in FINAL)
        return [self._shown(one) for one in found[:SHOWN]]

    def act(self, id: str, action: str, by: str, reason: str) -> str:
        """Pauses, resumes or stops one; says what came of it. Raises UserError where that cannot be."""
        rollout = self._home.rollouts.get(id)
        if action == "pause":
            changed = by_hand.pause(self._home, rollout, by)
        elif action == "resume":
            changed = by_hand.resume(self._home, rollout, by)
        elif action == "stop":
            changed = by_hand.stop(self._home, rollout, reason, by)
        else:
            hint = "`rung rollout --help` lists what can."
            raise UserError(f"'{action}' is nothing that can be done to a rollout here", hint=hint)
        return f"The rollout of {changed.plan.ref} is {changed.state} now."

    def _shown(self, rollout: Rollout) -> RolloutShown:
        tally = self._tallies.setdefault(rollout.id, Tally(rollout.plan))
        tally.add(self._home.rollouts.observed(rollout.id, tally.seq))
        found = tally.compared(rollout.plan.steps[rollout.step])
        still = (f"still to be seen: {outlook(rollout, found)}",) if rollout.state in ("running", "paused") else ()
        actions = {"running": ("pause", "stop"), "waiting": ("pause", "stop"), "paused": ("resume", "stop")}
        return RolloutShown(
            id=rollout.id,
            name=rollout.plan.name,
            kind=rollout.plan.kind,
            state=rollout.state.replace("-", " "),
            tone=TONES[rollout.state],
            share=rollout.share,
            arms=tuple(_arm(tally, rollout, arm) for arm in (CHAMPION_ARM, CANDIDATE_ARM)),
            started=rollout.created,
            who=self._home.keys.called(rollout.who) if rollout.who else "",
            ended=rollout.updated if rollout.state in FINAL else "",
            measures=tuple(_measure(tally, one) for one in found),
            evidence=(rollout.said, *still),
            actions=actions.get(rollout.state, ()),
            history=tuple((event.created, event.kind, event.said) for event in self._home.rollouts.events(rollout.id)),
        )


def _arm(tally: Tally, rollout: Rollout, arm: Arm) -> ArmShown:
    plain, plan = tally.arms[arm], rollout.plan
    return ArmShown(
        name=arm,
        ref=plan.ref if arm == CANDIDATE_ARM else plan.champion_ref,
        n=plain.answers,
        spoken=plain.feedback,
        seconds=plain.mean_seconds,
        tokens=plain.mean_tokens,
    )


def _measure(tally: Tally, one: Compared) -> MeasureShown:
    champion, candidate = one.whole.means
    return MeasureShown(
        name=one.measure.name,
        champion=champion,
        candidate=candidate,
        n=one.whole.n,
        harm=(one.whole.harm, 1 / tally.level),
        safe=(one.now.aim, 1 / tally.plan.alpha),
        shown="worse" if one.worse else "better" if one.better else "no harm" if one.no_harm else "",
    )
