"""Counts of right, wrong, needless and missing calls."""

from __future__ import annotations

import itertools

import pytest

from rung.verify.calls import paired
from rung.verify.tool_use import count_calls


@pytest.mark.parametrize("order", [0, 1])
def test_calls_are_paired_the_best_way_in_any_order(order: int):
    """The first call may be either of the wanted ones, the second only one of them."""
    made = [{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"a": 2}}]
    wanted = [{"name": "f", "arguments": {"a": 1}, "allowed": {"a": [1, 2]}}, {"name": "f", "arguments": {"a": 1}}]
    found = count_calls(made[:: -1 if order else 1], wanted, ())
    assert found == {"right": 2, "wrong_arguments": 0, "wrong_tool": 0, "needless": 0, "missing": 0}


def test_a_wanted_call_is_right_wrong_or_missing_and_a_made_one_right_wrong_or_needless():
    made = [{"name": "f", "arguments": {"a": 9}}, {"name": "h", "arguments": {}}, {"name": "h", "arguments": {}}]
    wanted = [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]
    assert count_calls(made, wanted, ()) == {"right": 0, "wrong_arguments": 1, "wrong_tool": 1, "needless": 1, "missing": 0}
    assert count_calls([], wanted, ())["missing"] == 2


def test_a_matching_is_the_largest():
    for bits in itertools.product((False, True), repeat=9):
        fits = [bits[row : row + 3] for row in (0, 3, 6)]
        most = max(sum(fits[call][goal] for call, goal in enumerate(goals)) for goals in itertools.permutations(range(3)))
        found = paired(fits)
        assert len(found) == most == len(set(found.values()))
        assert all(fits[call][goal] for goal, call in found.items())


def test_a_call_that_no_tool_could_be_given_is_not_one_without_arguments():
    refused = {"name": "g", "arguments": {}, "outcome": "refused", "reason": "wrong arguments: nan is not a number"}
    counts = count_calls([refused], [{"name": "g", "arguments": {}}], ())
    assert counts["right"] == 0 and counts["wrong_arguments"] == 1


def test_arguments_are_compared_exactly_and_names_as_servers_write_them():
    wanted = [{"name": "bank.pay", "arguments": {"amount": "-50.00"}}]
    assert count_calls([{"name": "bank_pay", "arguments": {"amount": "5000"}}], wanted, ())["wrong_arguments"] == 1
    assert count_calls([{"name": "bank_pay", "arguments": {"amount": "-50.00"}}], wanted, ())["right"] == 1
