"""One of each noun, small."""

from __future__ import annotations

from rung.types import Answer, Bar, Candidate, Row, Run, Score, Task


def a_candidate(prompt: str = "Reply with one word.", **fields: object) -> Candidate:
    return Candidate(**{"rung": "r1_prompt", "base": "pip:llm@sha256:00", "prompt": prompt, **fields})  # type: ignore[arg-type]


def a_task(path: str = "task.yaml") -> Task:
    quality = Bar(scorer="choice", at_least=0.8)
    return Task(name="tone", base="pip:llm", instruction="Is it good?", examples=(), quality=quality, path=path)


def a_run(candidate: Candidate, split: str = "dev") -> Run:
    rows = tuple(
        Row(
            example=f"e{i}",
            group=f"g{i}",
            answer=Answer(text="yes", logprobs={"yes": -0.1}),
            scores={"quality": Score(value=value)},
        )
        for i, value in enumerate([1.0, 0.0, None])
    )
    return Run(candidate=candidate.id, task="t" * 64, split=split, rows=rows, environment={"seed": 0})
