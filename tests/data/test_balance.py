from collections import Counter

import pytest

from rung.data.balance import balance
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
