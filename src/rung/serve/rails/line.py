"""The rails of a server: what each task says of its answers, looked up as it stands, held to question by question.

Pieces of an answer go out as they come only where nothing is looked at: what a check would stop cannot be called back, and half an
answer is not safer than none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.engine.caller import Caller
from rung.engine.tools.attended import Attended, waiting
from rung.errors import BrokenEnvironment
from rung.line import Serving
from rung.serve.rails.caps import Caps
from rung.serve.rails.holding import Holding, told
from rung.serve.rails.judging import breach_of
from rung.serve.types import Asked, Refused, Ruling, Served
from rung.types import Answer, Candidate

if TYPE_CHECKING:
    from rung.registry.home import Home

# For so long what was looked up counts: a new word of the task's holds within a second.
KEPT_S, MOST_KEPT = 1.0, 4096
NOTHING = Serving(form=False)


def subject_of(served: Served) -> str:
    """What rules are kept under; "" for a bare base, of whose answers no task says anything."""
    return (served.task or served.ref) if served.name else ""


class RulesAtHand:
    """What is said of the answers of each version, as the home has it."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._clock = home, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Serving]] = {}

    def of(self, served: Served) -> Serving:
        """Raises Refused (503) where it cannot be read: an answer is not let go unseen."""
        subject, moment = subject_of(served), self._clock()
        if not subject:
            return NOTHING
        known = self._known.get(subject)
        if known is not None and moment - known[0] < KEPT_S:
            return known[1]
        try:
            rules = self._home.serving.of(subject)
        except BrokenEnvironment as error:
            raise Refused(503, f"'{served.name}' cannot be answered now: {error.problem}", type="server_error") from None
        serving = rules.serving if rules and rules.serving else NOTHING
        with self._lock:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[subject] = (moment, serving)
        return serving


class LineRails:
    """`serve.types.Rails` over a home."""

    def __init__(self, home: Home, rules: RulesAtHand | None = None) -> None:
        self.rules = rules or RulesAtHand(home)
        self._caps, self._holding = Caps(home), Holding(home)

    def holds_back(self, served: Served) -> bool:
        """Where anything is looked at, or calls may stand in what is said first."""
        serving, candidate = self.rules.of(served), served.candidate
        return bool(serving.checks or candidate.tools or (serving.form and candidate.constraint))

    def question(self, asked: Asked, served: Served) -> None:
        """Raises Refused for a question beyond the caps, with a system message where none is wanted, or behind what is not held."""
        serving = self.rules.of(served)
        if serving.client_system == "refuse" and any(turn.get("role") in ("system", "developer") for turn in asked.messages):
            said = f"'{asked.model}' takes no system message: it has one of its own"
            raise Refused(400, said, param="messages", code="system_not_allowed")
        if asked.held:
            self._holding.look(asked, served)
        self._caps.admit(served, serving.caps)

    def caller(self, asked: Asked, served: Served, caller: Caller) -> Caller:
        """No more tokens than the cap."""
        return self._caps.held_to(caller, self.rules.of(served).caps, served.candidate.max_tokens)

    def admits_shadow(self, served: Served) -> bool:
        """Half of what a day may cost is left to those who ask."""
        return self._caps.admits_shadow(served, self.rules.of(served).caps)

    def shadowed(self, served: Served, answer: Answer) -> None:
        """Counts what it has cost."""
        self._caps.spent(served, self.rules.of(served).caps, answer)

    def attended(self, asked: Asked, served: Served) -> Attended:
        """Whoever asks may have called what their key lets them; behind what was held, the calls that were made."""
        made = self._holding.made(asked, served) if asked.held else ()
        return Attended(made=made, allowed=asked.tenant.tools, most=self.rules.of(served).caps.tool_calls)

    def answer(self, asked: Asked, served: Served, answer: Answer, tries: int) -> Ruling:
        """Held where a call needs a person, let go where it holds to every check, else asked again, elsewhere, or withheld."""
        serving = self.rules.of(served)
        self._caps.spent(served, serving.caps, answer)
        if waiting(answer.calls):
            held = self._holding.hold(asked, served, answer, serving.hold)
            return Ruling(ending="held", answer=replace(answer, text=told(held)), reason=held.id)
        breach = breach_of(serving, asked, served.candidate, answer)
        if breach is None:
            return Ruling(answer=answer)
        said = _said(serving, breach.check)
        # What a call has done is done: it is not done again for a better answer.
        final = has_effects(served.candidate, answer)
        if tries <= serving.retry and not final:
            return Ruling(ending="withheld", answer=withheld(answer, said), reason=said, retry=True, hint=breach.hint)
        if serving.fallback and not final and not asked.held:
            return Ruling(ending="fallback", answer=withheld(answer, said), fallback=serving.fallback, reason=said)
        return Ruling(ending="withheld", answer=withheld(answer, said), reason=said)


def open_rails(home: Home, rules: RulesAtHand | None = None) -> LineRails:
    """The rails of a server over a home."""
    return LineRails(home, rules)


def withheld(answer: Answer, said: str) -> Answer:
    """What goes out in an answer's place: its figures, and none of its words."""
    return replace(answer, text=said, logprobs=None, tokens=(), calls=(), passages=())


def has_effects(candidate: Candidate, answer: Answer) -> bool:
    """Whether a call that was made may have changed something."""
    tools = {tool.name: tool.consequence for tool in candidate.tools.toolset.tools} if candidate.tools else {}
    return any(call["outcome"] in ("ran", "failed") and tools.get(call["name"]) != "read" for call in answer.calls)


def _said(serving: Serving, check: str) -> str:
    return serving.message or f"The answer was held back: it does not hold to the check '{check}' of its task."
