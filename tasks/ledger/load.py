"""Questions about ledger.csv, their answers, and the call that leads to each."""

import csv
from pathlib import Path

AMOUNT = (
    "How much was spent on {account} in {month}?",
    "What did {account} cost in {month}?",
    "Tell me the {month} spending on {account}.",
    "In {month}, how much went to {account}?",
)
YEAR = (
    "How much was spent on {account} in the whole year?",
    "What did {account} cost over the year?",
    "Tell me the yearly spending on {account}.",
    "In all twelve months, how much went to {account}?",
    "What is the year's total for {account}?",
)


def rows(fetch):
    """One row a question. Questions about one figure are one group, so that no figure that is asked for stands in two splits."""
    with Path(fetch(str(Path(__file__).parent / "ledger.csv"))).open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for number, line in enumerate(table):
        account = line.pop("account")
        for place, (month, value) in enumerate(line.items()):
            for words in _some(AMOUNT, number + place):
                yield _row(words.format(account=account, month=month), value, "amount", {"account": account, "month": month})
        total = str(sum(map(int, line.values())))
        for words in _some(YEAR, number):
            yield _row(words.format(account=account), total, "year", {"account": account})


def _some(wordings, place):
    """Two ways to ask: more about one figure would tell little more."""
    return wordings[place % len(wordings)], wordings[(place + 2) % len(wordings)]


def _row(question, answer, tool, arguments):
    return {
        "question": question,
        "answer": int(answer),
        "calls": [{"name": tool, "arguments": arguments}],
        "group": " ".join([tool, *arguments.values()]),
    }
