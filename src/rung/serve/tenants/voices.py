"""What clients say of answers, as they write it: every field is looked at before anything is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

from rung.json_form import canonical_json
from rung.registry.feedback import Word, new_id
from rung.serve.tenants.words import plain
from rung.serve.types import Feedback, Refused, Tenant

LONGEST_ID, LONGEST_LABEL, LONGEST_COMMENT, LONGEST_CORRECTION, LONGEST_SAID = 200, 100, 10_000, 100_000, 10_000
FIELDS = ("id", "thumb", "score", "correction", "label", "comment", "said")


def word_of(tenant: Tenant, feedback: Feedback) -> Word:
    """What is said, as it is kept. Raises Refused (400) where nothing is said."""
    if feedback.thumb is None and feedback.score is None and feedback.correction is None:
        raise refused_field("thumb", "Feedback needs a thumb, a score or a correction.")
    return Word(
        id=new_id(),
        answer=feedback.answer,
        tenant=tenant.id,
        key=tenant.key,
        thumb=feedback.thumb or "",
        score=feedback.score,
        correction=feedback.correction,
        label=feedback.label,
        comment=feedback.comment,
        said=feedback.said,
    )


def not_yours(answer: str) -> Refused:
    """What whoever speaks of another's answer is told, and of one that there never was: the same."""
    said = f"No answer '{plain(answer, 80)}' of yours is known."
    return Refused(404, said, type="not_found_error", param="id", code="answer_not_found")


def read_feedback(body: Any) -> Feedback:
    """The feedback that a request's JSON holds. Raises Refused (400) with the field that is wrong."""
    if not isinstance(body, Mapping):
        raise refused_field(None, "The body must be a JSON object.")
    for name in body:
        if name not in FIELDS:
            raise refused_field(plain(str(name), 80), f"Unknown field '{plain(str(name), 80)}'. Known: {', '.join(FIELDS)}.")
    answer = _text(body, "id", LONGEST_ID)
    if not answer:
        raise refused_field("id", "The id of the answer is missing: the `id` that it came with.")
    thumb = body.get("thumb")
    if thumb not in (None, "up", "down"):
        raise refused_field("thumb", "A thumb is 'up' or 'down'.")
    said = {} if body.get("said") is None else body["said"]
    if not isinstance(said, Mapping) or len(_json(said)) > LONGEST_SAID:
        raise refused_field("said", f"What is said beside is a JSON object of at most {LONGEST_SAID:,} characters.")
    return Feedback(
        answer=answer,
        thumb=cast(Literal["up", "down"] | None, thumb),
        score=_score(body.get("score")),
        correction=_text(body, "correction", LONGEST_CORRECTION),
        label=plain(_text(body, "label", LONGEST_LABEL) or "", LONGEST_LABEL),
        comment=_text(body, "comment", LONGEST_COMMENT) or "",
        said=said,
    )


def refused_field(param: str | None, said: str) -> Refused:
    """A request whose field is wrong."""
    return Refused(400, said, param=param, code="invalid_value")


def _score(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise refused_field("score", "A score is a number from 0 to 1.")
    return float(value)


def _text(body: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise refused_field(name, f"'{name}' is a text of at most {longest:,} characters.")
    # Half a character and NUL are not text, and no database takes them.
    return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def _json(said: Mapping[str, Any]) -> str:
    try:
        return canonical_json(dict(said)).encode("utf-8").decode("utf-8")
    except (ValueError, TypeError, RecursionError):
        raise refused_field("said", "What is said beside cannot be kept: it is not plain JSON.") from None
