"""What a household spent in a year, and two ways to look it up. Each public function is a tool that the model may call."""

import csv
from pathlib import Path
from typing import Literal

Account = Literal[
    "rent", "groceries", "travel", "books", "phone", "heating", "clothes", "music",
    "water", "gas", "insurance", "pets", "garden", "gifts", "furniture", "repairs",
    "tuition", "sports", "taxes", "car", "cinema", "coffee", "bakery", "dentist"
]  # fmt: skip
Month = Literal[
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"
]  # fmt: skip


def amount(account: Account, month: Month) -> int:
    """What was spent on one account in one month.

    Consequence: read
    """
    return _table()[account][month]


def year(account: Account) -> int:
    """What was spent on one account in the whole year.

    Consequence: read
    """
    return sum(_table()[account].values())


def _table():
    with Path("ledger.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {row["account"]: {month: int(value) for month, value in row.items() if month != "account"} for row in rows}
