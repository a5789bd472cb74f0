"""Which columns are what is asked: the one that is read, and those that belong to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from rung.data.shapes.columns import Columns
from rung.data.shapes.question import shown_name
from rung.propose.columns import words
from rung.propose.columns.answers import is_beside, is_sql, names_answer
from rung.propose.columns.column import Column, bare

SAME = 0.8  # share of rows, from which on two columns say the same
MOST_OPTIONS = 10
LOOKED_UP = frozenset(("domain", "url", "name", "word", "term", "host"))
ALIKE = 1.3  # as long as the other


def question_score(column: Column) -> float:
    """How much a column looks like what is read first: long, mostly different, text, and called so."""
    if is_beside(column) or not _can_be_read(column):
        return 0.0
    chars = sum(map(len, column.present)) / max(len(column.present), 1)
    return max(0.01, 2.0 + named_as_question(column) + min(math.log10(max(chars, 1)), 3) + column.distinct)


def named_as_question(column: Column) -> float:
    """What a column's name says for its being what is read; less than nothing where it says something else."""
    called = column.called
    asked = called.known & (words.QUESTION | words.TEXT)
    named = 2.0 * bool(called.head in words.QUESTION | words.TEXT or _wide(called.text)) or 1.0 * bool(asked)
    named += 0.5 * bool(called.head in words.CONTEXT) + 0.3 * bool(called.head in words.HEADLINE)
    if column.look == "code name":
        named = min(named, 0.0)  # what is looked up is not read, whatever it is called
    named -= 4.0 * names_answer(called) + 0.7 * bool(called.known & words.CLEANED)
    named -= 2.5 * is_sql(column)
    named -= 3.0 * (bool(called.known & words.SOMEONE) and called.head in words.ABOUT_SOMEONE)
    return named


def looked_up(columns: Mapping[str, Column], targets: Sequence[str]) -> Column | None:
    """Where no column is read: the one that holds words, names or addresses that differ, or that is called a text."""
    found = []
    for column in columns.values():
        called = column.called
        if column.name in targets or called.head in ("id", "uid", "uuid", "index", "date") or names_answer(called):
            continue
        looks = {
            "text": words.TEXT,
            "words": None,
            "long words": None,
            "link": None,
            "code name": words.QUESTION | words.TEXT | LOOKED_UP,
        }
        wanted = looks.get(column.look, frozenset())
        different = column.distinct >= 0.3 and column.filled > 2
        if (called.head in words.TEXT and column.look in looks) or (different and (wanted is None or called.has(wanted))):
            found.append(column)
    return found[0] if len(found) == 1 else None


def _wide(text: str) -> bool:
    return any(word in text for word in words.TEXT | words.QUESTION if ord(word[0]) >= 0x2E80)


def _can_be_read(column: Column) -> bool:
    """Text, or short but different phrases under a name that says text; filled for the most part."""
    if column.share_filled < 0.5 or column.look not in ("text", "words", "long words", "code name", "list"):
        return False
    if column.look == "list":
        return all(_are_messages(value) for value in column.lists[:50] if value is not None)
    named = column.called.has(words.QUESTION | words.TEXT | words.CONTEXT | words.HEADLINE)
    different = column.distinct >= (0.02 if column.mean_words >= 5 else 0.2)
    return different and (
        column.look == "text" or (column.distinct >= 0.3 and (named or column.look == "long words" or column.mean_words > 1.5))
    )


def _are_messages(value: object) -> bool:
    """Whether a list holds messages, within another list too."""
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, dict) and bool(value.keys() & {"content", "value", "role"})


def is_whole(column: Column, columns: Mapping[str, Column]) -> bool:
    """Whether a column holds two other texts of its row and more: the row as it was once rendered, its answer in it."""
    if column.look != "text":
        return False
    held = 0
    for other in columns.values():
        if other is column or other.look != "text":
            continue
        pairs = [(bare(a), bare(b)) for a, b in zip(other.texts, column.texts, strict=True) if a and b]
        held += bool(pairs) and sum(a in b and len(b) > len(a) for a, b in pairs) >= SAME * len(pairs)
    return held >= 2


def companions(main: Column, target: Sequence[Column], columns: Mapping[str, Column]) -> tuple[dict[str, Column], dict[str, str]]:
    """The columns that are asked together with `main`, in the file's order; and why others are not, where there is a reason."""
    free = {name: column for name, column in columns.items() if column not in target}
    options = options_of(free, main, target)
    taken = {name: column for name, column in free.items() if column is main or _belongs(column, main, target, free)}
    why: dict[str, str] = {}
    for name in [name for name in taken if taken[name] is not main and name not in options]:
        if reason := _repeats(taken[name], [column for other, column in taken.items() if other != name], target):
            why[name] = reason
            del taken[name]
    together = {name for name in (*taken, *options)}
    return {name: column for name, column in columns.items() if name in together}, why


def _belongs(column: Column, main: Column, target: Sequence[Column], free: Mapping[str, Column]) -> bool:
    """Whether a column is part of the question, by its name, or where names say nothing by being read."""
    called = column.called
    if _names_schema(column, target):
        return True
    about_someone = bool(called.known & words.SOMEONE) and called.head in words.ABOUT_SOMEONE
    if is_beside(column) or column.share_filled < 0.2 or about_someone:
        return False
    if is_sql(column):
        return False  # a query is asked for, or it is what is read: it stands beside no other question
    if column.look in ("object", "list"):
        return called.head == "context" or (called.head in words.OPTION and not names_answer(called))
    return _is_sibling(column, main) or _names_aspect(column, target) or _is_part(column, main, free)


def _is_part(column: Column, main: Column, free: Mapping[str, Column]) -> bool:
    """Whether a column is read too, under a name that says so; or under none, where names only count the columns."""
    called = column.called
    if called.is_placed or main.called.is_placed:
        return column.look == "text" and column.distinct > 0.2
    if column.look not in ("text", "long words") and column.mean_words <= 1.5:
        return False
    if called.head in words.HEADLINE and column.distinct < 0.3 and any(map(_asks_about, free.values())):
        return False
    known = called.has(words.QUESTION | words.TEXT | words.CONTEXT | words.HEADLINE) and not names_answer(called)
    long = 3 if called.head in words.QUESTION else 5  # words, from which on a few texts may come back in many rows
    return known and column.distinct >= (0.002 if column.mean_words >= long else 0.05)


def _asks_about(column: Column) -> bool:
    """Whether a column is a question, or a text that questions are about: a title that is shared then names the document."""
    return column.called.head in words.CONTEXT | words.QUESTION and column.look == "text"


def _is_sibling(column: Column, main: Column) -> bool:
    """sentence1 and sentence2, text_a and text_b: one kind of thing, told apart by a number or a letter."""
    (stem, mark), (other, own) = column.called.member, main.called.member
    apart = bool(stem and mark and own) and stem == other and mark != own and not column.called.is_placed
    if apart:
        return column.look in ("text", "words", "long words")
    # sent_more and sent_less: one word in front, and of one length.
    begins = len(column.called.words) > 1 and column.called.words[:1] == main.called.words[:1] and not names_answer(column.called)
    alike = 1 / ALIKE <= column.mean_words / max(main.mean_words, 1) <= ALIKE
    return begins and alike and column.look == main.look == "text" and not column.called.has(words.CLEANED)


def _names_aspect(column: Column, target: Sequence[Column]) -> bool:
    """Of what the sentiment or stance is asked: an aspect, a topic that the text may be for or against."""
    judged = any(answer.called.known & frozenset(("sentiment", "stance", "polarity", "label")) for answer in target)
    sharp = words.ASPECTS - (
        {"topic", "keyword", "attribute"} if not any("stance" in answer.called.known for answer in target) else set()
    )
    return judged and column.called.head in sharp and column.look in ("words", "long words", "text") and column.distinct < 0.9


def _names_schema(column: Column, target: Sequence[Column]) -> bool:
    """The database, or its tables, that a query is asked of."""
    sql = any(is_sql(answer) for answer in target)
    return sql and bool(column.called.known & {"db", "database", "schema", "table", "tables", "ddl"}) and column.look != "numbers"


def options_of(free: Mapping[str, Column], main: Column, target: Sequence[Column]) -> dict[str, str]:
    """The columns that hold the options of a choice: name -> its letter or number; empty where there are none.

    Told by names that differ in a letter or number alone (A to D, option_a, choice1), or, where columns have no names, by as many
    short columns in a row as the answer has letters.
    """
    stems: dict[str, dict[str, str]] = {}
    for name, column in free.items():
        stem, mark = column.called.member
        if mark and column is not main and column.look not in ("object", "list", "numbers"):
            stems.setdefault(stem, {})[mark] = name
    for stem, marked in stems.items():
        head = stem.replace("_", " ").split()[-1] if stem else ""
        known = not stem or head in words.OPTION - {"sentence"}
        if (
            known
            and _runs(tuple(marked))
            and _answers_by(target, tuple(marked), [free[name] for name in marked.values()], bool(stem))
        ):
            return {name: mark for mark, name in sorted(marked.items())}
    return _options_by_place(free, main, target)


def _runs(marks: tuple[str, ...]) -> bool:
    """Whether the marks are A, B, C ... or 1, 2, 3 ... from their beginning."""
    if not 2 <= len(marks) <= MOST_OPTIONS:
        return False
    letters, numbers = set(ascii_uppercase[: len(marks)]), {str(at) for at in range(len(marks))}
    return set(marks) in (letters, numbers, {str(int(number) + 1) for number in numbers})


def _answers_by(target: Sequence[Column], marks: Sequence[str], options: Sequence[Column], is_named: bool) -> bool:
    """Whether the answer names an option, by its mark, its place, its column's name or its text; without such a name it must."""
    if len(target) != 1:
        return False
    values = {value.casefold() for value in target[0].values}
    places = {str(at) for at in range(len(marks) + 1)}
    by_mark = values <= {mark.casefold() for mark in marks} | places or values <= {option.name.casefold() for option in options}
    rows = list(zip(target[0].texts, *[option.texts for option in options], strict=True))
    by_text = sum(row[0] is not None and row[0] in row[1:] for row in rows) >= SAME * max(len(rows), 1)
    return by_mark or by_text or (is_named and not target[0].is_closed_set and len(values) > 10)


def _options_by_place(free: Mapping[str, Column], main: Column, target: Sequence[Column]) -> dict[str, str]:
    if len(target) != 1 or not target[0].called.is_placed:
        return {}
    letters = sorted(value.upper() for value in target[0].values)
    short = [
        name
        for name, column in free.items()
        if column is not main and column.called.is_placed and column.filled and not is_beside(column)
    ]
    if len(letters) < 2 or "".join(letters) != ascii_uppercase[: len(letters)] or len(short) != len(letters):
        return {}
    return dict(zip(short, letters, strict=True))


def _repeats(column: Column, others: Sequence[Column], target: Sequence[Column]) -> str:
    """Why a column adds nothing to the others: it says the same, it stands in one of them, or it holds the answer; else ""."""
    for other in others:
        if _is_sibling(column, other):
            continue
        pairs = [(bare(a), bare(b)) for a, b in zip(column.texts, other.texts, strict=True) if a and b]
        same = sum(a == b for a, b in pairs)
        if pairs and same >= SAME * len(pairs):
            return f"it says the same as {other.name}"
        inside = sum(a in b for a, b in pairs if len(a) > 8)
        if pairs and inside >= 0.9 * len(pairs):
            return f"it stands in {other.name}"
        if pairs and column.called.known & words.CLEANED and _shared_words(column, other) >= 0.7:
            return f"it says the same as {other.name}, in other words or fewer"
    # Of options the answer is one.
    lists_options = column.look in ("list", "object") and column.called.head in words.OPTION
    for answer in () if lists_options else target:
        pairs = [(a.casefold(), b.casefold()) for a, b in zip(column.texts, answer.texts, strict=True) if a and b and len(b) > 3]
        if len(pairs) > 4 and answer.is_closed_set and sum(b in a for a, b in pairs) >= 0.95 * len(pairs):
            return f"it holds the answer ({answer.name})"
        if len(pairs) > 4 and answer.mean_words > 6 and sum(b in a for a, b in pairs) >= SAME * len(pairs):
            return f"it holds the answer ({answer.name})"
    return ""


def _shared_words(column: Column, other: Column) -> float:
    """Share of a column's words that stand in another's."""
    shares = []
    for a, b in zip(column.texts, other.texts, strict=True):
        if a and b and (own := set(a.casefold().split())):
            shares.append(len(own & set(b.casefold().split())) / len(own))
    return sum(shares) / max(len(shares), 1)


def as_written(inputs: Mapping[str, Column], options: Mapping[str, str]) -> Columns:
    """`columns.input`: the one column, a list, or, where options are called otherwise than by their letters, a mapping."""
    names = tuple(inputs)
    if len(names) == 1:
        return Columns(input=names[0])
    if all(options[name] == name for name in names if name in options):
        return Columns(input=names)
    return Columns(input={options.get(name) or shown_name(name): name for name in names})
