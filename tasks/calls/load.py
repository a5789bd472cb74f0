"""Rows of the Berkeley function-calling benchmark in which exactly one call is right, from the data files in its package.

Patil et al., "The Berkeley Function Calling Leaderboard", 2025; Apache-2.0. Only the data is taken; the package is never installed.
"""

import json

PACKAGE = "pip:bfcl-eval==2026.3.23"
FILES = ("simple_python", "live_simple", "multiple", "live_multiple")
# The answer key of these rows contradicts the functions offered: no answer could be right.
UNANSWERABLE = ("live_simple_106-63-0", "live_simple_112-68-0", "live_multiple_862-181-3", "live_multiple_964-207-0")
# Some rows offer dozens of functions; this task keeps to those that a prompt of some 600 tokens holds.
CHARACTERS = 2500


def rows(fetch):
    """One row a question: `question`, the functions offered, and the calls that are right with every allowed value."""
    folder = fetch(PACKAGE) / "bfcl_eval" / "data"
    for name in FILES:
        questions = _lines(folder / f"BFCL_v4_{name}.json")
        answers = {answer["id"]: answer["ground_truth"] for answer in _lines(folder / "possible_answer" / f"BFCL_v4_{name}.json")}
        for question in questions:
            calls = answers[question["id"]]
            if len(calls) != 1 or len(question["question"]) != 1 or question["id"] in UNANSWERABLE:
                continue
            if len(json.dumps(question["function"])) > CHARACTERS:
                continue
            yield {
                "id": question["id"],
                "messages": question["question"][0],
                "tools": question["function"],
                "target": calls,
                # Rows about one function are variations of each other.
                "group": next(iter(calls[0])),
            }


def _lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
