from collections import Counter

import pytest

from rung.data.balance import balance, changed_mix
from rung.errors import UserError
from rung.types import Example


def rows(*targets):
    return [Example(id=str(n), messages=({"role": "user", "content": str(n)},), target=target) for n, target in enumerate(targets)]


def test_each_target_stands_as_often_as_the_rarest_in_the_order_given():
    examples = rows(*"aaaaaaabbbcccc")
    kept = balance(examples, 0)
    assert Counter(row.target for row in kept) == {"a": 3, "b": 3, "c": 3}
    assert [int(row.id) for row in kept] == sorted(int(row.id) for row in kept)
    assert balance(examples, 0) == kept
    assert balance(examples, 1) != kept


def test_one_target_cannot_be_balanced():
    with pytest.raises(UserError, match="nothing to balance"):
        balance(rows("a", "a"), 0)


def test_what_is_balanced_says_that_its_scores_are_of_another_mix():
    examples = rows(*"aaaaaaabbc")
    finding = changed_mix(examples, balance(examples, 0))
    assert finding.severity == "warning" and finding.count == 7
    assert finding.message.startswith("balanced: 3 of 10 rows are used, each of 3 targets 33.3% of them, where the file has")
    assert 'the file has "a" 70.0%, "b" 20.0%, "c" 10.0%;' in finding.message
    assert "not of the file's" in finding.message
