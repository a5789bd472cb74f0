"""Calls that wait for a person: put aside with the conversation that wanted them, run once where they are allowed, gone on behind.

The client is told the id, and asks the same question again with it (`held`): until somebody has decided that is 409, and then the
model goes on behind the calls that were made, the held ones now among them with what came of each. A call runs only within such a
question, in the process that answers it. It is written down before that: where the process is killed meanwhile, the next question
is told that nobody knows whether it was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from rung.calls import Call
from rung.engine.tools.attended import Attended
from rung.engine.tools.box import Box
from rung.errors import UserError
from rung.json_form import digest
from rung.registry.held_states import HeldCall, Wanted, shown_call
from rung.registry.processes import runs, this_process
from rung.serve.types import Asked, Refused, Served
from rung.task.tools import Consequence
from rung.types import Answer

if TYPE_CHECKING:
    from rung.registry.home import Home

ASK_AGAIN_S = 5.0
MOST_WAITING = 200
# Whoever runs calls on a machine that cannot be asked has ended by then: a call takes ten minutes at most.
LONGEST_RUN_S = 3600.0


class Holding:
    """The held calls of one server."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def hold(self, asked: Asked, served: Served, answer: Answer, hold: str) -> HeldCall:
        """Puts an answer's waiting calls aside; where the very same wait already, these. Raises Refused (429) for too many."""
        wanted = Wanted(
            tenant=asked.tenant.id,
            requester=asked.tenant.name,
            user=asked.user,
            asked=asked.id,
            session=asked.session,
            model=asked.model,
            ref=served.ref,
            candidate=served.candidate.id,
            messages=asked.messages,
            question=question_digest(asked),
            calls=answer.calls,
        )
        known = self._home.held.same_as(wanted)
        if known is not None:
            return known
        if len(self._home.held.all(("waiting",), tenant=asked.tenant.id)) >= MOST_WAITING:
            said = f"{MOST_WAITING} calls of yours wait for a person already"
            raise Refused(429, said, type="rate_limit_error", code="too_many_held", retry_after_s=60.0)
        return self._home.held.hold(wanted, hold)

    def look(self, asked: Asked, served: Served) -> HeldCall:
        """What a question goes on behind. Raises Refused: 404 for an id that is not the tenant's, 409 where it is not the question
        that was held, another version answers by now, or nobody has decided."""
        try:
            held = self._home.held.get(asked.held, asked.tenant.id)
        except UserError:
            raise Refused(
                404, f"no call is held as '{asked.held[:80]}'", type="not_found_error", param="held", code="not_held"
            ) from None
        if held.wanted.question != question_digest(asked):
            said = "this is not the conversation that was held: send the same messages and tools again"
            raise Refused(409, said, param="held", code="other_conversation")
        if held.wanted.candidate != served.candidate.id:
            said = (
                f"it was held for {held.wanted.ref}, and '{asked.model}' is answered by {served.ref} now: ask for {held.wanted.ref}"
            )
            raise Refused(409, said, param="model", code="other_version")
        if self._home.held.standing(held) == "waiting":
            raise _not_yet(f"{held.id} waits for a person until {held.expires[:16].replace('T', ' ')} UTC", "waiting")
        return held

    def made(self, asked: Asked, served: Served) -> tuple[Mapping[str, Any], ...]:
        """The calls of a conversation that was held, with what came of each; those that a person has allowed are run now, once."""
        held = self.look(asked, served)
        try:
            if held.state == "running":
                held = self._settled(held)
            elif not held.is_settled:
                expired = self._home.held.standing(held) == "expired"
                held = self._home.held.expire(held) if expired else self._run(held, served, asked.tenant.tools)
        except UserError as error:
            if (now := self._home.held.get(held.id)).is_settled:
                return now.made
            raise _not_yet(error.problem, "busy") from None
        return held.made

    def _run(self, held: HeldCall, served: Served, allowed: Sequence[str]) -> HeldCall:
        """Runs what a person has allowed, once whatever happens."""
        use = served.candidate.tools
        assert use is not None
        tools = replace(use.toolset, unattended=get_args(Consequence), recorded=())
        files = self._home.blobs.local(use.files) if use.files else None
        box = Box(tools=tools, files=files, attended=Attended(allowed=tuple(allowed)))
        begun = self._home.held.begin(held)
        try:
            results = box.perform([Call(name=call["name"], arguments=call["arguments"]) for call in begun.wanted.waiting])
        except BaseException:
            self._home.held.lose(begun)
            raise
        return self._home.held.finish(begun, results)

    def _settled(self, held: HeldCall) -> HeldCall:
        """One that somebody has begun to run. Raises Refused (409) while they do."""
        runner = held.runner
        alive = runner is not None and runs(runner)
        if runner == this_process() or alive or (alive is None and not self._is_long_ago(held.begun)):
            raise _not_yet(f"{held.id} is being run", "running")
        return self._home.held.lose(held)

    def _is_long_ago(self, moment: str) -> bool:
        passed = datetime.fromisoformat(self._home.audit.moment()) - datetime.fromisoformat(moment)
        return passed.total_seconds() > LONGEST_RUN_S


def question_digest(asked: Asked) -> str:
    """What says that it is the same question: its messages and tools."""
    return digest([list(asked.messages), list(asked.tools)])


def told(held: HeldCall) -> str:
    """What the client is told in the answer's place."""
    calls = "; ".join(shown_call(call) for call in held.wanted.waiting)
    until = held.expires[:16].replace("T", " ")
    return (
        f"This needs a person's consent first: {calls}. It is held as {held.id} until {until} UTC. "
        f'Ask again with "held": "{held.id}" once it is decided.'
    )


def _not_yet(said: str, code: str) -> Refused:
    return Refused(409, said, param="held", code=code, retry_after_s=ASK_AGAIN_S)
