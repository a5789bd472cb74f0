"""Which version is the sum of which adapters: what was added up here is a line of the audit, by which the sum is found again."""

from __future__ import annotations

from collections.abc import Sequence

from rung.json_form import digest
from rung.registry.audit import Audit

STACKED = "stack"  # the kind of its line in the audit
Weighted = Sequence[tuple[str, float]]


class Stackings:
    """The sums of adapters of one RUNG_HOME."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def enter(self, base: str, adapters: Weighted, ref: str, sum_of: str) -> None:
        """Writes down that a version's one adapter (digest) is the sum of these on a base, each (digest, weight)."""
        parts = [[name, float(weight)] for name, weight in adapters]
        self._audit.append(STACKED, stack_key(base, adapters), {"base": base, "parts": parts, "ref": ref, "adapter": sum_of})

    def of(self, base: str, adapters: Weighted) -> list[tuple[str, str]]:
        """(version, digest of its adapter) of each sum of these, in whatever order they were named."""
        lines = [line for line in self._audit.lines(stack_key(base, adapters)) if line.kind == STACKED]
        return [(str(line.payload["ref"]), str(line.payload["adapter"])) for line in lines]


def stack_key(base: str, adapters: Weighted) -> str:
    """By which a combination is found, in whatever order its adapters are named."""
    return "stack:" + digest([base, sorted([name, float(weight)] for name, weight in adapters)])[:32]
