"""From one tiny model to another with another tokenizer: what an adapter had to be made for passes by prompting alone."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from moved import write_task
from tiny import make_tiny_model

from rung.campaign.document import campaign_document
from rung.campaign.plan import Wanted, plan_campaign
from rung.campaign.record import Record
from rung.campaign.run import asked_for, new_base, open_campaign, run
from rung.climb.climb import climb
from rung.climb.registered_base import load_task
from rung.progress import Silent
from rung.registry.home import open_home

SKIP = {"skip": True}
RUNGS = {
    "r0_linear": SKIP,
    "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
    "r4_adapter": {"rank": 4, "epochs": 2, "batch_rows": 8, "learning_rate": 0.02, "dev_rows": 20},
    "r5_full": SKIP,
}


def mostly_negative(task: Path) -> Path:
    """Nine of ten rows: right for whoever leans to that word, as one of the models does, and what an adapter learns at once."""
    file = task.parent / "messages.csv"
    with file.open(newline="") as stream:
        title, *rows = csv.reader(stream)
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [title, *[[text, "positive" if number % 10 == 0 else "negative"] for number, (text, _) in enumerate(rows)]]
        )
    return task


def test_an_adapter_is_retired(tiny_base: Path, home: Path, tmp_path: Path) -> None:
    former = make_tiny_model(tmp_path / "former", marks=("<|mark|>",), seed=3)
    with open_home(write=True) as opened:
        task = mostly_negative(write_task(tmp_path, "tone", str(former), at_least=0.6, rungs=RUNGS))
        before = climb(load_task(task, opened), opened, progress=Silent())
        assert (before.version, before.verdict.rung) == ("tone@1", "r4_adapter"), before.verdict.sentence
        base = new_base(str(tiny_base), opened, Silent())
        asked, wanted = asked_for(base), Wanted()
        planned = plan_campaign(opened, Record(opened, asked.id), base, wanted, Silent())
        [entry] = planned.entries
        assert entry.estimate is not None and entry.estimate.seconds is not None and entry.estimate.whole is not None
        assert entry.estimate.whole.expected > 0
        with (under_way := open_campaign(opened, base, Silent())).lease:
            planned.keep(under_way.record)
            run(under_way, planned.entries, wanted, promoting=True)
        [line] = campaign_document(asked, under_way.record, planned).names
        assert line.climbed is not None and line.compared is not None and line.promoted is not None
        assert line.climbed.said == "prompting alone now passes: retire the adapter of tone@1"
        assert line.compared.rows == line.compared.of > 0
        old, new = line.compared.old, line.compared.new
        assert new is not None and old.added_bytes is not None and old.added_bytes > 1000 and new.added_bytes == 0
        now = opened.candidates.get("tone@2")
        assert now.base_reference.name == str(tiny_base) and not now.adapters
        assert line.promoted.moved, line.promoted.conditions
        assert opened.candidates.get("tone@1").adapters, "what it was stays as it was"
