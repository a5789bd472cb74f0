"""The adapter with scales and patterns baked in: for engines that ignore rsLoRA, rank_pattern or alpha_pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.export.agree import asked_of, distance
from rung.export.base import Agreement, version_in
from rung.export.formats import peft
from rung.export.nats import judged_in_int8
from rung.export.subject import Subject
from rung.export.weights import no_adapter
from rung.types import Candidate

EXTRA = "peft"
READER = "peft"
CARRIES = frozenset({"adapters"})


def fits(candidate: Candidate) -> str:
    """An adapter is needed; whether it is of low rank alone is seen when it is read."""
    return no_adapter(candidate)


def write(subject: Subject, folder: Path) -> None:
    """One adapter with alpha = r, of one rank throughout; several side by side in it. Raises UserError for what is no low rank."""
    from rung.export.tensors.low_rank import write_plain_adapter
    from rung.export.tensors.read import read_stack

    write_plain_adapter(read_stack(subject), facts(subject), folder)


def check(subject: Subject, folder: Path) -> Agreement:
    """PEFT's logits with the baked copy."""
    found = subject.registered
    model = peft.loaded(subject, [folder])
    apart = distance(found.logits, asked_of(found.probes, lambda ids: model(input_ids=ids).logits))
    return Agreement(
        reader=version_in("peft"),
        measure="largest difference of logits",
        value=apart.logits,
        limit=peft.LIMIT,
        rows=len(found.probes),
        about=found.about,
    )


def notes(subject: Subject) -> list[str]:
    """That several have become one."""
    count = len(subject.candidate.adapters)
    together = f"The {count} adapters are one here, of all their ranks together: it does exactly what they do."
    return [*([together] if count > 1 else []), *judged_in_int8(subject)]


def facts(subject: Subject) -> dict[str, Any]:
    """What the copy says of its origin: whoever imports it is held to the same base and template."""
    candidate = subject.candidate
    return {"base": candidate.base, "template": candidate.template, "baked_from": list(candidate.adapters)}
