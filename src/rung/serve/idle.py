"""A server without tenants, quotas, a journal, rollouts, rails or stacks: what stands in each one's place."""

from __future__ import annotations

from collections.abc import Sequence

from rung.engine.caller import Caller
from rung.engine.tools.attended import Attended
from rung.serve.types import Admission, Asked, Feedback, Outcome, Refused, Ruling, Served, Tenant, UnderWay
from rung.types import Answer

ANYONE = Tenant(id="local", name="local")


class NoKeys:
    """Whoever comes is the one tenant: for a server that only this machine can reach."""

    asks = False

    def tenant(self, authorization: str | None, address: str) -> Tenant:
        return ANYONE

    def forget(self) -> None:
        """Nothing is known of any key."""


class Freely:
    """A place that takes nothing from any quota."""

    def settle(self, answer: Answer | None) -> None:
        return None


class NoQuotas:
    """Everybody may take what there is."""

    def admit(self, tenant: Tenant, *, prompt_tokens: int, max_tokens: int) -> Admission:
        return Freely()


class NoJournal:
    """Nothing is written down."""

    def begin(self, asked: Asked, served: Served, fingerprint: str) -> None:
        return None

    def end(self, id: str, outcome: Outcome) -> None:
        return None

    def refuse(self, tenant: Tenant | None, what: str, refused: Refused) -> None:
        return None

    def under_way(self) -> Sequence[UnderWay]:
        return ()

    def say(self, tenant: Tenant, feedback: Feedback) -> str:
        raise Refused(404, "This server keeps no answers to speak of.", type="not_found_error", code="answer_not_found")

    def close(self) -> None:
        return None


class NoRouter:
    """A name is answered by the version that it stands for."""

    def start(self) -> None:
        return None

    def close(self) -> None:
        return None

    def route(self, asked: Asked, served: Served) -> Served:
        return served

    def stands(self, served: Served) -> bool:
        return True

    def seen(self, asked: Asked, served: Served, outcome: Outcome) -> None:
        return None

    def heard(self, feedback: Feedback) -> None:
        return None


class NoRails:
    """Answers go out as they are."""

    def holds_back(self, served: Served) -> bool:
        return False

    def question(self, asked: Asked, served: Served) -> None:
        if asked.held:
            raise Refused(404, "No answer is held under this id.", type="not_found_error", param="held", code="not_found")

    def caller(self, asked: Asked, served: Served, caller: Caller) -> Caller:
        return caller

    def admits_shadow(self, served: Served) -> bool:
        return True

    def shadowed(self, served: Served, answer: Answer) -> None:
        return

    def attended(self, asked: Asked, served: Served) -> Attended:
        return Attended(allowed=asked.tenant.tools)

    def answer(self, asked: Asked, served: Served, answer: Answer, tries: int) -> Ruling:
        return Ruling(answer=answer)


class NoStacks:
    """A Candidate has its own adapters and no others."""

    def stacked(self, asked: Asked, served: Served) -> Served:
        if asked.stack is not None:
            raise Refused(400, "this server adds no adapters to a model", param="adapters", code="unsupported")
        if asked.mode:
            raise Refused(400, "this server knows no modes", param="mode", code="unsupported")
        return served
