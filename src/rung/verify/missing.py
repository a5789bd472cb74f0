"""Answers that are none: why each has no score, and how many there are of each kind, in words.

An answer is none where a limit cut it off before it said anything, a filter withheld it, or the server failed, refused the
question or sent no text. It is missing: never wrong, never right. A text that a limit cut short is an answer, and so is an empty
one that a model here ended itself: of a server's nobody can tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rung.reply import read_reply
from rung.types import CUT_OFF, FAILED, REFUSED, SILENT, UNHELD, WITHHELD, Answer

# By finish_reason: of one answer, of several.
_TOLD = {
    CUT_OFF: ("was cut off by the limit before it said anything", "were cut off by the limit before they said anything"),
    WITHHELD: ("was withheld by a filter", "were withheld by a filter"),
    FAILED: ("never came: the server failed", "never came: the server failed"),
    REFUSED: ("never came: the server refused the question", "never came: the server refused the questions"),
    UNHELD: ("was given up: it could not be held to its form", "were given up: they could not be held to their form"),
}
MANY = 0.1  # the share of answers that the limit ended from which on it is told
_SILENT = ("came without a text", "came without a text")


def no_answer(answer: Answer) -> str:
    """Why an answer is none; empty where it is one."""
    if not is_none(answer):
        return ""
    return f"no answer: it {_TOLD.get(answer.finish_reason, _SILENT)[0]}" + (f" ({answer.fault})" if answer.fault else "")


def remarks(answers: Sequence[Answer]) -> tuple[str, ...]:
    """How many answers are none, by kind and the most frequent first; how many the limit ended, where that is many; how many are a
    thought that no answer followed.
    """
    kinds = Counter(_TOLD.get(answer.finish_reason, _SILENT) for answer in answers if is_none(answer))
    told = [f"1 answer {one}" if n == 1 else f"{n:,} answers {several}" for (one, several), n in kinds.most_common()]
    told += ended_by_limit(answers)
    thoughts = sum(read_reply(answer.text).only_thought for answer in answers)
    if thoughts:
        are = "1 answer is a thought" if thoughts == 1 else f"{thoughts:,} answers are thoughts"
        told.append(f"{are} without an answer ({thoughts / len(answers):.1%})")
    return tuple(told)


def ended_by_limit(answers: Sequence[Answer]) -> list[str]:
    """What the limit ended, words or thoughts: where it ended many, the setting is wrong, not the model."""
    ended = sum(answer.finish_reason == CUT_OFF for answer in answers)
    if not ended or ended < MANY * len(answers):
        return []
    every = "the answer" if len(answers) == 1 else "every answer"
    what = every if ended == len(answers) else f"{ended:,} of {len(answers):,} answers"
    longest = max((answer.completion_tokens or 0 for answer in answers if answer.finish_reason == CUT_OFF), default=0)
    at = f" at {longest:,} tokens" if longest else ""
    return [f"the limit ended {what}{at}: raise `max_tokens` of the rung that prompts (`rungs` in the task file)"]


def is_none(answer: Answer) -> bool:
    """Whether an answer is none."""
    if answer.fault or answer.finish_reason in (WITHHELD, FAILED, REFUSED, SILENT, UNHELD):
        return True
    return answer.finish_reason == CUT_OFF and not read_reply(answer.text).text.strip()
