"""What was seen of answers is scored, written down for every server of the home, and judged; what follows is done, by one of them.

Decisions are made from what is written down, in its order, so that all servers come to the same one; who is first to write it does
it (compare-and-swap), the others see it. State, event, audit and a promotion's move of the alias are one transaction: a kill leaves
all of it or nothing. Where the registry cannot be written, what was seen waits here, and nothing is decided.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rung.errors import BrokenEnvironment, RungError, UserError
from rung.registry.rollout_states import ACTIVE, Arm, Observed, Rollout
from rung.serve.rollout.acting import act, end_superseded
from rung.serve.rollout.deciding import Decision, decide
from rung.serve.rollout.measures import Scoring, kept_settings, of_feedback
from rung.serve.rollout.tally import Tally
from rung.serve.types import Asked, Feedback, Outcome

if TYPE_CHECKING:
    from rung.promote.champion import LoadTask
    from rung.registry.home import Home
    from rung.serve.rollout.snapshot import Route
    from rung.types import Answer

MOST_WAITING = 20_000
PAGE = 5_000
# Feedback may come before the answer that it is of is written down, by this server or another.
FEEDBACK_WAITS_S = 60.0
PROMOTION_AGAIN_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Routed:
    """How a question was dealt: its arm, whom it is sticky to, and the candidate's share then."""

    rollout: str
    arm: Arm
    unit: str
    share: float
    route: Route


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What became of a question that was routed."""

    routed: Routed
    asked: Asked
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Shadowed:
    """The candidate's answer (None where none came) to a question that the champion has answered."""

    routed: Routed
    asked: Asked
    outcome: Outcome
    answer: Answer | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What somebody said of an answer, and since when it waits for that one to be written down."""

    feedback: Feedback
    since: float


Seen = Answered | Shadowed | Heard


class Acted(Protocol):
    """Is told before a decision that takes the candidate's arm away is written, and after any was."""

    def __call__(self, rollout: str, *, withhold: bool) -> None: ...


class Judging:
    """The judge of one server: `put` from any thread, `work` from one."""

    def __init__(self, home: Home, load: LoadTask, acted: Acted, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._load, self._acted, self._clock = home, load, acted, clock
        self._seen: deque[Seen] = deque()
        self._rows: deque[Observed] = deque()
        self._tallies: dict[str, Tally] = {}
        self._scoring: dict[str, Scoring] = {}
        self._tried: dict[str, float] = {}
        self._lock = threading.Lock()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """What was seen and is not written down yet."""
        return len(self._seen) + len(self._rows)

    def put(self, seen: Seen) -> None:
        """Takes something in; where too much waits already, it is dropped and counted. Does not wait."""
        if self.waiting >= MOST_WAITING:
            self.dropped += 1
            return
        self._seen.append(seen)

    def work(self) -> None:
        """Writes down what came in, then judges every rollout that is not over. Raises RungError where the registry fails."""
        self.write()
        for rollout in self._home.rollouts.all(ACTIVE):
            self.judge(rollout)

    def write(self) -> None:
        """Scores what came in and writes it down; what cannot be written stays."""
        with self._lock:
            heard = []
            for _ in range(len(self._seen)):
                seen = self._seen.popleft()
                if isinstance(seen, Heard):
                    heard.append(seen)
                else:
                    self._rows.append(self._observed(seen))
            try:
                self._write_rows()
                self._rows.extend(self._spoken(heard))
            except BrokenEnvironment:
                self._seen.extend(heard)
                raise
            self._write_rows()

    def _write_rows(self) -> None:
        rows = list(self._rows)
        self._home.rollouts.observe(rows)
        for _ in rows:
            self._rows.popleft()

    def judge(self, rollout: Rollout) -> None:
        """Reads on what was seen, and does what follows."""
        tally = self.tally(rollout)
        if rollout.state == "paused":
            return
        if end_superseded(self._home, rollout):
            self._acted(rollout.id, withhold=False)
            return
        decision = decide(rollout, tally, self._home.audit.moment())
        if decision is None and rollout.state == "waiting" and self._is_due(rollout):
            decision = Decision(move="promote", said="", evidence={})
        if decision is not None:
            self._do(rollout, decision)

    def tally(self, rollout: Rollout) -> Tally:
        """All that was seen in a rollout so far."""
        tally = self._tallies.setdefault(rollout.id, Tally(rollout.plan))
        while page := self._home.rollouts.observed(rollout.id, tally.seq, PAGE):
            tally.add(page)
        return tally

    def _do(self, rollout: Rollout, decision: Decision) -> None:
        """The arm is taken from the candidate here first: no question meets it between the decision and its writing."""
        if decision.move in ("roll back", "stop"):
            self._acted(rollout.id, withhold=True)
        self._tried[rollout.id] = self._clock()
        try:
            act(self._home, rollout, decision, self._load)
        except UserError:
            # Somebody else was faster, or its champion moved: the next look says which.
            return
        finally:
            self._acted(rollout.id, withhold=False)

    def _is_due(self, rollout: Rollout) -> bool:
        """Whether a promotion that waits is to be asked for again."""
        return rollout.promotes and self._clock() - self._tried.get(rollout.id, -PROMOTION_AGAIN_S) >= PROMOTION_AGAIN_S

    def _observed(self, seen: Answered | Shadowed) -> Observed:
        routed, scoring = seen.routed, self._scoring_of(seen.routed.route.rollout)
        fields: dict[str, Any] = {"rollout": routed.rollout, "answer": seen.asked.id, "arm": routed.arm, "unit": routed.unit}
        theirs = self._scored(scoring, seen.asked, seen.outcome)
        told = figures_of(seen.outcome.answer, seen.outcome.latency_s)
        if isinstance(seen, Answered):
            return Observed(**fields, kind="answer", share=routed.share, scores=theirs, told=told)
        mine = scoring.shadow_scores(seen.asked, seen.answer, seen.seconds)
        both = {name: [theirs[name], score] for name, score in mine.items() if name in theirs}
        said = seen.outcome.answer.text.strip() if seen.outcome.answer else None
        equal = seen.answer is not None and seen.answer.text.strip() == said
        pair = {"equal": equal, "champion": told, "candidate": figures_of(seen.answer, seen.seconds)}
        return Observed(**fields, kind="shadow", share=0.0, scores=both, told=pair)

    def _scored(self, scoring: Scoring, asked: Asked, outcome: Outcome) -> dict[str, float]:
        try:
            return scoring.scores(asked, outcome)
        except RungError:
            return {}  # a scorer that cannot judge says nothing: missing, never wrong

    def _spoken(self, heard: list[Heard]) -> list[Observed]:
        """Feedback, each with the answer that it is of; what is of none yet waits a while."""
        worth = [(one, of_feedback(one.feedback)) for one in heard]
        said = [(one, scores) for one, scores in worth if scores]
        known = self._home.rollouts.answers([one.feedback.answer for one, _ in said])
        found = []
        for one, scores in said:
            answer = known.get(one.feedback.answer)
            if answer is not None:
                found.append(
                    Observed(
                        rollout=answer.rollout,
                        answer=answer.answer,
                        kind="feedback",
                        arm=answer.arm,
                        unit=answer.unit,
                        share=answer.share,
                        scores=scores,
                    )
                )
            elif self._clock() - one.since < FEEDBACK_WAITS_S:
                self._seen.append(one)
        return found

    def _scoring_of(self, rollout: Rollout) -> Scoring:
        if rollout.id not in self._scoring:
            self._scoring[rollout.id] = Scoring(rollout.plan, kept_settings(self._home, rollout.plan.task))
        return self._scoring[rollout.id]


def figures_of(answer: Answer | None, seconds: float | None) -> dict[str, Any]:
    """What is shown of an answer beside its scores; what is not known is left out."""
    told = {"tokens": answer.completion_tokens if answer else None, "seconds": seconds}
    return {name: value for name, value in told.items() if value is not None}
