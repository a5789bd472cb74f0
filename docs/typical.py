"""Small typical targets for each scorer: what docs/scorers.md is made from, and what the tests hold every scorer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rung.types import Bar, Example
from rung.verify.near_misses.trial import ScorerTrial, try_scorer
from rung.verify.scoring import BoundScorer, bind

ROWS = 48


@dataclass(frozen=True, kw_only=True)
class Typical:
    """Targets of one kind under one scorer. `code` is the user's own file, for a scorer that calls one."""

    title: str
    scorer: str
    targets: Sequence[Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] = ()
    code: str = ""
    accepts: tuple[str, ...] = ()

    def rows(self) -> tuple[Example, ...]:
        """The targets in turn, until there are enough rows for one to be like any other."""
        return tuple(
            Example(
                id=f"row-{number}",
                messages=({"role": "user", "content": f"Case {chr(97 + number % 26)} of today's post, please."},),
                target=self.targets[number % len(self.targets)],
                tools=self.tools,
                source=f"rows.jsonl:{number + 1}",
                split="train",
            )
            for number in range(ROWS)
        )

    def bound(self, folder: Path) -> BoundScorer:
        """The scorer, settled on these rows. `folder` is where its file is written."""
        if self.code:
            (folder / "own.py").write_text(self.code, "utf-8")
        scorer = bind(Bar(scorer=self.scorer, config=self.settings), folder if self.code else None)
        return bind(Bar(scorer=self.scorer, config=scorer.settle(self.rows(), folder).settings()), folder if self.code else None)

    def trial(self, folder: Path) -> ScorerTrial:
        """What the scorer makes of made-up answers to these rows."""
        return try_scorer(self.bound(folder), self.rows(), bar=Bar(scorer=self.scorer, accepts=self.accepts))


def _tool(name: str, required: Sequence[str], **properties: str) -> Mapping[str, Any]:
    parameters = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(required),
    }
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = (
    _tool("book_table", ("place", "people"), place="string", people="integer", time="string"),
    _tool("pay", ("amount", "account"), amount="string", account="string"),
    _tool("close", ()),
)
RECEIPTS = tuple(
    {"vendor": vendor, "total": total, "day": day, "account": account, "note": note}
    for vendor, total, day, account, note in (
        ("Arbor Foods", 12.5, "2024-03-05", "00417702", None),
        ("Bell & Sons", -3.25, "2024-11-02", "00935518", "paid in cash at the counter"),
        ("Corner Shop", 118.0, "2024-06-09", "07120034", "collected by a neighbour on Friday"),
        ("Dale Hardware", 7.75, "2023-12-07", "00008841", None),
    )
)
LISTS = (["salt", "oil"], ["oil", "flour"], ["flour", "eggs", "salt"])
OWN = "def right(example, answer):\n    return answer.strip() == example['target']\n"

TYPICAL: tuple[Typical, ...] = (
    Typical(title="words", scorer="choice", targets=("positive", "negative", "neutral")),
    Typical(title="letters", scorer="choice", targets=("A", "B", "C", "D")),
    Typical(title="numbers", scorer="choice", targets=("1", "2", "3", "4", "5")),
    Typical(title="nested labels", scorer="choice", targets=("spam", "not spam", "spam, maybe")),
    Typical(title="labels with signs", scorer="choice", targets=("C", "C++", "C#", ".NET")),
    Typical(title="identifiers", scorer="exact", targets=("00501", "10024", "00977", "94016")),
    Typical(title="short texts", scorer="exact", targets=("310 g", "2 kg", "Paris", "15:30"), settings={"ignore_case": True}),
    Typical(title="short texts", scorer="contains", targets=("310 g", "14 days", "Rome", "15:30"), accepts=("all choices named",)),
    Typical(title="lists of texts", scorer="contains", targets=LISTS, settings={"match": "all"}, accepts=("all choices named",)),
    Typical(title="any of a list", scorer="exact", targets=LISTS, settings={"match": "any"}),
    Typical(title="all of a list", scorer="exact", targets=LISTS, settings={"match": "all"}),
    Typical(title="all of a list in its order", scorer="exact", targets=LISTS, settings={"match": "in_order"}),
    Typical(title="sets of labels", scorer="labels", targets=(*LISTS, [], ["salt"])),
    Typical(title="sets of labels, with marks", scorer="labels", targets=("late; broken, or worn", "late", "dear; late", "dear")),
    Typical(title="numbers", scorer="numeric", targets=("1234.5", "-7", "9876543210", "40", "0.5")),
    Typical(title="amounts", scorer="numeric", targets=("$1,250.00", "$310", "$4.75", "$18")),
    Typical(
        title="numbers, within a tolerance", scorer="numeric", targets=("100", "250", "400", "725"), settings={"relative": 0.05}
    ),
    Typical(title="dates", scorer="date", targets=("2024-03-05", "2024-11-02", "2023-12-07", "2024-06-30")),
    Typical(title="dates, the day first", scorer="date", targets=("05/03/2024", "02/11/2024", "07/12/2023", "30/06/2024")),
    Typical(title="dates with times", scorer="date", targets=("2026-01-05T15:30", "2026-02-11T08:00", "2026-03-04T00:00")),
    Typical(title="objects", scorer="json_fields", targets=RECEIPTS),
    Typical(
        title="objects with times and lists",
        scorer="json_fields",
        targets=(
            {"at": "2026-01-05T15:30", "who": ["Ann", "Ben"], "seats": 2},
            {"at": "2026-02-11T08:00", "who": ["Cem"], "seats": 1},
            {"at": "2026-03-04T12:15", "who": ["Ann", "Dee", "Eli"], "seats": 3},
        ),
    ),
    Typical(title="objects", scorer="json_schema", targets=RECEIPTS),
    Typical(
        title="calls",
        scorer="tool_call",
        targets=(
            [{"name": "book_table", "arguments": {"place": "Sal's, Rome", "people": 4, "time": "19:30"}}],
            [{"name": "pay", "arguments": {"amount": "-50.00", "account": "00417"}}],
            [{"name": "pay", "arguments": {"amount": "12.50", "account": "0042"}}, {"name": "close", "arguments": {}}],
            [],
        ),
        tools=TOOLS,
    ),
    Typical(
        title="sentences",
        scorer="overlap",
        targets=("the gate opens at nine on all days", "it weighs 310 g with its case", "call 555 0142 before the 5th of May"),
    ),
    Typical(title="answers from documents", scorer="cited", targets=("at nine", "310 g", "room 14", "not in the documents")),
    Typical(
        title="after a mark", scorer="regex", targets=("#### 12", "#### -7", "#### 1250"), settings={"pattern": r"#### (-?\d+)"}
    ),
    Typical(title="a form", scorer="regex", targets=("12 May", "3 June", "30 July"), settings={"pattern": r"^\d{1,2} [A-Z]\w+$"}),
    Typical(title="no forbidden word", scorer="forbidden", targets=("310 g", "Rome", "at nine"), settings={"words": ["damn"]}),
    Typical(title="no personal data", scorer="personal_data", targets=("310 g", "Rome", "room 14")),
    Typical(title="a length", scorer="length", targets=("310 g", "Rome", "at nine"), settings={"characters": 400}),
    Typical(title="your own function", scorer="python", targets=("yes", "no"), settings={"function": "own.py#right"}, code=OWN),
)  # fmt: skip
