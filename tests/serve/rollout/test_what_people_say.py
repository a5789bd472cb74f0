"""Where people say only what is bad, or only what is good, a worse version has the same mean: it is not taken for one as good."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from rung.registry.rollout_states import CANDIDATE_ARM, CHAMPION_ARM, Observed, Plan, Rollout
from rung.serve.rollout.deciding import Decision, decide, outlook
from rung.serve.rollout.measures import COMPLAINTS_WITHIN_S, EVERYWHERE
from rung.serve.rollout.silence import Silence
from rung.serve.rollout.tally import Tally

SHARE = 0.2
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan(name="spam", version=2, champion=1, kind="canary", steps=(SHARE, 1.0), harm=0.05, alpha=0.01, measures=EVERYWHERE)
Says = Callable[[random.Random, bool], float | None]


def rollout() -> Rollout:
    said = {"who": "", "secret": "", "ends": "", "said": "", "created": "", "updated": ""}
    return Rollout(id="rollout-1", place=1, plan=PLAN, state="running", number=0, step=0, **said)  # type: ignore[arg-type]


def at(second: float) -> str:
    return (BEGAN + timedelta(seconds=second)).isoformat()


def answer(number: int, arm: str = CHAMPION_ARM, second: float | None = None) -> Observed:
    fields = {"rollout": "rollout-1", "answer": f"a{number}", "unit": f"u{number}", "share": SHARE, "kind": "answer", "arm": arm}
    created = at(number if second is None else second)
    return Observed(**fields, scores={"answered": 1.0}, created=created)  # type: ignore[arg-type]


def word(number: int, worth: float, second: float, arm: str = CHAMPION_ARM) -> Observed:
    fields = {"rollout": "rollout-1", "answer": f"a{number}", "unit": f"u{number}", "share": SHARE, "kind": "feedback", "arm": arm}
    return Observed(**fields, scores={"feedback": worth}, created=at(second))  # type: ignore[arg-type]


def seen(says: Says, most: int, worse: float, seed: int = 0) -> Iterator[Observed]:
    """Of people who ask a second apart, of whom 85% are content with the champion's answer."""
    rng = random.Random(seed)
    for number in range(most):
        mine = rng.random() < SHARE
        arm = CANDIDATE_ARM if mine else CHAMPION_ARM
        yield answer(number, arm)
        worth = says(rng, rng.random() < 0.85 - worse * mine)
        if worth is not None:
            yield word(number, worth, number, arm)


def ended(says: Says, worse: float, most: int = 8000) -> tuple[Decision | None, str]:
    """What is decided of it, and what is still to be seen then."""
    tally, coming = Tally(PLAN), list[Observed]()
    for one in seen(says, most, worse):
        coming.append(one)
        if len(coming) == 100:
            tally.add(coming)
            coming = []
            if decision := decide(rollout(), tally, ""):
                return decision, ""
    return None, outlook(rollout(), tally.compared(SHARE))


def only_bad(_: random.Random, content: bool) -> float | None:
    return None if content else 0.0


def seldom_bad(rng: random.Random, content: bool) -> float | None:
    return 0.0 if not content and rng.random() < 0.3 else None


def only_good(_: random.Random, content: bool) -> float | None:
    return 1.0 if content else None


def mostly_bad(rng: random.Random, content: bool) -> float | None:
    return only_bad(rng, content) if not content or rng.random() < 0.995 else 1.0


def everything(_: random.Random, content: bool) -> float:
    return float(content)


def test_complaints_alone_roll_a_worse_one_back() -> None:
    decision, _ = ended(only_bad, worse=0.2)
    assert decision is not None and decision.move == "roll back" and "no complaint" in decision.said


@pytest.mark.parametrize(
    ("says", "because"),
    [
        (seldom_bad, "hardly anybody says what is good"),
        (only_good, "nobody says what is bad"),
        (mostly_bad, "hardly anybody says what is good"),
    ],
)
@pytest.mark.parametrize("worse", [0.0, 0.2])
def test_words_of_one_kind_promote_nothing(says: Says, because: str, worse: float) -> None:
    decision, still = ended(says, worse)
    assert decision is None or (worse and decision.move == "roll back")
    if decision is None:
        assert because in still and "no scorer of its task judges without the right answer" in still


def test_complaints_that_lean_towards_the_candidate_hold_it() -> None:
    def says(rng: random.Random, content: bool) -> float | None:
        return float(content) if rng.random() < (0.02 if content else 0.25) else None

    decision, still = ended(says, worse=0.2, most=6000)
    assert decision is None or decision.move == "roll back"
    tally = Tally(PLAN)
    tally.add(seen(says, 6000, 0.2))
    [feedback] = [one for one in tally.compared(SHARE) if one.measure.kind == "feedback"]
    assert "complaints come from the candidate's users more often" in feedback.leans and not feedback.no_harm
    assert decision is not None or "which a person must tell" in still


def test_who_says_both_moves_one_that_is_as_good_on() -> None:
    decision, _ = ended(everything, worse=0.0, most=20_000)
    assert decision is not None and decision.move == "promote"


def test_silence_is_known_in_the_order_of_asking_and_the_last_word_stands() -> None:
    silence, known = Silence(600), list[tuple[str, float]]()
    rows = [
        answer(0, second=0),
        answer(1, second=1),
        answer(2, second=2),
        word(1, 0.0, 3),
        word(0, 0.0, 4),
        word(0, 1.0, 5),
        word(2, 0.4, 6),
        word(2, 0.5, 6),
        answer(3, second=599),
        answer(4, second=-7000),  # a clock that goes back
        answer(5, second=601.5),
        word(2, 0.0, 800),
        word(9, 0.0, 900),
    ]
    for row in rows:
        known += [(one.answer, score) for one, score in silence.until(row.created)]
        silence.see(row)
        if row.answer == "a3":
            assert known == []
    assert known == [("a0", 1.0), ("a1", 0.0), ("a2", 1.0)]
    assert COMPLAINTS_WITHIN_S == 600


def test_pages_of_any_size_come_to_the_same() -> None:
    rows = list(seen(only_bad, 2000, 0.1))
    tallies = [Tally(PLAN), Tally(PLAN)]
    tallies[0].add(rows)
    for place in range(0, len(rows), 7):
        tallies[1].add(rows[place : place + 7])
    first, second = ([(one.whole.n, one.whole.means) for one in tally.compared(SHARE)] for tally in tallies)
    assert first == second and sum(first[2][0]) == 2000 - 600
