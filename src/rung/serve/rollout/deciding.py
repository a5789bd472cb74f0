"""How a rollout stands -> what is to be done: roll back, go on a step, promote, end, or wait for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rung.registry.rollout_states import Rollout
from rung.serve.rollout.tally import Compared, Tally

Move = Literal["roll back", "advance", "promote", "shown", "stop"]
# What somebody or something has judged, beside that there was an answer at all.
JUDGED = ("feedback", "scorer")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be done, why, and what was known then, by measure."""

    move: Move
    said: str
    evidence: dict[str, Any]


def decide(rollout: Rollout, tally: Tally, moment: str) -> Decision | None:
    """What follows from what was seen so far; None where more must be seen. `moment` is now, ISO 8601.

    A harm at any measure rolls back. To go on, all that something was seen of must show no harm at this share, and something that
    judges answers must be among it: that there was an answer says nothing of it, nor that nobody complained, nor what people say
    where they say only what is bad, or only what is good.
    """
    share = rollout.plan.steps[rollout.step]
    found = tally.compared(share)
    if worse := [one for one in found if one.worse]:
        said = "; ".join(f"{_said(one)}: worse by more than {100 * rollout.plan.harm:g} points" for one in worse)
        return Decision(move="roll back", said=said, evidence=evidence_of(found))
    if rollout.state == "running" and _is_shown(rollout, found):
        return _going_on(rollout, found)
    if rollout.ends and moment >= rollout.ends:
        why = f"never promoted: {rollout.said}" if rollout.state == "waiting" else f"undecided: {outlook(rollout, found)}"
        return Decision(move="stop", said=f"its time is over, {why}", evidence=evidence_of(found))
    return None


def _going_on(rollout: Rollout, found: Sequence[Compared]) -> Decision:
    plan, seen = rollout.plan, "; ".join(_said(one) for one in _asked(found))
    said = f"{'better' if plan.kind == 'ab' else 'no harm'} is shown at {_percent(plan.steps[rollout.step])}: {seen}"
    after = plan.steps[rollout.step + 1 : rollout.step + 2]
    move: Move = "shown" if not after else "promote" if after[0] >= 1 else "advance"
    return Decision(move=move, said=said, evidence=evidence_of(found))


def _is_shown(rollout: Rollout, found: Sequence[Compared]) -> bool:
    asked = _asked(found)
    judged = _judged(asked)
    if not judged or not all(one.no_harm for one in asked):
        return False
    return rollout.plan.kind != "ab" or any(one.better for one in judged)


def _asked(found: Sequence[Compared]) -> list[Compared]:
    """Measures that must be shown: of which there was anything to see (nobody need give feedback, nor a backend count tokens)."""
    return [one for one in found if any(one.now.n)]


def _judged(asked: Sequence[Compared]) -> list[Compared]:
    return [one for one in asked if one.measure.kind in JUDGED and not one.silent]


def outlook(rollout: Rollout, found: Sequence[Compared]) -> str:
    """What is still to be seen, in words."""
    asked = _asked(found)
    if not _judged(asked):
        heard = [f"of {one.measure.name} {one.silent}" for one in asked if one.silent] or ["nobody gave feedback"]
        return f"{heard[0]}, and no scorer of its task judges without the right answer"
    ab = rollout.plan.kind == "ab"
    aim = "it is better" if ab else f"it is not worse by {100 * rollout.plan.harm:g} points"
    still = [one for one in asked if not one.no_harm or (ab and one.measure.kind in JUDGED and not one.better)]
    return "; ".join(f"{_said(one)}: {_needed(one, aim)}" for one in still) or "all that was asked is shown"


def _needed(one: Compared, aim: str) -> str:
    if one.leans:
        return f"{one.leans}; it is worse, or they speak otherwise, which a person must tell (rung promote, rung rollout abort)"
    if one.needed is None:
        return f"as it stands, no number of answers shows that {aim}"
    return f"about {one.needed:,} more who ask would show that {aim}"


def _said(one: Compared) -> str:
    """`feedback 61.2% against 83.4% (120 and 2,310 counted)`."""
    standing = one.now if any(one.now.n) else one.whole
    (champion, candidate), (theirs, mine) = standing.means, standing.n
    if champion is None or candidate is None:
        return f"{one.measure.name} was counted {mine:,} and {theirs:,} times"
    return f"{one.measure.name} {candidate:.1%} against {champion:.1%} ({mine:,} and {theirs:,} counted)"


def evidence_of(found: Sequence[Compared]) -> dict[str, Any]:
    """By measure, as it is written into the audit."""
    return {
        one.measure.name: {
            "whole": asdict(one.whole),
            "at this share": asdict(one.now),
            "worse": one.worse,
            "no harm": one.no_harm,
            "better": one.better,
            **{name: said for name, said in (("leans", one.leans), ("silent", one.silent)) if said},
        }
        for one in found
    }


def _percent(share: float) -> str:
    return f"{100 * share:g}%" if share else "shadow"
