"""What more test labels would do for a rung whose bar is left open: how many at the share that it had, how many at an equal one.

Or why no number of them would help: then nobody labels in vain.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.climb.ledger import plan_of
from rung.registry.forecasts import MoreLabels
from rung.types import Bar, Verdict
from rung.verify.alpha import rows_at
from rung.verify.bars import say_of
from rung.verify.foresight import GIVEN_UP, Foresight

if TYPE_CHECKING:
    from rung.climb.steps import Climb

# Shares that differ by less are told as one.
ALIKE = 0.05


def more_labels(climb: Climb, rung: str) -> MoreLabels | None:
    """Of a rung that was judged; None where its quality bar is not what was left open, or nothing was looked at."""
    judged, given = climb.record.judged.get(rung), climb.record.allotted.get(rung)
    if judged is None or judged.status != "undecided" or judged.verdict.status != "undecided":
        return None
    verdict, dev = judged.verdict, given.dev if given else None
    if not verdict.n or not verdict.alpha:
        return None
    return of_verdict(climb.task.quality, verdict, dev, plan_of(climb).equal if dev else verdict.alpha)


def of_verdict(bar: Bar, verdict: Verdict, dev: Foresight | None, equal_alpha: float) -> MoreLabels:
    """Of a verdict that is open, at a share that was fixed by what `dev` said; None where all have the same."""
    if math.isclose(verdict.alpha, equal_alpha, rel_tol=ALIKE):
        equal_alpha = verdict.alpha
    if not verdict.needed:
        said = _why_not(bar, verdict, dev)
        return MoreLabels(alpha=verdict.alpha, needed=None, equal_alpha=equal_alpha, equal=None, said=said)
    enough = rows_at(verdict.n_total + verdict.needed, verdict.alpha, equal_alpha)
    found = MoreLabels(
        alpha=verdict.alpha,
        needed=verdict.needed,
        equal_alpha=equal_alpha,
        equal=max(0, enough - verdict.n_total),
        said=f"About {verdict.needed:,} more test labels would decide it.",
    )
    return found if equal_alpha == verdict.alpha else replace(found, said=_at_both(found))


def _at_both(found: MoreLabels) -> str:
    """The labels at the share that it had and at an equal one, each with its part of the error: small ones keep their digits."""
    share = f"an equal share ({100 * found.equal_alpha:.3g}%; `alpha_shares: equal`)"
    less = f"about {found.equal:,} at {share}"
    if not found.equal:
        less = f"at {share} the rows that there were would probably have been enough"
    at = f"at the share of error that dev gave it ({100 * found.alpha:.3g}%)"
    return f"About {found.needed:,} more test labels would decide it {at}, {less}."


def _why_not(bar: Bar, verdict: Verdict, dev: Foresight | None) -> str:
    """Why no number of labels is said."""
    write, upper = say_of(bar), bar.at_most is not None
    none = "No number of test labels is expected to show a pass"
    if verdict.estimate is None:
        return f"{none}: not one of its answers could be scored."
    if dev and dev.hopeless:
        held = f"at most {dev.upper:.1%} on {dev.rows:,} rows, where {dev.line:.1%} is asked for"
        return f"{none}: dev says that it is {'above' if upper else 'below'} the bar ({held})."
    if verdict.stopped_by == GIVEN_UP:
        held = f"dev and the {verdict.n:,} test rows that were looked at are together not {'below' if upper else 'above'} the bar"
        return f"{none}: {held}; `alpha_shares: equal` looks at all {verdict.n_total:,}."
    if (verdict.estimate >= bar.line) if upper else (verdict.estimate <= bar.line):
        return f"{none}: its estimate of {write(verdict.estimate)} is not {'below' if upper else 'above'} the bar."
    if verdict.missing:
        return f"{none} while {verdict.missing:,} answers have no score: they count as wrong."
    return f"How many more test labels would decide it is not foretold for a bar on {bar.measured or 'this figure'}."
