"""What people say, good and bad, and by whose users: whether the mean of it can speak for those who say nothing.

It can where people say as much of one version as of the other. Where they say only what is bad, or only what is good, the mean is
the same of every version. And where complaints come from the candidate's users more often than their part of who asks, or praise
less often, it is worse, or they speak otherwise: nothing can be told from the mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.verify.stats.leaning import Leaning

# Of what somebody says of an answer: below is a complaint, above is praise.
NEITHER = 0.5


class Words:
    """What was said in one rollout, of which each who asks counts once."""

    def __init__(self, alpha: float) -> None:
        """alpha  the chance that words are said to lean where they do not"""
        self._alpha = alpha
        self._least, self._most = 1.0, 0.0
        self._complaints, self._praise = Leaning(), Leaning()

    def add(self, candidate: Sequence[float], scores: Sequence[float], chances: Sequence[float]) -> None:
        """Further ones, as `Arms.add` has them."""
        self._least, self._most = min(self._least, *scores), max(self._most, *scores)
        rows = list(zip(candidate, scores, chances, strict=True))
        self._complaints.add(*_columns([(mine, chance) for mine, score, chance in rows if score < NEITHER]))
        self._praise.add(*_columns([(mine, chance) for mine, score, chance in rows if score > NEITHER]))

    def leans(self) -> str:
        """Why it cannot be told what the two are worth, in words; "" where nothing speaks against it."""
        if self._complaints.more(self._alpha):
            return f"complaints come from the candidate's users more often than their part of who asks: {_of(self._complaints)}"
        if self._praise.less(self._alpha):
            return f"praise comes from the candidate's users less often than their part of who asks: {_of(self._praise)}"
        return ""

    def one_sided(self, champion: float | None, harm: float) -> str:
        """Why the mean would be the same of a worse one, in words; "" where it would not.

        champion  the mean of what was said of it
        """
        if self._most < NEITHER or (champion is not None and champion <= harm):
            return "hardly anybody says what is good: how many are content is not known"
        return "nobody says what is bad: how many are not content is not known" if self._least > NEITHER else ""


def _columns(rows: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [mine for mine, _ in rows], [chance for _, chance in rows]


def _of(leaning: Leaning) -> str:
    return f"{leaning.mine:,.0f} of {leaning.count:,}, where about {leaning.dealt:,.0f} would be"
