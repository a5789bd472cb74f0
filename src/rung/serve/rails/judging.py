"""One answer against what its task holds answers to; what cannot be looked at does not hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rung.engine.tools.attended import waiting
from rung.errors import RungError
from rung.line import LineCheck, Serving
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.reply import final_answer, read_reply
from rung.serve.types import Asked
from rung.types import Answer, Bar, Candidate, Example
from rung.verify.admits import admits
from rung.verify.scoring import bind

FORM = "form"
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A check that an answer does not hold to, and why, in words that repeat nothing which must not be said."""

    check: str
    reason: str

    @property
    def hint(self) -> str:
        """What the model is told before it is asked again."""
        return f"Your last answer was turned down ({self.check}: {self.reason}). Answer again so that this does not hold of it."


def breach_of(serving: Serving, asked: Asked, candidate: Candidate, answer: Answer) -> Breach | None:
    """The first check that an answer does not hold to."""
    if answer.fault:
        return None  # there is none: who asked the model tells so
    if serving.form and (found := _misformed(asked, candidate, answer)):
        return found
    row = Example(id=asked.id, messages=asked.messages, tools=asked.tools)
    return next((found for check in serving.checks if (found := _breach(check, row, answer.text))), None)


def _misformed(asked: Asked, candidate: Candidate, answer: Answer) -> Breach | None:
    """An answer that the Candidate's own form does not admit: mostly one that was cut off."""
    constraint = candidate.constraint
    brings_own = asked.constraint is not None or bool(asked.tools)
    if brings_own or not isinstance(constraint, ChoiceConstraint | SchemaConstraint) or waiting(answer.calls):
        return None
    if admits(constraint, final_answer(answer.text, lambda: "").strip()):
        return None
    cut = ", which was cut off at the limit of its length" if answer.finish_reason == "length" else ""
    wanted = "one of its choices" if isinstance(constraint, ChoiceConstraint) else "JSON of its schema"
    return Breach(check=FORM, reason=f"the answer is not {wanted}{cut}")


def _breach(check: LineCheck, row: Example, text: str) -> Breach | None:
    bar = Bar(name=check.name, scorer=check.scorer, config=check.config)
    try:
        scorer = bind(bar)
        scores = [scorer.score(row, part) for part in _parts(text, everywhere=scorer.of_thoughts)]
    except RungError as error:
        return Breach(check=check.name, reason=f"it could not be looked at ({error.problem})")
    for score in scores:
        if score.value is None:
            return Breach(check=check.name, reason=f"it could not be looked at ({score.reason})")
        if score.value < check.at_least - 1e-9:
            return Breach(
                check=check.name, reason=score.reason or f"it scores {score.value:.3g}, at least {check.at_least:g} is asked"
            )
    return None


def _parts(text: str, *, everywhere: bool) -> list[str]:
    """What is looked at: the answer; and where nothing of it may be said anywhere, its thoughts, and what whoever reads it as JSON
    will find behind its escapes."""
    if not everywhere:
        return [text]
    said = [text, *filter(None, [read_reply(text).thought])]
    return [*said, *(plain for part in said if (plain := _ESCAPE.sub(lambda found: chr(int(found[1], 16)), part)) != part)]
