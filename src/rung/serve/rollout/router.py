"""Which version answers while a rollout is under way, and what is seen of its answers.

A question meets nothing here that waits: it is routed by the last look at the registry, which a thread takes twice a second, and
what was seen of its answer is left to another thread, which scores it, writes it down and judges (`judging`). Where the registry
cannot be reached, routing goes on by what was seen last, and nothing is decided.

`spam` and `spam@champion` are routed; `spam@7` and other aliases never are: who names a version gets it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rung.errors import RungError
from rung.registry.aliases import CHAMPION
from rung.registry.rollout_states import CANDIDATE_ARM, CHAMPION_ARM, Arm
from rung.serve.rollout.judging import Answered, Heard, Judging, Routed
from rung.serve.rollout.shadow import Ask, Shadows
from rung.serve.rollout.snapshot import Looking, Snapshot
from rung.serve.rollout.sticky import unit_of
from rung.serve.types import Asked, Feedback, Outcome, Served

if TYPE_CHECKING:
    from rung.promote.champion import LoadTask
    from rung.registry.home import Home

# A look at the registry at least twice in the second within which every server of a home is to know.
LOOK_EVERY_S, JUDGE_EVERY_S = 0.4, 0.5
# Questions that were routed and have not been answered, at most; of the oldest it is then not known how they were drawn.
MOST_UNDER_WAY = 50_000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a server can tell of its rollouts: counts since it began."""

    looks: int
    last_look_s: float
    waiting: int
    dropped: int
    shadows: int
    shadows_dropped: int
    fault: str


class RolloutRouter:
    """The router of one server. `look` and `work` are what its threads do, again and again."""

    def __init__(self, home: Home, load: LoadTask, ask: Ask | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._looking, self._snapshot, self._clock = Looking(home), Snapshot(), clock
        self._lock = threading.Lock()
        self._routed: OrderedDict[str, Routed] = OrderedDict()
        self._withheld: set[str] = set()
        self.judging = Judging(home, load, self._acted, clock)
        self.shadows = Shadows(ask, self.judging.put) if ask is not None else None
        self._last, self._fault = clock(), ""
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Takes a first look, then looks and judges until `close`. Raises RungError where the registry cannot be read."""
        self._take(self._looking.look())
        for every_s, do in ((LOOK_EVERY_S, self.look), (JUDGE_EVERY_S, self.work)):
            thread = threading.Thread(target=self._again, args=(every_s, do), daemon=True, name=f"rollouts {do.__name__}")
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Ends the threads; what was seen is written down first, where it can be."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=10)
        if self.shadows:
            self.shadows.close()
        with suppress(RungError):
            self.judging.write()

    def route(self, asked: Asked, served: Served) -> Served:
        """The same, or the version of an arm, by what is sticky of who asks. Never a version that was rolled back."""
        name, _, which = asked.model.partition("@")
        if not served.name or name != served.name or which not in ("", CHAMPION):
            return served
        seen = self._snapshot
        route = seen.routes.get(served.name)
        if route is None:
            back = served.version in seen.withdrawn.get(served.name, ())
            return seen.champions.get(served.name, served) if back else served
        unit = unit_of(asked, route.rollout.secret)
        share = 0.0 if route.rollout.id in self._withheld else route.share
        arm: Arm = CANDIDATE_ARM if unit.place < share else CHAMPION_ARM
        self._remember(asked.id, Routed(rollout=route.rollout.id, arm=arm, unit=unit.name, share=share, route=route))
        return replace(route.served(arm), rollout=route.rollout.id, arm=arm)

    def stands(self, served: Served) -> bool:
        """Whether what was routed may begin to answer: not the version of a rollout that was rolled back or paused since."""
        if served.arm != CANDIDATE_ARM:
            return True
        seen = self._snapshot
        route = seen.routes.get(served.name)
        if route is not None and route.rollout.id == served.rollout:
            return route.share > 0 and served.rollout not in self._withheld
        # Its rollout is over: promoted, it is the champion; else it is withdrawn, or the champion is another.
        champion = seen.champions.get(served.name)
        return champion is not None and champion.version == served.version

    def seen(self, asked: Asked, served: Served, outcome: Outcome) -> None:
        """What was answered: shadows are asked, scorers that can judge online do. Does not wait."""
        with self._lock:
            routed = self._routed.pop(asked.id, None)
        taken_back = outcome.ending == "answered" and outcome.fallback
        if routed is None or routed.rollout != served.rollout or taken_back:
            return
        self.judging.put(Answered(routed=routed, asked=asked, outcome=outcome))
        if self.shadows and routed.route.is_shadowed and outcome.ending == "answered":
            self.shadows.offer(routed, asked, outcome)

    def heard(self, feedback: Feedback) -> None:
        """What somebody says of an answer: it counts where a rollout chose what answered. Does not wait."""
        self.judging.put(Heard(feedback=feedback, since=self._clock()))

    def look(self) -> None:
        """Takes a look at the registry; where it cannot be read, what was seen last holds on."""
        try:
            self._take(self._looking.look())
            self._fault = ""
        except RungError as error:
            self._fault = error.problem

    def work(self) -> None:
        """Writes down what was seen since, and does what follows from all that was; what cannot be written waits."""
        try:
            self.judging.work()
        except RungError as error:
            self._fault = error.problem

    def figures(self) -> Figures:
        """For /metrics."""
        shadows = self.shadows
        return Figures(
            looks=self._snapshot.number,
            last_look_s=self._clock() - self._last,
            waiting=self.judging.waiting,
            dropped=self.judging.dropped,
            shadows=shadows.asked if shadows else 0,
            shadows_dropped=shadows.dropped if shadows else 0,
            fault=self._fault,
        )

    def _acted(self, rollout: str, *, withhold: bool) -> None:
        """Told of what is about to be decided, and that it was: this server stops to route before it is written down."""
        if withhold:
            self._withheld.add(rollout)
        else:
            self.look()

    def _take(self, snapshot: Snapshot) -> None:
        with self._lock:
            if snapshot.number >= self._snapshot.number:
                self._snapshot, self._last = snapshot, self._clock()

    def _remember(self, answer: str, routed: Routed) -> None:
        with self._lock:
            self._routed[answer] = routed
            self._routed.move_to_end(answer)
            while len(self._routed) > MOST_UNDER_WAY:
                self._routed.popitem(last=False)

    def _again(self, every_s: float, do: Callable[[], None]) -> None:
        while not self._ended.wait(every_s):
            do()
