"""Near misses of a whole reply: a refusal, nothing, the question again, a negation, every choice at once, a thought alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from rung.engine.retrieval.context import citations, without_citations
from rung.verify.near_misses.material import Material, other_ideals, same

MOST_NEGATED_WORDS = 5


def refusal(given: Material) -> Iterator[str]:
    """The answer refuses."""
    return _wrong(given, "I'm sorry, but I cannot help with that.")


def empty_answer(given: Material) -> Iterator[str]:
    """The answer is empty."""
    return _wrong(given, "")


def question_echoed(given: Material) -> Iterator[str]:
    """The answer is what was asked."""
    return _wrong(given, given.question) if given.question.strip() else iter(())


def negation(given: Material) -> Iterator[str]:
    """The answer says that it is not so."""
    words = given.ideal.split()
    if (
        given.calls
        or words[:1] in (["not"], ["Not"])
        or not 0 < len(words) <= MOST_NEGATED_WORDS
        or not re.match(r"\w.*[^\W\d_]{2}", given.ideal)
    ):
        return
    yield from _wrong(given, f"not {given.ideal}")
    yield from _wrong(given, f"It is not {given.ideal}.")


def all_choices_named(given: Material) -> Iterator[str]:
    """The answer names every choice."""
    if given.labels:
        yield from _wrong(given, ", ".join(given.labels))
        yield from _wrong(given, "It is " + " or ".join(given.labels) + ".")


def other_label(given: Material) -> Iterator[str]:
    """Another of the labels."""
    rights = (given.ideal, *given.rights())
    cased = "case" not in given.scorer.harmless  # then a label in other capitals is another label
    others = [
        label for label in given.labels if not same(label, *rights) or (cased and label.strip() not in map(str.strip, rights))
    ]
    return iter(given.draw.sample(others, min(2, len(others))))


def label_inside_another(given: Material) -> Iterator[str]:
    """A label that the right one stands in, or that stands in the right one."""
    mine = given.ideal.casefold()
    nested = [label for label in given.labels if label.casefold() in mine or mine in label.casefold()]
    return islice((label for label in nested if not same(label, given.ideal, *given.rights())), 2)


def label_inside_a_word(given: Material) -> Iterator[str]:
    """A longer word that the label is a part of."""
    # In scripts that write no spaces a word may stand beside another.
    if given.labels and re.fullmatch(r"[^\W_\u0590-\U0010ffff]+", given.ideal):
        yield f"{given.ideal}{'xq' if given.ideal[-1].isalpha() else '7'}"


def citation_missing(given: Material) -> Iterator[str]:
    """The answer without what it should cite."""
    if citations(given.ideal):
        yield without_citations(given.ideal).strip()


def citation_added(given: Material) -> Iterator[str]:
    """A passage is cited, too, that does not hold the answer."""
    if citations(given.ideal):
        yield from (f"{given.ideal} [{shown['id']}]" for shown in given.example.shown[-1:])


def only_a_thought(given: Material) -> Iterator[str]:
    """The right answer stands in the reasoning alone: nothing follows, it is not closed, or what follows is wrong."""
    if given.wants_no_call or not given.ideal.strip():
        return
    yield f"<think>\nPerhaps: {given.ideal}\n</think>\n"
    yield f"<think>\nPerhaps: {given.ideal}"
    wrong = (text for text in other_ideals(given) if given.ideal.casefold() not in text.casefold())
    for text in islice(wrong, 1):
        yield f"<think>\n{given.ideal}\n</think>\n{text}"


def _wrong(given: Material, text: str) -> Iterator[str]:
    if not given.wants_no_call and not same(text, given.ideal, *given.rights()):
        yield text
