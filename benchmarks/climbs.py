"""How often does a whole climb pass something wrongly? Climbs of rungs that all stand exactly at the bar, by the climb's own code.

    python benchmarks/climbs.py [--climbs 200] [--again 1] [--rungs 3] [--rows 300] [--shared 0.0] [--winner] [--write]

Each climb is `rung.climb.climb.climb` in a home of its own: preflight, the ledger, the loop, the gate with its looks, cheaper
forms, registration. What answers is a function that is right on a row with the probability of the bar; the rungs only name who is
asked.

--again N   N climbs one after the other on the same test rows, with another instruction each; counts homes in which any passed
--shared S  the share of rows on which all rungs and all climbs answer alike
--winner    the second rung is truly far above the bar, and its cheaper form, without demonstrations, at the bar: a wrong pass is
            then one of the first rung, or of that form
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from statistics_page import put

from rung import plugins
from rung.climb.climb import climb
from rung.climb.diagnosis.probe import probes
from rung.engine.demos import pool_bytes
from rung.parts import Demonstrations
from rung.progress import Silent
from rung.registry.documents import ClimbDocument
from rung.registry.home import open_home
from rung.rungs.asks import Foreseen
from rung.rungs.base import BuildContext, ladder
from rung.task.load import load_task
from rung.types import Candidate, Task

BAR = 0.8
MODEL = """
import hashlib
BAR, SHARED, WINNER = {bar}, {shared}, {winner}
def drawn(*words):
    return int.from_bytes(hashlib.blake2b(" ".join(words).encode(), digest_size=7).digest(), "big") / 2**56
def model(request):
    who, asked = request["messages"][0]["content"], request["messages"][-1]["content"]
    shown = len(request["messages"]) > 2
    family = who.split()[0]
    if WINNER and "rung1" in who and shown:
        return "right"
    alike = drawn(family, asked, "alike?") < SHARED
    draw = drawn(family, asked, "all") if alike else drawn(who, asked, str(shown))
    return "right" if draw < BAR else "wrong"
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is simulated; see the options."""

    rungs: int
    rows: int
    shared: float
    winner: bool

    def write(self, folder: Path) -> Path:
        """The task file of one climb."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.py").write_text(MODEL.format(bar=BAR, shared=self.shared, winner=self.winner))
        splits = {"train": 10, "dev": 10, "test": self.rows}
        rows = [f'{{"q": "{name} {number}", "a": "right", "split": "{name}"}}' for name, n in splits.items() for number in range(n)]
        (folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
        file = folder / "task.yaml"
        file.write_text(
            "name: at-the-bar\nbase: scripted:model.py#model\ninstruction: Answer.\n"
            "data: {examples: rows.jsonl, columns: {input: q, target: a, split: split}}\n"
            f"quality: {{scorer: exact, at_least: {BAR}}}\n"
        )
        return file


def install(rungs: int) -> None:
    """A ladder of rungs that only name who is asked, in the place of ours."""
    made = {f"rung{number}": _rung(f"rung{number}", number) for number in range(rungs)}
    names, load = plugins.names, plugins.load
    plugins.names = lambda slot: tuple(made) if slot == "rungs" else () if slot == "probes" else names(slot)  # type: ignore[assignment]
    plugins.load = lambda slot, name: made[name] if slot == "rungs" else load(slot, name)  # type: ignore[assignment]
    ladder.cache_clear()
    probes.cache_clear()


def _rung(name: str, order: int) -> ModuleType:
    def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
        backend = context.runtime.backend_for(task.base)
        pool = context.blobs.put_bytes(pool_bytes(task.split("train"), lambda row: str(row.target)))
        shown = Demonstrations(pool=pool, k=2)
        return Candidate(rung=name, base=backend.reference, prompt=f"{task.instruction} {name}", demonstrations=shown)

    module = ModuleType(name)
    known = {"applies": lambda task: "", "build": build, "foresee": lambda *_: Foreseen(asks=())}
    vars(module).update(ORDER=order, TITLE=name, UNDO="", CHEAP=True, **known)
    return module


def wrong(document: ClimbDocument, setting: Setting) -> bool:
    """Whether the climb passed something that stands at the bar."""
    if document.verdict.rung is None:
        return False
    if not setting.winner or document.verdict.rung != "rung1":
        return True
    return any(form.held for form in document.cheaper)


def climbed(task: Task, home: Path, family: str, again: int, setting: Setting) -> bool:
    """Whether any of `again` climbs on the same rows passed something wrongly."""
    found = False
    for number in range(again):
        with open_home(home, write=True) as opened:
            document = climb(replace(task, instruction=f"family{family} climb{number}"), opened, progress=Silent())
        found = found or wrong(document, setting)
    return found


def simulate(setting: Setting, climbs: int, again: int) -> int:
    """How many homes of `climbs` saw a wrong pass."""
    install(setting.rungs)
    errors = 0
    with TemporaryDirectory() as folder:
        task = load_task(setting.write(Path(folder)), Path(folder))
        for number in range(climbs):
            with TemporaryDirectory() as home:
                errors += climbed(task, Path(home), str(number), again, setting)
    return errors


def main() -> None:
    from scipy.stats import beta

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--climbs", type=int, default=200)
    parser.add_argument("--again", type=int, default=1)
    parser.add_argument("--rungs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--shared", type=float, default=0.0)
    parser.add_argument("--winner", action="store_true")
    parser.add_argument("--write", action="store_true", help="write what came out into docs/statistics.md")
    chosen = parser.parse_args()
    setting = Setting(rungs=chosen.rungs, rows=chosen.rows, shared=chosen.shared, winner=chosen.winner)
    started = time.monotonic()
    errors = simulate(setting, chosen.climbs, chosen.again)
    rest = chosen.climbs - errors
    low, high = beta.ppf([0.025, 0.975], [max(errors, 1e-9), errors + 1], [rest + 1, max(rest, 1e-9)])
    times = f"{chosen.again} climbs on the same rows" if chosen.again > 1 else "a climb"
    share = f"{errors / chosen.climbs:.2%} ({low:.2%} to {high:.2%})"
    told = f"{errors} of {chosen.climbs} times {times} passed something wrongly: {share}"
    print(told)
    if chosen.write:
        put("climbs", f"{told}.")
    print(f"{chosen.rungs} rungs, {chosen.rows} test rows, alpha 5%, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
