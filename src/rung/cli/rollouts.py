"""What the command line shows of rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rung.cli.output import fields, table
from rung.json_form import as_json
from rung.registry.rollout_states import CANDIDATE_ARM, CHAMPION_ARM

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rung.registry.home import Home
    from rung.registry.rollout_states import Rollout, RolloutEvent
    from rung.serve.rollout.begin import Begun
    from rung.serve.rollout.tally import Compared, Tally


def told(rollout: Rollout) -> dict[str, Any]:
    """A rollout as JSON. What its arms are drawn by is nobody's to know."""
    document = {key: value for key, value in as_json(rollout).items() if key not in ("secret", "place")}
    return document | {"share": rollout.share}


def told_whole(home: Home, rollout: Rollout) -> dict[str, Any]:
    """The same with all that was seen, and what happened."""
    from rung.serve.rollout.deciding import evidence_of, outlook

    tally = _tally(home, rollout)
    found = tally.compared(rollout.plan.steps[rollout.step])
    return {
        "rollout": told(rollout),
        "measures": evidence_of(found),
        "outlook": outlook(rollout, found) if rollout.is_active else None,
        "arms": {arm: asdict(plain) for arm, plain in tally.arms.items()},
        "shadow": asdict(tally.shadowed),
        "events": [asdict(event) for event in home.rollouts.events(rollout.id)],
    }


def listed(rollouts: Sequence[Rollout]) -> RenderableType:
    """A line of each."""
    rows = [
        (one.plan.ref, one.plan.champion_ref, one.plan.kind, _state(one), one.updated[:16].replace("T", " "), one.said or None)
        for one in rollouts
    ]
    return table(["candidate", "against", "kind", "state", "since (UTC)", "why"], rows)


def promise_in_words(begun: Begun) -> list[str]:
    """What a rollout promises, and what counts."""
    promise, plan = begun.promise, begun.rollout.plan
    judged = ", ".join(measure.name for measure in plan.measures)
    lines = [f"Compared by {judged}; each who asks counts once at each share."]
    whom = "of those who ask" if promise.share else "questions that both answered"
    if promise.sure is None:
        return [
            *lines,
            f"No number is promised of a candidate {100 * promise.worse:g} points worse: it is too near to what is allowed.",
        ]
    own = f" ({round(promise.sure * promise.share):,} of them the candidate's)" if promise.share else ""
    more = f"; with 99%, {promise.nearly_certain:,}" if promise.nearly_certain else ""
    said = f"A candidate that is {100 * promise.worse:g} points worse is rolled back within {promise.sure:,} {whom}{own}"
    harmless = f"One that is no more than {100 * plan.harm:g} points worse is rolled back with at most {plan.alpha:.2%}."
    return [*lines, f"{said} with 90% probability{more}.", harmless]


def shown(home: Home, rollout: Rollout) -> list[RenderableType]:
    """All that is known of one."""
    tally, plan = _tally(home, rollout), rollout.plan
    found = tally.compared(plan.steps[rollout.step])
    steps = ", ".join(_share(share) for share in plan.steps)
    head = fields(
        {
            "rollout": rollout.id,
            "candidate": plan.ref,
            "against": f"{plan.champion_ref}, the champion when it began",
            "state": _state(rollout),
            "why": rollout.said or None,
            "steps": steps,
            "harm, alpha": f"{100 * plan.harm:g} points, {plan.alpha:g}",
            "ends": f"{rollout.ends[:16].replace('T', ' ')} UTC" if rollout.ends else None,
        }
    )
    return [head, _measures(tally, found), *_shadow(tally), *_outlook(rollout, found), _events(home.rollouts.events(rollout.id))]


def _measures(tally: Tally, found: Iterable[Compared]) -> RenderableType:
    """Both arms by every measure. The first lines are of all answers, the others of those that counted."""
    arms, both = tally.arms, (CHAMPION_ARM, CANDIDATE_ARM)
    rows: list[Sequence[Any]] = [
        ("answers", *[f"{arms[arm].answers:,}" for arm in both], None, None, None),
        ("feedback on", *[_part(arms[arm].feedback, arms[arm].answers) for arm in both], None, None, None),
        ("seconds", *[_number(arms[arm].mean_seconds) for arm in both], None, None, None),
        ("tokens", *[_number(arms[arm].mean_tokens) for arm in both], None, None, None),
    ]
    needed, alpha = tally.plan.alpha / len(tally.plan.measures), tally.plan.alpha
    for one in found:
        cells = [_mean(mean, n) for mean, n in zip(one.whole.means, one.whole.n, strict=True)]
        difference = one.whole.difference
        points = None if difference is None else f"{100 * difference:+.1f}"
        rows.append((one.measure.name, *cells, points, _of(one.whole.harm, needed), _of(one.now.aim, alpha)))
    return table(["", "champion", "candidate", "points", "evidence of harm", "of none, at this share"], rows)


def _shadow(tally: Tally) -> list[RenderableType]:
    seen = tally.shadowed
    if not seen.pairs:
        return []
    tokens = f"{_number(seen.mine.mean_tokens)} tokens against {_number(seen.theirs.mean_tokens)}"
    seconds = f"{_number(seen.mine.mean_seconds)} seconds against {_number(seen.theirs.mean_seconds)}"
    return [f"In shadow {seen.pairs:,} questions: {seen.equal / seen.pairs:.1%} answered in the same words; {tokens}; {seconds}."]


def _outlook(rollout: Rollout, found: Sequence[Compared]) -> list[RenderableType]:
    from rung.serve.rollout.deciding import outlook

    return [f"Still to be seen: {outlook(rollout, found)}."] if rollout.state in ("running", "paused") else []


def _events(events: Iterable[RolloutEvent]) -> RenderableType:
    rows = [(event.created[:19].replace("T", " "), event.kind, event.said or None) for event in events]
    return table(["when (UTC)", "what", "why"], rows)


def _tally(home: Home, rollout: Rollout) -> Tally:
    from rung.serve.rollout.tally import Tally

    tally = Tally(rollout.plan)
    tally.add(home.rollouts.observed(rollout.id))
    return tally


def _state(rollout: Rollout) -> str:
    return f"{rollout.state} at {_share(rollout.share)}" if rollout.state in ("running", "waiting") else rollout.state


def _share(share: float) -> str:
    return "shadow" if not share else f"{100 * share:g}%"


def _mean(mean: float | None, n: int) -> str | None:
    return None if mean is None else f"{mean:.1%} of {n:,}"


def _part(part: int, whole: int) -> str | None:
    return f"{part:,} ({part / whole:.1%})" if whole else None


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


def _of(stake: float, level: float) -> str:
    """A stake beside what decides."""
    return f"{stake:,.3g} of {1 / level:,.0f}"
