"""One climb's stored facts, and the steps that add to them. Every step is written down whole or not at all."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rung import plugins
from rung.climb.baselines import baselines_of
from rung.climb.decide import RungState, Step, next_step
from rung.climb.diagnosis.diagnose import Known, diagnose_on
from rung.climb.fits import refuse_long_rows
from rung.climb.runtime import runtime_for
from rung.climb.simplify import cheapest, part_added, share_of, simpler
from rung.json_form import as_json, canonical_json, digest
from rung.rungs.base import BuildContext, why_skipped
from rung.types import Candidate, Progress, Task
from rung.verify.environment import environment
from rung.verify.judge import Trial, judge
from rung.verify.run import evaluate, random_order

if TYPE_CHECKING:
    from rung.registry.home import Home

# A record of another form is not resumed.
FORM = 3


class Session:
    """A climb in progress: what is known (`facts`), and how to learn more. `every` measures rungs that a diagnosis would skip."""

    def __init__(self, task: Task, home: Home, progress: Progress, *, every: bool = False) -> None:
        self.task, self.home, self.progress, self.every = task, home, progress, every
        base = lock_base(task, home, progress)
        refuse_long_rows(task, home.path)
        self.id = digest([FORM, task.digest, base])
        # Before the facts are read: what another process adds to them after that would be done anew.
        self.lease = home.leases.take(self.id, task.name)
        home.climbs.begin(self.id, form=FORM, task=task.digest)
        self.runtime = runtime_for(task, home, self.id)
        self.facts: dict[str, Any] = home.climbs.facts(self.id)
        home.tasks.add(task)
        if "lock" not in self.facts:
            self.put("lock", self._lock(base))

    def put(self, key: str, payload: Any) -> None:
        """Write a fact down, here and in the store."""
        self.home.climbs.put(self.id, key, payload)
        self.facts[key] = payload

    def _lock(self, base: dict[str, Any]) -> dict[str, Any]:
        from rung.data.digest import data_digests
        from rung.verify.stats.gate import split_alpha

        skipped = {name: why_skipped(self.task, name) for name in plugins.names("rungs")}
        in_play = [name for name, reason in skipped.items() if not reason]
        # One share more than there are rungs: cheaper forms of a passing Candidate must pass on a share of their own.
        shares = split_alpha(self.task.alpha, len(in_play) + 1)
        return {
            "task": self.task.digest,
            "data": data_digests(self.task.examples),
            "base": base,
            "skipped": skipped,
            "alpha": dict(zip(in_play, shares, strict=False)) | {"cheaper": shares[-1]},
            "environment": environment(self.task.seed),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    def next_step(self) -> Step:
        """What comes next."""
        return next_step(self.states(), every=self.every, diagnosed="diagnosis" in self.facts or bool(self._out_of_budget()))

    def states(self) -> list[RungState]:
        """What `decide` needs to know of each rung, cheapest first."""
        return [self._state(name) for name in self.facts["lock"]["skipped"]]

    def _state(self, rung: str) -> RungState:
        baselines = baselines_of(self.task)
        gate = self.facts.get(f"gate/{rung}")
        built, baseline = f"built/{rung}" in self.facts, rung in baselines.values()
        skipped = self.facts["lock"]["skipped"][rung]
        if not skipped and not built:
            skipped = self._out_of_budget() or ("" if baseline else self._hopeless(rung))
        return RungState(
            name=rung,
            skipped=skipped,
            exempt="it is what the bar compares with" if rung == baselines.get("quality") else "",
            baseline=baseline,
            built=built,
            status=gate["status"] if gate else None,
            measured=f"dev/{rung}" in self.facts,
            simplified=f"cheaper/{rung}" in self.facts,
        )

    def _out_of_budget(self) -> str:
        minutes = self.task.limits.minutes
        spent = self.seconds / 60
        if minutes is not None and spent >= minutes:
            return f"the {minutes:g} minutes that the task allows were used up"
        return ""

    def _hopeless(self, rung: str) -> str:
        """Why the diagnosis says that this rung cannot reach the bar; "" where it is measured all the same."""
        if self.every:
            return ""
        return str(self.facts.get("diagnosis", {}).get("skips", {}).get(rung, ""))

    @property
    def seconds(self) -> float:
        """What the climb has taken so far."""
        return sum(fact.get("seconds", 0.0) for key, fact in self.facts.items() if "/" in key or key == "diagnosis")

    def candidate(self, rung: str) -> Candidate:
        """The frozen Candidate that a rung built."""
        return self.home.candidates.get(self.facts[f"built/{rung}"]["id"])

    def build(self, rung: str) -> None:
        """Make the rung's Candidate. A crash in here is taken up again by the rung itself, from its work folder."""
        started = time.monotonic()
        work = self.home.path / "climbs" / self.id[:16] / rung
        context = BuildContext(self.task, self.runtime, work, self.progress)
        candidate = plugins.load("rungs", rung).build(self.task, self.parent(rung), context)
        self.home.candidates.add(candidate, self.task.digest)
        fact = {
            "id": candidate.id,
            "records": context.records,
            "artefact_bytes": artefact_bytes(candidate, self.home),
            "seconds": time.monotonic() - started,
        }
        self.put(f"built/{rung}", fact)
        shutil.rmtree(work, ignore_errors=True)

    def measure(self, rung: str) -> None:
        """What the rung's Candidate answers on the whole of dev."""
        started = time.monotonic()
        run = evaluate(self.task, self.candidate(rung), "dev", random_order(self.task, "dev"), self.runtime, self.progress)
        fact = {"run": self.home.runs.add(run), "mean": run.mean(), "n": len(run.rows)}
        self.put(f"dev/{rung}", fact | {"seconds": time.monotonic() - started})

    def diagnose(self) -> None:
        """Find out what is missing. What was asked of dev stays known, so that a crash in here costs little."""
        started = time.monotonic()
        work = self.home.path / "climbs" / self.id[:16] / "diagnosis"
        statuses = {state.name: state.status for state in self.states() if state.status}
        parent = self.candidate("r1_prompt") if "built/r1_prompt" in self.facts else None
        context = BuildContext(self.task, self.runtime, work, self.progress)
        found = diagnose_on(self.task, context, Known(parent=parent, statuses=statuses))
        self.progress.note(found.sentence)
        self.put("diagnosis", as_json(found.record(time.monotonic() - started)))
        shutil.rmtree(work, ignore_errors=True)

    def parent(self, rung: str) -> Candidate | None:
        """What the rung builds on: the nearest one below it that was built and is a language model."""
        below = [name for name in self.facts["lock"]["skipped"] if name < rung and f"built/{name}" in self.facts]
        # A linear model's Candidate says nothing that a language model could build on.
        candidates = [self.candidate(name) for name in below]
        return next((candidate for candidate in reversed(candidates) if not candidate.base_reference.is_linear), None)

    def gate(self, rung: str) -> None:
        """Let the gate judge the rung's Candidate."""
        self.put(f"gate/{rung}", self._judged(rung, self.candidate(rung), self.facts["lock"]["alpha"][rung]))

    def simplify(self, rung: str) -> None:
        """Try cheaper forms of what passed, each at the gate on its part of one share of alpha; the cheapest that holds is kept."""
        forms = simpler(self.candidate(rung), self.home.blobs, self.home.path / "climbs")
        tries: list[dict[str, Any]] = []
        for name, candidate in forms:
            key = f"try/{rung}/{name}"
            if key not in self.facts:
                share = share_of(self.facts["lock"]["alpha"]["cheaper"], len(forms), tries)
                self.put(key, self._tried(rung, name, candidate, share))
            tries.append(self.facts[key])
        held = [(fact, self.home.runs.get(fact["run"])) for fact in tries if fact["status"] == "pass"]
        kept = cheapest(held) or {"name": None}
        self.put(f"cheaper/{rung}", {key: kept[key] for key in ("name", "id", "status") if key in kept} | {"tries": tries})

    def _tried(self, rung: str, name: str, candidate: Candidate, alpha: float) -> dict[str, Any]:
        self.progress.note(f"trying it {name}")
        self.home.candidates.add(candidate, self.task.digest)
        judged = self._judged(rung, candidate, alpha)
        added = part_added(self.home.runs.get(self.facts[f"gate/{rung}"]["run"]), self.home.runs.get(judged["run"]))
        size = artefact_bytes(candidate, self.home)
        return {"name": name, "id": candidate.id, "artefact_bytes": size, "part_added": added, **judged}

    def _judged(self, rung: str, candidate: Candidate, alpha: float) -> dict[str, Any]:
        started = time.monotonic()
        trial = Trial(task=self.task, candidate=candidate, alpha=alpha, baselines=self._baselines())
        judged = judge(trial, self.runtime, self.progress)
        looked, total = len(judged.run.rows), len(self.task.split("gate"))
        self.home.looks.add(self.task.digest, candidate.id, looked)
        self.progress.note(f"{rung}: {judged.status} after {looked} of {total} gate rows. {judged.verdict.reason}")
        return {
            "status": judged.status,
            "verdict": as_json(judged.verdict),
            "guards": [as_json(guard) for guard in judged.guards],
            "run": self.home.runs.add(judged.run),
            "alpha": alpha,
            "seconds": time.monotonic() - started,
        }

    def _baselines(self) -> dict[str, Candidate]:
        rungs = self.facts["lock"]["skipped"]
        named = baselines_of(self.task)
        return {bar: self.candidate(name) if name in rungs else self.home.candidates.get(name) for bar, name in named.items()}

    def register(self, rung: str) -> None:
        """Give the winner, or its cheaper form where that held, the next version of the task's name."""
        if "registered" in self.facts:
            return
        from rung.registry.names import Evidence

        cheaper = self.facts.get(f"cheaper/{rung}", {})
        winner = cheaper["id"] if cheaper.get("status") == "pass" else self.facts[f"built/{rung}"]["id"]
        evidence = Evidence(climb=self.id, rung=rung, task=self.task.digest)
        version = self.home.names.register(self.task.name, winner, evidence)
        self.put("registered", {"version": version, "candidate": winner, "rung": rung})


def lock_base(task: Task, home: Home, progress: Progress) -> dict[str, Any]:
    """What the base is, before anything is asked of it."""
    from rung.engine.bases.resolve import resolve

    base = resolve(task.base, home.path, progress=progress)
    return {"pinned": base.pinned, "template": base.template_digest}


def artefact_bytes(candidate: Candidate, home: Home) -> int:
    """Bytes on disk of everything that this Candidate adds to its base."""
    text = len(canonical_json(as_json(replace(candidate, parent=None))).encode("utf-8"))
    return text + sum(home.blobs.size_bytes(name) for name in candidate.artefacts)
