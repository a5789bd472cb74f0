"""Every kind of near miss by name: what it is, and how it is made of a row. A row for which nothing is made does not contain it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rung.verify.near_misses import code, numbers, parts, replies
from rung.verify.near_misses.material import Material, other_ideals


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of near miss. `by_chance`: the share of rows in which it may be right by chance, so that fewer are no fault."""

    name: str
    make: Callable[[Material], Iterator[str]]
    by_chance: float = 0.0

    @property
    def told(self) -> str:
        """What it is, in words."""
        return (self.make.__doc__ or "").strip()


NEAR_MISSES: tuple[Kind, ...] = (
    Kind(name="digit changed", make=numbers.digit_changed),
    Kind(name="zeros dropped", make=numbers.zeros_dropped),
    Kind(name="sign dropped", make=numbers.sign_dropped),
    Kind(name="sign added", make=numbers.sign_added),
    Kind(name="decimal point moved", make=numbers.point_moved),
    Kind(name="unit changed", make=numbers.unit_changed),
    Kind(name="day and month swapped", make=numbers.day_and_month_swapped),
    Kind(name="time changed", make=numbers.time_changed),
    Kind(name="item dropped", make=parts.item_dropped),
    Kind(name="item added", make=parts.item_added),
    Kind(name="items reordered", make=parts.items_reordered),
    Kind(name="field missing", make=parts.field_missing),
    Kind(name="field invented", make=parts.field_invented),
    Kind(name="field filled in", make=parts.field_filled_in),
    Kind(name="field changed", make=parts.field_changed),
    Kind(name="argument missing", make=parts.argument_missing),
    Kind(name="argument invented", make=parts.argument_invented),
    Kind(name="argument changed", make=parts.argument_changed),
    Kind(name="other function", make=parts.other_function),
    Kind(name="call missing", make=parts.call_missing),
    Kind(name="call too many", make=parts.call_too_many),
    Kind(name="no call", make=parts.no_call),
    Kind(name="comparison turned", make=code.comparison_turned),
    Kind(name="operator changed", make=code.operator_changed),
    Kind(name="number changed", make=code.number_changed),
    Kind(name="empty body", make=code.empty_body),
    Kind(name="other label", make=replies.other_label),
    Kind(name="label inside another", make=replies.label_inside_another),
    Kind(name="label inside a word", make=replies.label_inside_a_word),
    Kind(name="all choices named", make=replies.all_choices_named),
    Kind(name="negation", make=replies.negation),
    Kind(name="citation missing", make=replies.citation_missing),
    Kind(name="citation added", make=replies.citation_added),
    Kind(name="other row's target", make=parts.other_rows_target),
    Kind(name="refusal", make=replies.refusal),
    Kind(name="empty answer", make=replies.empty_answer),
    # A question may hold its own answer, alone among all that could be one.
    Kind(name="question echoed", make=replies.question_echoed, by_chance=0.2),
    Kind(name="only a thought", make=replies.only_a_thought),
)
KIND_NAMES = tuple(kind.name for kind in NEAR_MISSES)


def white_space(given: Material) -> Iterator[str]:
    """White space around it."""
    yield f"  {given.ideal}\n\n"


def thought_before(given: Material) -> Iterator[str]:
    """A thought about other answers comes before it."""
    other = next(other_ideals(given), "something else")
    yield f"<think>\nIt could be: {other}\n</think>\n\n{given.ideal}"


def case(given: Material) -> Iterator[str]:
    """Capitals where it has none, and the other way round."""
    if (text := given.ideal.swapcase()).casefold() == given.ideal.casefold() and text != given.ideal:
        yield text


def code_fence(given: Material) -> Iterator[str]:
    """It stands in a code fence."""
    yield f"```{'json' if given.ideal.startswith(('{', '[')) else ''}\n{given.ideal}\n```"


def sentence(given: Material) -> Iterator[str]:
    """A sentence says it."""
    yield f"The answer is: {given.ideal}" if given.ideal.startswith(("{", "[")) else f"The answer is {given.ideal}."


REWORDINGS: tuple[Kind, ...] = (
    Kind(name="white space", make=white_space),
    Kind(name="thought before", make=thought_before),
    Kind(name="case", make=case),
    Kind(name="code fence", make=code_fence),
    Kind(name="sentence", make=sentence),
)
