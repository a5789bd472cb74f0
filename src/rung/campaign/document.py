"""What a campaign is shown as: its names in their order, each with what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.campaign.facts import Climbed, Compared, Entry, Promoted, Refused, State
from rung.campaign.plan import Planned
from rung.campaign.record import Asked, Record
from rung.campaign.scope import LeftAlone
from rung.parts import Span

STATES: dict[str, State] = {"pass": "passed", "fail": "failed", "undecided": "undecided"}


@dataclass(frozen=True, kw_only=True)
class NameLine:
    """One name: as it was planned, how far it has come, and what was found; None where it has not come so far."""

    entry: Entry
    state: State
    refused: Refused | None
    climbed: Climbed | None
    compared: Compared | None
    promoted: Promoted | None


@dataclass(frozen=True, kw_only=True)
class CampaignDocument:
    """A campaign to `base`, away from the bases `former`.

    seconds   what is left to climb is said to take, where each name's rung passes again; None where that is not known of all
    usd       what it is said to cost; None where no price is known, or it costs nothing
    left_alone  names that it does not touch
    """

    campaign: str
    base: str
    pinned: str
    former: tuple[str, ...]
    names: tuple[NameLine, ...]
    left_alone: tuple[LeftAlone, ...]
    seconds: Span | None
    usd: Span | None

    @property
    def left(self) -> tuple[NameLine, ...]:
        """The names whose climb has not ended."""
        return tuple(line for line in self.names if line.climbed is None)

    @property
    def passed(self) -> bool:
        """Whether every name passed."""
        return all(line.state == "passed" for line in self.names)


def campaign_document(asked: Asked, record: Record, planned: Planned) -> CampaignDocument:
    """The document of a campaign as its record stands; what was just planned says why a name cannot be climbed."""
    refused = dict(record.refused) | {one.name: one for one in planned.refused}
    lines = tuple(_line(entry, record, refused.get(entry.name)) for entry in planned.entries)
    waiting = [line.entry for line in lines if line.state == "planned"]
    return CampaignDocument(
        campaign=asked.id,
        base=asked.base,
        pinned=asked.pinned,
        former=planned.former,
        names=lines,
        left_alone=planned.left_alone,
        seconds=_sum([entry.estimate.seconds if entry.estimate else None for entry in waiting]),
        usd=_sum([entry.estimate.usd if entry.estimate else None for entry in waiting]),
    )


def _line(entry: Entry, record: Record, refused: Refused | None) -> NameLine:
    climbed = record.climbed.get(entry.name)
    state: State = STATES[climbed.status] if climbed else "refused" if refused else "planned"
    return NameLine(
        entry=entry,
        state=state,
        refused=refused,
        climbed=climbed,
        compared=record.compared.get(entry.name),
        promoted=record.promoted.get(entry.name),
    )


def _sum(spans: Sequence[Span | None]) -> Span | None:
    """None where one of them is not known, or there are none."""
    known = [span for span in spans if span is not None]
    if not known or len(known) < len(spans):
        return None
    whole = known[0]
    for span in known[1:]:
        whole += span
    return whole
