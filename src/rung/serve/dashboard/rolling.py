"""The rollouts of a home as the pages show them: what was seen so far, and what a person does to one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.registry.rollout_states import CANDIDATE_ARM, CHAMPION_ARM, Rollout
from rung.serve.dashboard.data import Arm, MeasureShown, RolloutShown
from rung.serve.rollout import by_hand
from rung.serve.rollout.deciding import outlook
from rung.serve.rollout.tally import Compared, Tally

if TYPE_CHECKING:
    from rung.registry.home import Home

# Those that are over are told of in this number, the newest.
OVER = 20
ACTIONS: Mapping[str, tuple[str, ...]] = {"running": ("pause", "stop"), "waiting": ("pause", "stop"), "paused": ("resume", "stop")}
TONES: Mapping[str, str] = {
    "running": "going",
    "waiting": "undecided",
    "paused": "undecided",
    "promoted": "pass",
    "rolled-back": "fail",
    "stopped": "quiet",
}
BY_PAGE = "rollout in the dashboard"  # the kind of its line in the audit


class KeptRollouts:
    """The rollouts of one home. What was seen is counted once, and from then on what has come since."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}

    def all(self) -> Sequence[RolloutShown]:
        """Those that go on first, then the newest."""
        found = self._home.rollouts.all()
        active, over = [one for one in found if one.is_active], [one for one in found if not one.is_active]
        with self._lock:
            return [self._shown(one) for one in (*active, *over[:OVER])]

    def act(self, id: str, action: str, by: str, reason: str) -> str:
        """Raises UserError where it has gone on since, or is over."""
        rollout = self._home.rollouts.get(id)
        if action not in ACTIONS.get(rollout.state, ()):
            raise UserError(f"the rollout of {rollout.plan.name} is {rollout.state}: it cannot {action}")
        with self._home.together():
            if action == "pause":
                after = by_hand.pause(self._home, rollout)
            elif action == "resume":
                after = by_hand.resume(self._home, rollout)
            else:
                after = by_hand.stop(self._home, rollout, reason)
            self._home.audit.append(BY_PAGE, rollout.id, {"who": by, "state": after.state})
        return f"The rollout of {after.plan.ref} is {after.state} now: {after.said}."

    def _shown(self, rollout: Rollout) -> RolloutShown:
        plan, tally = rollout.plan, self._tally(rollout)
        found = tally.compared(plan.steps[rollout.step])
        still = f"still to be seen: {outlook(rollout, found)}" if rollout.state in ("running", "paused") else ""
        events = self._home.rollouts.events(rollout.id)
        return RolloutShown(
            id=rollout.id,
            name=plan.name,
            kind={"ab": "A/B"}.get(plan.kind, plan.kind),
            state=rollout.state.replace("-", " "),
            tone=TONES[rollout.state],
            share=rollout.share,
            arms=(_arm(CHAMPION_ARM, plan.champion_ref, tally), _arm(CANDIDATE_ARM, plan.ref, tally)),
            started=rollout.created,
            who=self._home.keys.called(rollout.who) if rollout.who else "",
            ended="" if rollout.is_active else rollout.updated,
            measures=tuple(_measure(one, tally) for one in found),
            evidence=tuple(line for line in (rollout.said, still, _shadow(tally)) if line),
            actions=ACTIONS.get(rollout.state, ()),
            history=tuple((event.created, event.kind, event.said) for event in reversed(events)),
        )

    def _tally(self, rollout: Rollout) -> Tally:
        tally = self._tallies.setdefault(rollout.id, Tally(rollout.plan))
        tally.add(self._home.rollouts.observed(rollout.id, after=tally.seq))
        return tally


def _arm(name: str, ref: str, tally: Tally) -> Arm:
    plain = tally.arms[name]  # type: ignore[index]
    return Arm(name=name, ref=ref, n=plain.answers, spoken=plain.feedback, seconds=plain.mean_seconds, tokens=plain.mean_tokens)


def _measure(one: Compared, tally: Tally) -> MeasureShown:
    champion, candidate = one.whole.means
    shown = "worse" if one.worse else "better" if one.better else "no harm" if one.no_harm else ""
    return MeasureShown(
        name=one.measure.name,
        champion=champion,
        candidate=candidate,
        n=one.whole.n,
        harm=(one.whole.harm, 1 / tally.level),
        safe=(one.now.aim, 1 / tally.plan.alpha),
        shown=shown,
    )


def _shadow(tally: Tally) -> str:
    seen = tally.shadowed
    if not seen.pairs:
        return ""
    return f"in shadow {seen.pairs:,} questions were answered by both, {seen.equal / seen.pairs:.1%} in the same words"
