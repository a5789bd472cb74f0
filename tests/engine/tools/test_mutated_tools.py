"""A tool file that works, with one thing wrong: every tool answers as it should, or the file is refused in words."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rung.calls import Call
from rung.engine.tools.box import Box
from rung.engine.tools.declare import Declaration, declare
from rung.parts import CallLimits
from tests.mutations import Mutation, check_refused_or_right, some

SOURCE = '''"""A shop's tools."""
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Price:
    item: str
    cents: int


def price(item: str, count: int = 1) -> Price:
    """The price of some items.

    Consequence: read
    """
    prices = json.loads(Path("prices.json").read_text("utf-8"))
    return Price(item, prices[item] * count)
'''
SAID = Declaration(files=("tools.py",), beside=("prices.json",), limits=CallLimits(seconds=20.0))


def text(old: str, new: str, name: str, **more) -> Mutation:
    assert old in SOURCE
    return Mutation(name=name, apply=lambda folder, _: (folder / "tools.py").write_text(SOURCE.replace(old, new), "utf-8"), **more)


def to_bytes(name: str, content: bytes, **more) -> Mutation:
    return Mutation(name=name, apply=lambda folder, _: (folder / "tools.py").write_bytes(content), **more)


def _cut(folder: Path, draw: random.Random) -> None:
    lines = SOURCE.splitlines(keepends=True)
    (folder / "tools.py").write_text("".join(lines[: draw.randrange(12, 15)]), "utf-8")


MUTATIONS = [
    text("item: str, count", "item, count", "no annotation", says=("price", "'item'"), only="refused"),
    text("item: str, count", "*item: str, count", "stars", says=("price", "'item'"), only="refused"),
    text("item: str, count", "item: str, /, count", "by place alone", says=("price", "'item'"), only="refused"),
    text("item: str, count", "item: 'Sting', count", "unknown annotation", says=("price", "Sting"), only="refused"),
    text("item: str, count", "item: Path(), count", "a value as annotation", says=("price",), only="refused"),
    text("count: int = 1", "count: int = 'one'", "a default of another type", only="right"),
    text("count: int = 1", "_count: int = 1, count: int = 1", "an argument that begins with an underscore", only="right"),
    text("count: int = 1", "model_config: int = 1, count: int = 1", "an argument that pydantic keeps for itself", only="right"),
    text("Consequence: read", "Consequence: reads", "misspelt consequence", says=("price", "reads"), only="refused"),
    text("Consequence: read", "It reads.", "no consequence", says=("price",), only="refused"),
    text("def price", "def _price", "nothing public", only="refused"),
    text("def price", "@__import__('functools').cache\ndef price", "cached", only="right"),
    text("def price", "async def price", "asynchronous", only="right"),
    text("return Price(", "yield Price(", "a generator"),
    text("import json", "import jsn", "a misspelt import", says=("jsn",), only="refused"),
    text("import json", "import json\n__all__ = ['prices']", "a list of other names", says=("prices",), only="refused"),
    text("import json", "import json\nprint('loaded' * 100000)", "prints when it is imported", only="right"),
    text("import json", "import json\nraise SystemExit(0)", "ends when it is imported", only="refused"),
    text("    item: str\n", "    item: str = 3\n    def __post_init__(self): pass\n", "a field's default", only="refused"),
    text("    return Price(", "\treturn Price(", "a tab among spaces", only="refused"),
    text("items.", "items \N{EM DASH} caf\N{LATIN SMALL LETTER E WITH ACUTE}.", "words beyond ASCII", only="right"),
    to_bytes("byte order mark", b"\xef\xbb\xbf" + SOURCE.encode(), only="right"),
    to_bytes("Windows line ends", SOURCE.replace("\n", "\r\n").encode(), only="right"),
    to_bytes("Latin-1 without a declaration", SOURCE.replace("items.", "items: caf\xe9.").encode("latin-1"), only="refused"),
    to_bytes("a null byte", SOURCE.encode() + b"\0", only="refused"),
    to_bytes("empty", b"", only="refused"),
    Mutation(name="cut off", apply=_cut),
    Mutation(name="a folder in its place", apply=lambda folder, _: ((folder / "tools.py").unlink(), (folder / "tools.py").mkdir())),
    Mutation(name="a file beside is missing", apply=lambda folder, _: (folder / "prices.json").unlink(), only="refused"),
]


@pytest.mark.parametrize("mutation", some(MUTATIONS, 14))
def test_a_tool_file_with_one_thing_wrong(tmp_path, mutation) -> None:
    (tmp_path / "tools.py").write_text(SOURCE, "utf-8")
    (tmp_path / "prices.json").write_text('{"lamp": 250}', "utf-8")
    mutation(tmp_path)

    def act() -> dict:
        box = Box(tools=declare(SAID, tmp_path), files=tmp_path)
        return box.perform([Call(name="price", arguments={"item": "lamp", "count": 2.0})])[0]

    def right(said: dict) -> None:
        """A call that cannot give its result says so to the model."""
        plain = {"item": "lamp", "cents": 500}
        assert (said["outcome"] == "ran" and said["result"] in (plain, [plain])) or (
            said["outcome"] == "failed" and said["reason"]
        ), said
        assert mutation.only != "right" or said["outcome"] == "ran", said

    check_refused_or_right(mutation, act, right)
