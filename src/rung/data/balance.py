"""As many rows of each target: for a task that is about telling targets apart, not about how often each of them comes."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from rung.data.sensitive import masked
from rung.errors import UserError
from rung.json_form import canonical_json
from rung.types import Example, Finding

MOST_TARGETS = 1000
SHOWN_TARGETS = 4


def balance(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
    """A seeded sample in which each target stands as often as the rarest, in the order given.

    Raises UserError where targets are no closed set. What is measured on balanced rows holds for balanced rows: where production
    has another mix, the mean score there is another one too.
    """
    rows = defaultdict(list)
    for index, example in enumerate(examples):
        rows[canonical_json(example.target)].append(index)
    if len(rows) < 2 or len(rows) > MOST_TARGETS:
        raise UserError(
            f"there are {len(rows):,} different targets: nothing to balance", where="data.balance", hint="Leave 'balance' out."
        )
    fewest = min(len(indices) for indices in rows.values())
    draw = random.Random(f"balance {seed}")
    kept = sorted(index for target in sorted(rows) for index in draw.sample(rows[target], fewest))
    return tuple(examples[index] for index in kept)


def changed_mix(before: Sequence[Example], after: Sequence[Example]) -> Finding:
    """That scores on balanced rows are those of another mix of targets than the file's, and how far apart the two are."""
    counts = Counter(canonical_json(example.target) for example in before)
    shown = [f"{target} {count / len(before):.1%}" for target, count in counts.most_common(SHOWN_TARGETS)]
    rest = f", {len(counts) - SHOWN_TARGETS:,} more" if len(counts) > SHOWN_TARGETS else ""
    message = (
        f"balanced: {len(after):,} of {len(before):,} rows are used, each of {len(counts):,} targets {1 / len(counts):.1%} of "
        f"them, where the file has {', '.join(shown)}{rest}; every score, bar and verdict is of the balanced mix, not of the file's"
    )
    return Finding(severity="warning", message=masked(message), count=len(before) - len(after))
