"""How often dev is asked, and how many rows: by what the steps have computed, whatever the clock says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from toys import settings

from rung.train.batches import computed_tokens
from rung.train.dev import SHARE, STEP_TOKENS, Turns, tokens_of_a_row
from rung.train.loop import make_order
from rung.train.rows import EncodedRow


def rows_of(count: int, length: int, answer: int) -> list[EncodedRow]:
    """Alike in their first five tokens, and no two in the sixth."""
    return [EncodedRow((1, 2, 3, 4, 5, 100 + index, *range(length)), 6 + length - answer) for index in range(count)]


def turns(rows: list[EncodedRow], **chosen: object) -> tuple[Turns, int]:
    """And how many steps there are."""
    config = settings(**chosen)
    order = make_order(rows, config)
    return Turns(rows, order, config), order.steps


@bounded(max_examples=20, deadline=None, derandomize=True)
@given(
    st.integers(1, 400),
    st.integers(4, 60),
    st.integers(1, 3),
    st.sampled_from([1, 16, 700]),
    st.floats(0.3, 4),
    st.integers(2, 128),
)
def test_dev_takes_less_than_a_tenth_of_the_steps(count: int, length: int, answer: int, batch: int, epochs: float, least: int):
    """However much of what it may ask it asks; but for what a run without two comparisons' worth of steps is given."""
    rows = rows_of(count, length, 2)
    given_turns, steps = turns(rows, batch_rows=batch, epochs=epochs)
    spent, asked = 0, []
    for step in range(1, steps + 1):
        allowed = given_turns.allowed(step, spent, least)
        if allowed is not None:
            asked.append(step)
            spent += allowed
    assert asked[-1] == steps
    taken = spent * tokens_of_a_row(rows)
    order = make_order(rows, settings(batch_rows=batch, epochs=epochs))
    computed = sum(computed_tokens([rows[index] for index in order.at(step)]) for step in range(steps))
    assert taken <= max(0.1 * STEP_TOKENS * computed, 2 * least * tokens_of_a_row(rows) + SHARE * STEP_TOKENS * computed)


def test_a_long_run_is_asked_at_every_turn_and_a_short_one_at_its_middle_and_end():
    long, steps = turns(rows_of(1000, 40, 2), epochs=2)
    assert [step for step in range(1, steps + 1) if long.allowed(step, 0, 40) is not None] == [32, 63, 94, 126]
    short, steps = turns(rows_of(60, 40, 2), epochs=2)
    assert [short.allowed(step, 0, 128) for step in range(1, steps + 1)] == [None, None, None, 128, None, None, None, 128]


def test_what_was_asked_before_is_paid_for():
    run, _ = turns(rows_of(1000, 40, 2), epochs=2)
    free = run.allowed(94, 0, 2)
    assert free and run.allowed(94, 50, 2) == free - 50
    assert run.allowed(94, free, 2) is None


def test_a_resumed_run_is_told_the_same():
    rows = rows_of(300, 20, 2)
    one, steps = turns(rows)
    told = [one.allowed(step, step, 30) for step in range(1, steps + 1)]
    other, _ = turns(rows)
    assert [other.allowed(step, step, 30) for step in range(steps, 0, -1)] == told[::-1]


def test_long_answers_cost_more_of_what_may_be_asked():
    short, long = (turns(rows_of(400, 40, answer))[0].allowed(50, 0, 2) for answer in (1, 30))
    assert short and long and short > 2 * long
