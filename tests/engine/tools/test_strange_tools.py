"""Tools as users of other frameworks write them: each runs, or is told why it does not."""

from __future__ import annotations

import pytest

from rung.calls import Call
from rung.engine.tools.box import Box
from rung.engine.tools.declare import Declaration, declare
from rung.errors import UserError

SOURCE = '''
from collections import deque

class Shop:
    @classmethod
    def of_class(cls, n: int) -> int:
        """Of the class."""
        return n + 1

    @staticmethod
    def of_none(n: int) -> int:
        """Of none."""
        return n + 2

of_class = Shop.of_class
of_none = Shop.of_none


class Series:
    """What pandas' rows can do, of two values with one name."""
    index = ("a", "a")
    def to_dict(self):
        return {"a": 2}
    def items(self):
        return zip(self.index, (1, 2))

def gives(what: str):
    loop = {}
    loop["self"] = loop
    return {"loop": loop, "series": Series(), "range": range(3), "queue": deque([1, 2]), "values": {"a": 1}.values()}[what]
'''


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    (folder / "shop.py").write_text(SOURCE)
    tools = declare(Declaration(files=("shop.py",), unattended=("read", "irreversible")), folder)
    calls = [
        *(Call(name="gives", arguments={"what": what}) for what in ("loop", "series", "range", "queue", "values")),
        Call(name="of_class", arguments={"n": 1}),
        Call(name="of_none", arguments={"n": 1}),
    ]
    return Box(tools=tools, files=folder).perform(calls)


def test_methods_of_classes_are_tools(outcomes) -> None:
    assert [made["result"] for made in outcomes[5:]] == [2, 3]


def test_any_sequence_comes_back_as_a_list(outcomes) -> None:
    assert [made["result"] for made in outcomes[2:5]] == [[0, 1, 2], [1, 2], [1]]


def test_what_holds_itself_or_one_name_twice_is_told(outcomes) -> None:
    assert "or holds itself" in outcomes[0]["reason"]
    assert "two of its keys are 'a'" in outcomes[1]["reason"]


def test_why_no_tool_is_left_is_told(tmp_path) -> None:
    (tmp_path / "shop.py").write_text("def price(*items: str) -> int:\n    return 1\n")
    with pytest.raises(UserError, match="the argument 'items' cannot be given by its name"):
        declare(Declaration(files=("shop.py",), leave_out_bad=True), tmp_path)
