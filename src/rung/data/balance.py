"""As many rows of each target: for a task that is about telling targets apart, not about how often each of them comes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from rung.errors import UserError
from rung.json_form import canonical_json
from rung.types import Example

MOST_TARGETS = 1000


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
