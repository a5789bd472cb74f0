"""The planted-cause worlds on the real 135M model: writes the table of docs/worlds.md, between its two marks.

python benchmarks/worlds.py [world ...] [--out docs/worlds.md]

Everything is kept under RUNG_HOME: what was interrupted goes on where it stopped, what is finished costs nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rung.cli.words import duration
from rung.cli.worlds import climb_worlds, open_worlds
from rung.progress import Silent
from rung.registry.home import open_home

DOCS = Path(__file__).parents[1] / "docs" / "worlds.md"
BEGIN, END = "<!-- table: benchmarks/worlds.py -->\n", "<!-- end of table -->\n"
TITLES = ("world", "planted cause", "named cause", "rung chosen", "cheapest rung", "verdict", "seconds")


def main() -> None:
    worlds = open_worlds()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worlds", nargs="*", default=list(worlds.WORLDS), metavar="world", help=f"of {', '.join(worlds.WORLDS)}")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    outcomes = []
    with open_home(write=True) as home:
        for one in climb_worlds(options.worlds, home, Silent()):
            outcomes.append(one)
            print(f"{one.world}: {one.named}, {one.chosen} ({one.status}), {duration(one.seconds)}", flush=True)
            write(options.out, table(outcomes, worlds.scoring))


def table(outcomes, scoring) -> str:
    rows = [(one.world, one.planted, one.named, one.chosen, one.cheapest, one.status, f"{one.seconds:.0f}") for one in outcomes]
    told = scoring.summary(outcomes)
    causes = f"{told['right_causes']} of {told['climbs']} causes named"
    return f"{scoring.markdown(TITLES, rows)}\n{causes}, {told['false_passes']} false passes, {told['undecided']} undecided.\n"


def write(page: Path, made: str) -> None:
    """The page with the table in the place of the one before."""
    text = page.read_text("utf-8")
    before, rest = text.split(BEGIN)
    page.write_text(before + BEGIN + made + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
