"""How well climbs found what was planted: right causes, false passes, rungs dearer than needed. Pure functions of their records."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.registry.documents import ClimbDocument

from .world import World

LADDER = ("r0_linear", "r1_prompt", "r2_retrieve", "r3_tools", "r4_adapter", "r5_full", "r6_pretrain")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one climb.

    named, planted     the cause that the diagnosis named, and the one that was planted
    chosen, cheapest   the rung that passed, and the cheapest that can; None where none did, or can
    status             of the whole climb: pass, fail, undecided
    could_tell         whether the sample-size card said that this gate passes the cheapest rung with 80% power
    built              the rungs that the climb tried
    truth              the mean score that what passed truly has; None where nothing passed, or it is not known
    """

    world: str
    planted: str
    named: str
    cheapest: str | None
    chosen: str | None
    status: str
    bar: float
    could_tell: bool
    built: tuple[str, ...]
    truth: float | None
    seconds: float

    @property
    def right_cause(self) -> bool:
        """Whether the diagnosis named what was planted."""
        return self.named == self.planted

    @property
    def false_pass(self) -> bool:
        """Whether something passed that is truly below the bar, or that cannot pass."""
        if self.chosen is None:
            return False
        if self.truth is not None:
            return self.truth < self.bar
        return self.cheapest is None or LADDER.index(self.chosen) < LADDER.index(self.cheapest)

    @property
    def regret(self) -> int | None:
        """Steps of the ladder between what was chosen and what would have been enough; None where nothing could pass, or did."""
        if self.chosen is None or self.cheapest is None or self.false_pass:
            return None
        return LADDER.index(self.chosen) - LADDER.index(self.cheapest)

    def as_json(self) -> dict[str, Any]:
        """The record and what follows from it."""
        told = {"right_cause": self.right_cause, "false_pass": self.false_pass, "regret": self.regret}
        return asdict(self) | told


def outcome(world: World, document: ClimbDocument, named: str, truth: float | None, skill: float | None = None) -> Outcome:
    """The record of a climb from its document.

    truth  what the cheapest rung truly scores, or what it scored at the gate; None where it was not judged, so that nothing says
           whether the test split could tell
    skill  the scripted model's; None for a language model, whose truth nobody knows
    """
    chosen = document.verdict.rung
    least = next((line.figures["truth"] for line in document.card if "truth" in line.figures), 1.0)
    return Outcome(
        world=world.name,
        planted=world.cause,
        named=named,
        cheapest=world.rung,
        chosen=chosen,
        status=document.verdict.status,
        bar=world.bar,
        could_tell=truth is not None and truth >= least,
        built=tuple(rung.rung for rung in document.rungs if rung.candidate),
        truth=world.truth(chosen, skill) if chosen and skill is not None else None,
        seconds=document.seconds,
    )


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts over climbs. `dearer`: those that chose a dearer rung than needed, or none, where the test split could tell."""
    told = [one for one in outcomes if one.could_tell and one.cheapest is not None]
    return {
        "climbs": len(outcomes),
        "right_causes": sum(one.right_cause for one in outcomes),
        "false_passes": sum(one.false_pass for one in outcomes),
        "could_tell": len(told),
        "dearer": sum(one.regret is None or one.regret > 0 for one in told),
        "regret": sum(one.regret or 0 for one in told),
        "undecided": sum(one.status == "undecided" for one in outcomes),
    }


def by_world(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """A summary for each world, in the order in which they come."""
    return {name: summary([one for one in outcomes if one.world == name]) for name in dict.fromkeys(one.world for one in outcomes)}


def markdown(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; None is an em dash."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join("—" if cell is None else str(cell) for cell in line) + " |\n" for line in lines)
