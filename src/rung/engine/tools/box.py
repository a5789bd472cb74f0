"""What every call must pass, and the only place from which a tool is run.

Whether a call runs is decided by the tool's consequence and the consent that the task's author wrote down, both frozen in the
Candidate. Nothing that a model, a document or a tool says is looked at, so nothing that they say can change it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rung.calls import Call, plain_value
from rung.engine.tools.attended import QUEUED, Attended
from rung.engine.tools.declare import environment_of, server_job
from rung.engine.tools.sandbox import Outcome, run_worker
from rung.engine.tools.validate import fault_of, validator_of, whole_numbers
from rung.errors import RungError
from rung.json_form import canonical_json, digest
from rung.parts import CallLimits, Tool, ToolServer, ToolSet

AT_ONCE = 4
# An MCP server is started for every batch of calls; its start is not the tool's time.
START_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """A Candidate's tools. `files` is the folder with their source, None where all are on servers."""

    tools: ToolSet
    files: Path | None
    attended: Attended | None = None

    def perform(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
        """What came of each call, in order: {"name", "arguments", "outcome", "result" or "reason", "seconds"}.

        refused   no such tool, or not for who asks, or arguments that its schema does not allow, or that have a fault
        recorded  the result is one that the task's author recorded
        queued    its consequence needs a person, and nobody is there: not run
        ran       run under guard
        failed    run under guard, without a result
        """
        meant = [self._meant(call) for call in calls]
        told = [self._decided(call) for call in meant]
        may_run = [index for index, said in enumerate(told) if not said]
        for index, outcome in zip(may_run, self._run([meant[index] for index in may_run]), strict=True):
            told[index] = self._told(outcome)
        return [{"name": call.name, "arguments": call.arguments, **said} for call, said in zip(calls, told, strict=True)]

    def _meant(self, call: Call) -> Call:
        """With whole numbers where the tool's schema asks for them: to JSON 2.0 is one, to many a server it is not."""
        tool = self._tools.get(call.name)
        return replace(call, arguments=whole_numbers(tool.parameters, call.arguments)) if tool and not call.fault else call

    def _decided(self, call: Call) -> dict[str, Any]:
        """What a call comes to without being run; nothing where it may run."""
        tool = self._tools.get(call.name)
        if tool is None:
            return {"outcome": "refused", "reason": "there is no such tool", "seconds": 0.0}
        if self.attended and not self.attended.allows(call.name):
            return {"outcome": "refused", "reason": "it may not be called for who asks", "seconds": 0.0}
        if fault := call.fault or self._argument_fault(call):
            return {"outcome": "refused", "reason": f"wrong arguments: {fault}"[:300], "seconds": 0.0}
        key = digest([call.name, call.arguments])
        if key in self._recorded:
            return {"outcome": "recorded", "result": self._recorded[key], "seconds": 0.0}
        if tool.consequence not in self.tools.unattended:
            reason = f"its consequence is {tool.consequence}, which needs a person's consent"
            return {"outcome": QUEUED, "reason": reason, "seconds": 0.0}
        return {}

    def _told(self, outcome: Outcome) -> dict[str, Any]:
        if outcome.refused:
            return {
                "outcome": "refused",
                "reason": plain_value(f"wrong arguments: {outcome.fault}"[:300]),
                "seconds": outcome.seconds,
            }
        fault, value = outcome.fault, None
        try:
            value = plain_value(outcome.value)
        except ValueError as error:
            fault = f"the result is not JSON: {error}"
        if fault:
            return {"outcome": "failed", "reason": plain_value(fault), "seconds": outcome.seconds}
        length = len(canonical_json(value))
        if length > self.limits.result_characters:
            reason = f"the result has {length:,} characters, more than {self.limits.result_characters:,}"
            return {"outcome": "failed", "reason": reason, "seconds": outcome.seconds}
        return {"outcome": "ran", "result": value, "seconds": outcome.seconds}

    def _argument_fault(self, call: Call) -> str:
        return fault_of(self._validators[call.name], call.arguments)

    def _run(self, calls: Sequence[Call]) -> list[Outcome]:
        """Functions side by side, each in a process of its own; a server's calls one after the other in one session."""
        sources = [self._tools[call.name].origin for call in calls]
        found: dict[int, Outcome] = {}
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            own = [index for index, source in enumerate(sources) if not source.startswith("mcp:")]
            found |= zip(own, pool.map(lambda index: self._function(calls[index], sources[index]), own), strict=True)
        for server in self.tools.servers:
            members = [index for index, source in enumerate(sources) if source == f"mcp:{server.name}"]
            if members:
                found |= zip(members, self._served(server, [calls[index] for index in members]), strict=True)
        return [found[index] for index in range(len(calls))]

    def _function(self, call: Call, file: str) -> Outcome:
        job = {"mode": "call", "file": file, "name": call.name, "arguments": call.arguments}
        return run_worker("python_worker", job, self.files, self.limits)

    def _served(self, server: ToolServer, calls: Sequence[Call]) -> list[Outcome]:
        """A session that a call has broken is followed by another for the calls after it: what hangs or crashes fails alone."""
        try:
            environment = environment_of(server)
        except RungError as error:
            return [Outcome(fault=error.problem) for _ in calls]
        found: list[Outcome] = []
        while len(found) < len(calls):
            found += self._session(server, environment, calls[len(found) :])
        return found

    def _session(self, server: ToolServer, environment: Mapping[str, str], calls: Sequence[Call]) -> list[Outcome]:
        """What came of the first of the calls, one at least; of all where there was no session at all."""
        limits = self.limits
        asked = [{"name": call.name, "arguments": call.arguments} for call in calls]
        job: dict[str, Any] = {
            "mode": "call",
            "server": server_job(server),
            "env": environment,
            "calls": asked,
            "digest": server.digest,
        }
        job |= {"seconds": limits.seconds, "most_kb": limits.output_kb}
        room = replace(limits, output_kb=(limits.output_kb + 1) * len(calls))
        together = run_worker("mcp_worker", job, None, room, seconds=START_S + limits.seconds * len(calls))
        if together.fault or not together.value:
            fault = together.fault or "the server ended without a result"
            return [Outcome(fault=fault, seconds=together.seconds / len(calls)) for _ in calls]
        # The start is shared by the calls that it served.
        start_s = max(together.seconds - sum(said["seconds"] for said in together.value), 0.0) / len(together.value)
        return [
            Outcome(value=said.get("result"), fault=said.get("error", ""), seconds=said["seconds"] + start_s)
            for said in together.value
        ]

    @property
    def limits(self) -> CallLimits:
        return self.tools.limits

    @cached_property
    def _tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self.tools.tools}

    @cached_property
    def _recorded(self) -> dict[str, Any]:
        return {digest([row.name, row.arguments]): row.result for row in self.tools.recorded}

    @cached_property
    def _validators(self) -> dict[str, Any]:
        return {tool.name: validator_of(tool.parameters) for tool in self.tools.tools}
