"""What rollouts do to candidates of which the truth is known: writes the tables of docs/rollout.md.

    python benchmarks/rollouts.py [--rollouts 100] [--only 0 1 2] [--write]

Every simulated rollout goes through what a server has: the keyed hash deals the arms, observations are written as a server writes
them, and the tally and the decisions are those of `rung.serve.rollout`. Only the answers are drawn.

`counted` are those who ask that counted, of both arms, for the measure that rolled back: what a promise is of.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from statistics_page import table, with_table

from rung.registry.rollout_states import CANDIDATE_ARM, CHAMPION_ARM, Arm, Observed, Plan, Rollout
from rung.serve.rollout.deciding import decide
from rung.serve.rollout.measures import EVERYWHERE
from rung.serve.rollout.sticky import unit_of
from rung.serve.rollout.tally import Tally
from rung.serve.types import Asked, Tenant
from rung.verify.stats.promised import NEARLY_CERTAIN, SURE, Setting, hardest_mean, promised

PAGE = Path(__file__).parents[1] / "docs" / "rollout.md"
MEASURES = EVERYWHERE
SHARE, HARM, ALPHA, WORSE = 0.05, 0.05, 0.01, 0.20
EVERY = 100
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)  # of requests that come a second apart
QUESTION = Asked(id="", tenant=Tenant(id="t", name="t"), endpoint="chat", model="spam", messages=())


@dataclass(frozen=True, kw_only=True)
class World:
    """Who asks, and what they say.

    mean     of the champion's answers
    worse    by how much the candidate's is below it
    drift    how far both means swing as the traffic does
    users    how many there are, of whom few ask much; 0: everybody asks once
    apart    how far users differ in what they are content with
    says     the chance that somebody content says so; `moans` the same of somebody who is not
    shy      how many times less often the candidate's say anything
    delay    requests until what somebody says is heard, on average
    """

    title: str
    mean: float = 0.85
    worse: float = 0.0
    drift: float = 0.0
    users: int = 0
    apart: float = 0.0
    says: float = 1.0
    moans: float = 1.0
    shy: float = 1.0
    delay: float = 0.0


WORLDS = (
    World(title="everybody asks once and says what they think"),
    World(title="the champion right half the time", mean=0.5),
    World(title="the champion nearly always right", mean=0.98),
    World(title="traffic drifts by 15 points", mean=0.8, drift=0.15),
    World(title="2,000 users, few of whom ask most, each with a taste of their own", users=2000, apart=0.25),
    World(title="what people say comes 500 requests later", delay=500.0),
    World(title="one in ten says something", says=0.1, moans=0.1),
    World(title="who is not content speaks four times as often", says=0.1, moans=0.4),
    World(title="the candidate's users speak half as often", says=0.4, moans=0.4, shy=2.0),
    World(title="nobody says what is good", says=0.0),
    World(title="nobody says what is good, and three in ten what is bad", says=0.0, moans=0.3),
    World(title="nobody says what is bad", moans=0.0),
    World(title="all of this", mean=0.8, drift=0.1, users=4000, apart=0.2, says=0.15, moans=0.45, shy=1.3, delay=300.0),
)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a simulated rollout ended: by which move ("" not at all), after so many requests, of which so many counted."""

    move: str
    requests: int
    counted: int


def plan_of(share: float = SHARE, harm: float = HARM, alpha: float = ALPHA) -> Plan:
    """A canary that ends in the champion's place."""
    given = {"name": "spam", "version": 2, "champion": 1, "kind": "canary", "measures": MEASURES}
    return Plan(**given, steps=(share, 1.0), harm=harm, alpha=alpha)  # type: ignore[arg-type]


def rollout_of(plan: Plan, number: int) -> Rollout:
    """As it stands when it has begun."""
    secret = random.Random(f"secret {number}").randbytes(16).hex()
    said = {"who": "", "ends": "", "said": "", "created": "", "updated": ""}
    return Rollout(id=f"rollout-{number}", place=number, plan=plan, secret=secret, state="running", number=0, step=0, **said)


def ended(world: World, number: int, most: int, plan: Plan | None = None) -> Ended:
    """One rollout, until something is decided or so many requests have come."""
    rollout = rollout_of(plan or plan_of(), number)
    tally, coming = Tally(rollout.plan), list[Observed]()
    for asked, seen in enumerate(observations(world, rollout, most), start=1):
        coming += seen
        if asked % EVERY and asked < most:
            continue
        tally.add(coming)
        coming = []
        decision = decide(rollout, tally, "")
        if decision is not None:
            return Ended(move=decision.move, requests=asked, counted=_counted(tally))
    return Ended(move="", requests=most, counted=_counted(tally))


def each(world: World, rollouts: int, most: int) -> list[Ended]:
    """So many of one kind, on all cores."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(partial(ended, world, most=most), range(rollouts)))


def _counted(tally: Tally) -> int:
    found = tally.compared(SHARE)
    [feedback] = [one for one in found if one.measure.kind == "feedback"]
    by = next((one for one in found if one.worse), feedback)
    return sum(by.whole.n)


def observations(world: World, rollout: Rollout, most: int) -> Iterator[list[Observed]]:
    """What is seen with each request: its answer, and what is heard of earlier ones by then."""
    rng = random.Random(f"{world.title} {world.worse} {rollout.id}")
    later: dict[int, list[Observed]] = {}
    for request in range(most):
        user = _user(world, rng, request)
        unit = unit_of(replace(QUESTION, id=f"a{request}", user=user), rollout.secret)
        arm: Arm = CANDIDATE_ARM if unit.place < rollout.share else CHAMPION_ARM
        fields = {"rollout": rollout.id, "answer": f"a{request}", "arm": arm, "unit": unit.name, "share": rollout.share}
        created = (BEGAN + timedelta(seconds=request)).isoformat()
        base = Observed(**fields, kind="answer", scores={"answered": 1.0}, created=created)  # type: ignore[arg-type]
        content = rng.random() < _mean(world, arm, user, request / most)
        said = (world.says if content else world.moans) / (world.shy if arm == CANDIDATE_ARM else 1.0)
        if rng.random() < said:
            when = request + (int(rng.expovariate(1 / world.delay)) if world.delay else 0)
            later.setdefault(when, []).append(replace(base, kind="feedback", scores={"feedback": float(content)}))
        yield [base, *(replace(one, created=created) for one in later.pop(request, []))]


def _user(world: World, rng: random.Random, request: int) -> str:
    """Of n users the k-th asks about in proportion to 1 / k."""
    return f"u{int(world.users ** rng.random())}" if world.users else f"u{request}"


def _mean(world: World, arm: Arm, user: str, time: float) -> float:
    mean = world.mean + world.drift * math.sin(8 * time) - (world.worse if arm == CANDIDATE_ARM else 0.0)
    taste = random.Random(user).uniform(-world.apart, world.apart) if world.apart else 0.0
    # What is cut off at one end is left out at the other, so that the difference between the arms stays what it is.
    room = max(0.0, min(1 - world.mean - world.drift, world.mean - world.drift - world.worse))
    return min(1.0, max(0.0, mean + max(-room, min(room, taste))))


def line(world: World, rollouts: int, most: int) -> tuple[str, ...]:
    """One world of the first table."""
    level = ALPHA / len(MEASURES)
    found = each(replace(world, worse=WORSE), rollouts, most)
    within = [sum(one.move == "roll back" and one.counted <= promise for one in found) for promise in promises(level)]
    counts = sorted(one.counted for one in found if one.move == "roll back")
    requests = sorted(one.requests for one in found if one.move == "roll back")
    good = each(world, rollouts, most)
    edge = each(replace(world, worse=HARM), rollouts // 4, most)
    return (
        world.title,
        *[f"{one} of {rollouts}" for one in within],
        f"{statistics.median(counts):,.0f}" if counts else "none",
        f"{statistics.median(requests):,.0f}" if requests else "none",
        f"{sum(one.move == 'roll back' for one in good)} of {rollouts}",
        f"{sum(one.move == 'promote' for one in good)} of {rollouts}",
        f"{sum(one.move == 'roll back' for one in edge)} of {len(edge)}",
        f"{sum(one.move == 'promote' for one in edge)} of {len(edge)}",
    )


HEADS = (
    "who asks and what they say",
    "20 points worse: within the promise of 90%",
    "of 99%",
    "counted (median)",
    "requests (median)",
    "as good: rolled back",
    "promoted",
    "worse by the harm: rolled back",
    "promoted",
)


def promises(level: float, share: float = SHARE) -> tuple[int, int]:
    """What is promised of a candidate 20 points worse, with 90% and with 99%."""
    setting = Setting(worse=WORSE, mean=hardest_mean(WORSE), share=share, harm=HARM, level=level)
    found = promised(setting, SURE), promised(setting, NEARLY_CERTAIN)
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


def promised_rows() -> list[tuple[str, ...]]:
    """What is promised at several shares, with the measures of every task, and harm and alpha as nobody said otherwise."""
    rows = []
    for share in (0.01, 0.05, 0.10, 0.25, 0.50, 0.0):
        cells = []
        for worse in (0.10, 0.20, 0.40):
            mean, level = hardest_mean(worse), ALPHA / len(MEASURES)
            setting = Setting(worse=worse, mean=mean, share=share, harm=HARM, level=level)
            cells += [_number(promised(setting, sure)) for sure in (SURE, NEARLY_CERTAIN)]
        rows.append((f"{share:.0%}" if share else "shadow (both answer)", *cells))
    return rows


def _number(value: int | None) -> str:
    return f"{value:,}" if value else "-"


PROMISED = ("share", "10 points worse: 90%", "99%", "20 points worse: 90%", "99%", "40 points worse: 90%", "99%")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=100)
    parser.add_argument("--most", type=int, default=10_000, help="requests until a rollout is left undecided")
    parser.add_argument("--only", type=int, nargs="*", help="the numbers of worlds, from 0")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    rows = []
    tables = {"promised": table(PROMISED, promised_rows())}
    print(tables["promised"], flush=True)
    for world in [WORLDS[number] for number in asked.only] if asked.only else WORLDS:
        rows.append(line(world, asked.rollouts, asked.most))
        print(" | ".join(rows[-1]), flush=True)
    tables["simulated"] = table(HEADS, rows)
    if asked.write:
        for name, text in tables.items():
            PAGE.write_text(with_table(PAGE.read_text("utf-8"), name, text), "utf-8")


if __name__ == "__main__":
    main()
