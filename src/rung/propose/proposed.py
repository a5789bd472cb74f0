"""What follows from how a file's answers are scored: the bar, the splits that it asks for, what the model is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.choices import labels_in
from rung.data.inferred import Inference
from rung.data.shapes.columns import Columns
from rung.propose.instruction import instruction_for
from rung.propose.lists import lists_in
from rung.propose.scorer import Kind, bar_for, remarks_on, why_scorer
from rung.propose.sizes import Sizes, sizes_for
from rung.types import Example


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """As the fields of `Profile` of the same names."""

    at_least: float
    sizes: Sizes
    instruction: str
    remarks: tuple[str, ...]
    inferences: tuple[Inference, ...]


def propose_for(
    examples: Sequence[Example],
    columns: Columns,
    *,
    kind: Kind,
    classes: Mapping[str, int],
    scorer: tuple[str, Mapping[str, Any]],
) -> Proposed:
    """For rows without duplicates, the columns that they are made of, and their scorer with its settings."""
    column = columns.target if isinstance(columns.target, str) else ""
    lists = lists_in([example.target for example in examples], column)
    bar = bar_for(kind, classes)
    sizes = sizes_for(examples, bar, len(classes))
    told = (lists.remark,) if lists and lists.kind == kind else ()
    return Proposed(
        at_least=bar,
        sizes=sizes,
        instruction=instruction_for(kind, classes, examples, columns),
        remarks=(*_spellings(classes), *told, *remarks_on(kind, examples)),
        inferences=(why_scorer(kind, *scorer), sizes.why),
    )


def _spellings(classes: Mapping[str, int]) -> list[str]:
    """Classes that differ only in case or blanks: often one label in several spellings. Says what they are taken for."""
    counts: Counter[str] = Counter()
    found: dict[str, list[str]] = {}
    for name, count in classes.items():
        counts[name.strip()] += count
        found.setdefault(" ".join(name.casefold().split()), []).append(name)
    labels = labels_in(counts, str.casefold)
    told: dict[bool, list[str]] = {}
    for names in found.values():
        if len(names) > 1:
            apart = {name.strip() for name in names} <= set(labels) and len({name.strip() for name in names}) > 1
            told.setdefault(apart, []).append(" and ".join(f"'{name}' ({classes[name]:,})" for name in names))
    taken = {True: "Each is taken for a class of its own: mend", False: "Taken for one: mend"}
    return [
        f"One class in several spellings? {'; '.join(told[apart])}. {taken[apart]} the file, or keep one by data.where."
        for apart in sorted(told)
    ]
