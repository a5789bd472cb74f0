"""A door that is played: what answers is routed, checked at the moment of answering, scripted, and told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shipped import none_at_hand, ship

from rung.climb.keeping import keep_lock
from rung.registry.home import Home
from rung.registry.rollout_states import Rollout
from rung.serve.rollout.begin import Wanted, begin
from rung.serve.rollout.router import RolloutRouter
from rung.serve.types import Asked, Feedback, Outcome, Served, Tenant
from rung.types import Answer, Bar, Example, Limits, Task

TENANT = Tenant(id="acme", name="acme")
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
JSON = '{"label": "spam"}'
Said = Callable[[Served], str]


def asked(id: str = "a0", model: str = "spam", **fields: Any) -> Asked:
    messages = ({"role": "user", "content": f"what is {id}?"},)
    return Asked(**{"id": id, "tenant": TENANT, "endpoint": "chat", "model": model, "messages": messages, **fields})


def resolved(home: Home, model: str) -> Served:
    """What a word stands for without any rollout: a name alone is its newest version."""
    version = home.names.find(model)
    assert version is not None
    candidate = home.candidates.get(version.candidate)
    return Served(ref=version.ref, name=version.name, version=version.version, candidate=candidate, task=version.evidence.task)


def answered(text: str = "yes", **fields: Any) -> Outcome:
    return Outcome(**{"ending": "answered", "status": 200, "answer": Answer(text=text), "latency_s": 0.1, **fields})


class Door:
    """One server of a home. `said` are the versions that answered, in order."""

    def __init__(self, home: Home, answer: Said = lambda _: "yes", **options: Any) -> None:
        self.home, self._answer = home, answer
        self.router = RolloutRouter(home, none_at_hand, **options)
        self.router.look()
        self.said: list[int] = []
        self._known: dict[str, Served] = {}

    def ask(self, id: str, model: str = "spam", *, before: Callable[[], object] = lambda: None, **fields: Any) -> Served:
        """Asks one; `before` happens between its routing and its answering."""
        question = asked(id, model, **fields)
        if model not in self._known:
            self._known[model] = resolved(self.home, model)
        stands_for = self._known[model]
        served = self.router.route(question, stands_for)
        before()
        while not self.router.stands(served):
            served = self.router.route(question, stands_for)
        self.said.append(served.version)
        text = self._answer(served)
        outcome = answered(text) if text else Outcome(ending="failed", status=503)
        self.router.seen(question, served, outcome)
        return served

    def rates(self, id: str, thumb: str) -> None:
        self.router.heard(Feedback(answer=id, thumb=thumb))  # type: ignore[arg-type]


def known(home: Home, rollout: Rollout) -> Rollout:
    """How it stands now."""
    return home.rollouts.get(rollout.id)


def started(home: Home, **wanted: Any) -> Rollout:
    return begin(home, Wanted(**{"name": "spam", **wanted})).rollout


def judged(home: Home, **fields: Any) -> None:
    """A third version of spam, whose task is kept: JSON of a schema, no telephone numbers, and limits."""
    rows = tuple(
        Example(id=f"e{number}", messages=({"role": "user", "content": f"m{number}"},), target=JSON, split="test")
        for number in range(3)
    )
    given: dict[str, Any] = {
        "quality": Bar(scorer="exact", at_least=0.5),
        "guards": (
            Bar(scorer="json_schema", config={"schema": SCHEMA}, at_least=0.99, name="form"),
            Bar(scorer="regex", config={"pattern": r"\d{5,}"}, at_most=0.01, name="numbers"),
            Bar(scorer="exact", at_least=0.5, where={"target": "a"}, name="hard"),
        ),
        "limits": Limits(p95_latency_s=2.0, tokens_per_answer=30),
    }
    task = Task(name="spam", base="pip:llm", instruction="", examples=rows, path="task.yaml", **{**given, **fields})
    home.tasks.add(task)
    assert keep_lock(task, home)
    ship(home, [1.0] * 60, name="spam", lock=task.digest)
