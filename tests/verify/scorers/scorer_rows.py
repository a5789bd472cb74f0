"""Short ways to make rows and bound scorers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.types import Bar, Example
from rung.verify.scoring import BoundScorer, bind


def row(target: Any, *, tools: tuple[dict[str, Any], ...] = (), number: int = 1) -> Example:
    messages = ({"role": "user", "content": f"question {number}"},)
    return Example(id=str(number), messages=messages, target=target, tools=tools, source=f"rows.jsonl:{number}")


def rows(*targets: Any) -> tuple[Example, ...]:
    return tuple(row(target, number=number) for number, target in enumerate(targets, start=1))


def scorer(name: str, **settings: Any) -> BoundScorer:
    return bind(Bar(scorer=name, config=settings))


def settled(name: str, examples: tuple[Example, ...], folder: Path | None = None, **settings: Any) -> BoundScorer:
    return scorer(name, **settings).settle(examples, folder or Path())


def value(name: str, target: Any, output: str, **settings: Any) -> float | None:
    return scorer(name, **settings).score(row(target), output).value
