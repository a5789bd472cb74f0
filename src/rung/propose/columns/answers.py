"""How far a column looks like the answer: by what it is called, and by whether what stands in it could be one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_uppercase

from rung.propose.columns import words
from rung.propose.columns.column import Column
from rung.propose.columns.words import Name
from rung.verify.label_sets import is_set_of_few

# Of a name's word, and of what stands in the column; a column is proposed from LEAST on, and named as a runner-up from RUNNER_UP.
LEAST = 1.0
RUNNER_UP = 5.0
FIRM = 5.0  # a name that says answer whatever the cells look like
LONGEST_NUMBERS = 8  # of a list, from which on it is a vector
ASKED_FOR = 6.5  # of what is SQL
WEIGHTS = (
    (frozenset(("intent", "intents")), 7.0),
    *((words.LABEL, 6.0), (words.MADE, 6.0), (words.ANSWER, 5.5), (words.CLASS, 5.0), (words.KIND, 4.0), (words.FAINT, 2.0)),
)
SHOWN = 0.5  # share of rows from which on a value "stands in the text"
_SQL = re.compile(
    r"[\s({]*(?:--[^\n]*\n\s*)*(select|with\s+\w+\s+as|insert\s+into|update\s+\w+|delete\s+from|match\s*\()\b", re.IGNORECASE
)


def answer_score(column: Column, texts: Mapping[str, Column], question: Column | None) -> float:
    """How much speaks for a column as the answer to `question`; 0 or less where it can be none.

    texts  the columns that are read, this one among them or not
    """
    if column.filled < 2 or len(column.values) < 2 or is_beside(column):
        return 0.0
    by_name = _named(column)
    if is_sql(column) and len(texts) > 1:
        by_name = max(by_name, ASKED_FOR)
    score = by_name + _by_cells(column, by_name)
    if question is None:
        return score
    if by_name < FIRM and _stands_in(column, question) >= SHOWN:
        return 0.0
    return score + _fits_question(column, question)


def is_beside(column: Column) -> str:
    """Why a column is neither question nor answer, whatever else is there; "" where nothing says so."""
    called, look = column.called, column.look
    aside = called.has(words.NEVER) or (called.head in words.ASIDE and not _is_coded_class(column))
    reasons = {
        "it is empty": not column.filled,
        "every row has the same": len(column.values) == 1 and column.filled == column.rows,
        "it holds lists of numbers": look == "numbers" and _longest(column) > LONGEST_NUMBERS,
        "it holds dates": look == "date" and not _weight(called),
        "it holds addresses or names of files": look == "link" and not _weight(called),
        f"it is called {column.name}": aside,
        "it numbers the rows": _counts_rows(column),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def names_answer(called: Name) -> bool:
    """Whether the name says answer, and no word of it says question."""
    said = called.head in words.ANSWER | words.MADE | words.LABEL | words.CLASS
    return said and called.head not in words.QUESTION | words.TEXT | words.HEADLINE | words.CONTEXT


def _is_coded_class(column: Column) -> bool:
    """class_id, label_idx, Class Name: what a class is called, by number or in words."""
    called = column.called
    head = called.head in words.CODED | words.IN_WORDS
    before = called.known - {called.head}
    return head and bool(before & (words.LABEL | words.CLASS | words.KIND | words.ANSWER)) and column.is_closed_set


def _weight(called: Name) -> float:
    """What the words of a name say for its being the answer; the last word most, in the usual languages."""
    head, rest = called.head, called.known - {called.head}
    weight = _word_weight(called, head)
    if head in words.CODED and rest:
        weight = max((_word_weight(called, word) for word in rest), default=0.0) - 0.7
    elif head in words.IN_WORDS and rest:
        weight = max((_word_weight(called, word) for word in rest), default=0.0) + (0.3 if not rest & words.GOLDEN else 0.0)
    elif not weight:
        weight = max((_word_weight(called, word) for word in rest), default=0.0) - 1.5
    if not called.known:
        weight = 0.0
    alone = not rest - words.QUALIFIERS - {word for word in rest if len(word) == 1}
    if head in words.KIND | words.CLASS | words.JUDGEMENT and rest & words.META:
        return max(weight - 2.0, 0.0)
    return max(weight + (1.0 if alone and weight >= 5.0 else 0.0), 0.0)


def _word_weight(called: Name, word: str) -> float:
    return next((weight for known, weight in WEIGHTS if word in known or (not word.isascii() and Name(word).has(known))), 0.0)


def _named(column: Column) -> float:
    """The name's weight, where what stands in the column can be what the name says."""
    called, weight = column.called, _weight(column.called)
    head = called.head
    if not weight:
        return 0.0
    if column.look == "text" and not column.is_closed_set:
        golden = called.has(words.GOLDEN)
        only_class = head in (words.CLASS | words.KIND | words.FAINT) - words.GOLDEN
        return weight if golden and not only_class else 0.0
    if head in words.KIND | words.FAINT and not (
        column.is_closed_set or column.look in ("list", "object", "mark") or column.is_measured
    ):
        return 0.0
    if column.is_closed_set and head in ("response", "responses", "reply") and len(called.words) > 1 and column.look != "text":
        return min(weight, 3.0)
    return weight


def _by_cells(column: Column, by_name: float) -> float:
    """What the cells say: few different values, an object, marks."""
    if column.look in ("mark", "object"):
        return 1.5 if column.look == "mark" else 2.0
    if column.look == "number":
        return 1.0 if by_name else 1.2 * (column.is_closed_set and not column.is_measured)
    named = 0.5 * bool(by_name)
    if column.look == "list":
        lists = [[str(item) for item in value] for value in column.lists if isinstance(value, list)]
        return 2.0 if is_set_of_few(lists) else named
    if _are_letters(column):
        return 3.0
    few = len(column.values) <= 0.2 * column.filled + 2
    return (2.0 if few else 1.5) if column.is_closed_set else named


def _are_letters(column: Column) -> bool:
    """Whether the values are A, B, C ...: what names an option."""
    found = sorted(value.upper() for value in column.values)
    return 3 <= len(found) <= 10 and found == list(ascii_uppercase[: len(found)])


def _fits_question(column: Column, question: Column) -> float:
    """Names that belong together: what a review is worth, what a dialogue or an article comes to."""
    heads = question.called.known
    if heads & words.JUDGED and column.called.has(words.RATED):
        return 1.5
    made = column.look == "text"
    longer = len("".join(question.present)) > 1.3 * len("".join(column.present))
    if made and longer and column.called.head in words.HEADLINE & words.MADE:
        return 2.0
    return 1.0 if column.called.head in ("response", "completion", "output") and heads & {"instruction", "prompt"} and made else 0.0


def _stands_in(column: Column, question: Column) -> float:
    """Share of rows whose value stands in the text of the question."""
    pairs = [(a, b) for a, b in zip(column.texts, question.texts, strict=True) if a and b]
    found = sum(len(value) > 1 and value.casefold() in text.casefold() for value, text in pairs)
    return found / max(len(pairs), 1)


def is_sql(column: Column) -> bool:
    """Whether the cells are queries of a database."""
    return column.look in ("text", "long words") and sum(bool(_SQL.match(text)) for text in column.present) >= 0.8 * len(
        column.present
    )


def _longest(column: Column) -> int:
    return max((len(value) for value in column.lists if value is not None), default=0)


def _counts_rows(column: Column) -> bool:
    """Whether a column without a saying name holds the numbers 0, 1, 2 ... of the rows, or a different code for each."""
    if column.called.known and not column.called.is_placed:
        return False
    return (
        column.look in ("number", "code name")
        and column.distinct > 0.98
        and column.filled > 20
        and not any(value % 1 for value in column.numbers)
    )
