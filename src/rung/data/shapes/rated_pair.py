"""Two answers to one question and which is better: {"prompt", "response_a", "response_b", "winner"}, or scores of both."""

from __future__ import annotations

import re
from typing import Any

from rung.data.inferred import Inference
from rung.data.read.rows import Row, RowError
from rung.data.shapes.answered import conversation_of
from rung.data.shapes.asked import asked_of, question_key
from rung.data.shapes.conversation import filled, split_answer
from rung.data.shapes.parts import LeftOut, Parts, tools_of
from rung.data.shapes.turns import holds_turns

TITLE = "rated pair"
ORDER = 14
EXAMPLE = '{"prompt", "response_a", "response_b", "winner"}'
FIELDS = ("prompt", "question", "instruction", "winner", "preference", "preferred", "better")
WINNER_KEYS = (
    *(
        "winner",
        "preference",
        "preferred",
        "better",
        "best",
        "better_response",
        "better_response_id",
        "better_answer",
        "preferred_response",
    ),
    *("human_preference", "overall_preference", "choice", "label"),
)
_ANSWER = re.compile(
    r"(?P<stem>responses?|answer|completion|output|reply|summary|conversation|candidate|assistant)[ _-]?(?P<which>[aAbB012])"
)
_SCORE = re.compile(r"(?P<stem>score|rating|reward|votes)[ _-]?(?P<which>[aAbB012])")
TIE = re.compile(r"\b(tie[ds]?|equal|both|neither|same|draw|none)\b", re.IGNORECASE)
TIED = "rows in which neither answer is better"


def fits(row: Row) -> bool:
    """Whether the row has two answers and says which is better; a question stands beside them, or in both conversations."""
    pair = _numbered(row, _ANSWER)
    if pair is None or not all(row[key] is None or isinstance(row[key], str) or holds_turns(row[key]) for key in pair.values()):
        return False
    asked = question_key(_without(row, pair)) is not None or all(holds_turns(row[key]) for key in pair.values())
    return asked and (_winner_key(row) is not None or _numbered(row, _SCORE) is not None)


def convert(row: Row) -> Parts:
    """The better answer is the target, the other one kept beside it. Ties are left out."""
    pair = _numbered(row, _ANSWER) or {}
    better = _better(row, tuple(pair))
    worse = next(which for which in pair if which != better)
    named = _winner_key(row) or " and ".join((_numbered(row, _SCORE) or {}).values())
    note = Inference(
        about="target", taken=f"the better of {' and '.join(pair.values())}", because=f"{named} says which it is", change=""
    )
    good, bad = row[pair[better]], row[pair[worse]]
    if question_key(_without(row, pair)) is None:
        (asked, target), (_, rejected) = (split_answer(conversation_of(value).messages) for value in (good, bad))
        return Parts(messages=asked, target=target, tools=tools_of(row), rejected=rejected, inferences=(note,))
    asked, notes = asked_of(_without(row, pair))
    return Parts(messages=asked, target=_said(good), tools=tools_of(row), rejected=_said(bad), inferences=(*notes, note))


def _without(row: Row, pair: dict[str, str]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in pair.values()}


def _said(value: Any) -> Any:
    return split_answer(conversation_of(value).messages)[1] if holds_turns(value) else filled(value, "an answer")


def _numbered(row: Row, pattern: re.Pattern[str]) -> dict[str, str] | None:
    """The two fields of one stem, `a` and `b` or the lower and the higher number, to their names; None unless just two."""
    stems: dict[str, dict[str, str]] = {}
    for key in row:
        if found := pattern.fullmatch(key.casefold()):
            stems.setdefault(found["stem"], {})[found["which"]] = key
    pairs = [found for found in stems.values() if "".join(sorted(found)) in ("ab", "01", "12")]
    return dict(sorted(pairs[0].items())) if len(pairs) == 1 else None


def _winner_key(row: Row) -> str | None:
    names = {key.casefold(): key for key in row}
    return next((names[key] for key in WINNER_KEYS if key in names and isinstance(row[names[key]], (str, int, float))), None)


def _better(row: Row, which: tuple[str, ...]) -> str:
    """Which of the two it is. Raises LeftOut for a tie and RowError for a word that names neither."""
    key = _winner_key(row)
    if key is None:
        return _by_score(row, which)
    said = str(row[key]).strip().casefold()
    said = str(int(float(said))) if re.fullmatch(r"\d+\.0", said) else said
    if TIE.search(said):
        raise LeftOut(TIED)
    last = re.fullmatch(r"(?:\D*[ _-])?(?P<which>[ab012])", said)
    if last and last["which"] in which:
        return last["which"]
    if last and last["which"] in ("0", "1", "2") and which == ("a", "b"):
        raise RowError(f"{key} is {said}, which may be either of {' and '.join(which)}")
    raise RowError(f"{key} is '{said}', which names neither of the two answers")


def _by_score(row: Row, which: tuple[str, ...]) -> str:
    scores = _numbered(row, _SCORE) or {}
    try:
        first, second = (float(row[scores[name]]) for name in which)
    except (KeyError, TypeError, ValueError):
        raise RowError("the two answers have no two scores that are numbers") from None
    if first == second:
        raise LeftOut(TIED)
    return which[0] if first > second else which[1]
