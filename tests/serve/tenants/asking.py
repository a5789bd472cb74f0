"""Questions and answers of tenants, as the door hands them to quotas and the journal."""

from __future__ import annotations

from rung.serve.types import Asked, Outcome, Served, Tenant
from rung.types import Answer, Candidate

ACME, OTHER = Tenant(id="tenant-acme", name="acme", key="k1"), Tenant(id="tenant-other", name="other", key="k2")


class Played:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def asked(id: str = "chatcmpl-1", tenant: Tenant = ACME, **fields: object) -> Asked:
    usual = {"endpoint": "chat", "model": "spam", "messages": ({"role": "user", "content": "Is it?"},)}
    return Asked(**{"id": id, "tenant": tenant, **usual, **fields})  # type: ignore[arg-type]


def served(ref: str = "spam@1") -> Served:
    candidate = Candidate(rung="r1_prompt", base="pip:llm@sha256:00", prompt="Say.", adapters=("a" * 64,))
    name, _, version = ref.partition("@")
    return Served(ref=ref, name=name, version=int(version), candidate=candidate, weights=(0.5,))


def said(text: str = "yes", prompt: int | None = 10, completion: int | None = 5, **fields: object) -> Answer:
    return Answer(text=text, prompt_tokens=prompt, completion_tokens=completion, **fields)  # type: ignore[arg-type]


def outcome(ending: str = "answered", answer: Answer | None = None, **fields: object) -> Outcome:
    usual = {"status": 200, "answer": answer or said(), "latency_s": 0.5, "first_s": 0.1}
    return Outcome(**{"ending": ending, **usual, **fields})  # type: ignore[arg-type]
