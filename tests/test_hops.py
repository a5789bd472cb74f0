"""How many calls of ours lie between a command and its work, as docs/architecture.md lists them: counted on a real climb."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "climb"))
from toy import write_toy

import rung
from rung.cli.app import run

PACKAGE = Path(rung.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
ONLY_THE_PROMPT = {
    "r0_linear": {"skip": True},
    "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
    "r4_adapter": {"skip": True},
    "r5_full": {"skip": True},
}
# Where the work is done, whence it is counted, and the most calls in between that the house allows itself.
ROW = ("task/load.py:load_task", "data/load.py:_example", 6)
SCORE = ("cli/commands/climb.py:command", "verify/scorers/choice.py:score", 8)
DECODER = ("cli/commands/answer.py:command", "engine/local/fused.py:hidden", 8)


def name_of(frame: FrameType) -> str | None:
    """`file.py:function` of a function of ours; comprehensions and lambdas are no call."""
    code = frame.f_code
    if not code.co_filename.startswith(str(PACKAGE)) or code.co_name.startswith("<"):
        return None
    return f"{Path(code.co_filename).relative_to(PACKAGE)}:{code.co_name}"


def chains_to(target: str, command: list[str]) -> list[tuple[str, ...]]:
    """The different chains of our calls that led to a function while a command ran."""
    found: dict[tuple[str, ...], None] = {}

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or name_of(frame) != target:
            return
        chain, at = [], frame
        while at:
            if name := name_of(at):
                chain.append(name)
            at = at.f_back  # type: ignore[assignment]
        found.setdefault(tuple(reversed(chain)))

    sys.setprofile(look)
    try:
        assert run(command) == 0
    finally:
        sys.setprofile(None)
    return list(found)


def shortest(chains: list[tuple[str, ...]], start: str, through: str = "") -> tuple[str, ...]:
    return min((chain[chain.index(start) :] for chain in chains if {start, through or start} <= set(chain)), key=len)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    return write_toy(tmp_path_factory.mktemp("hops"), tiny_base, at_least=0.3, noise=0.0, rungs=ONLY_THE_PROMPT)


def test_from_a_row_to_its_example_and_from_a_climb_to_a_score(toy: Path, home: Path) -> None:
    for (start, target, most), through in ((ROW, ""), (SCORE, "verify/judge.py:judge")):
        shutil.rmtree(home)  # else the second climb would only tell what the first has found
        chain = shortest(chains_to(target, ["climb", str(toy)]), start, through)
        assert len(chain) - 1 <= most, " > ".join(chain)
        assert " > ".join(chain) in PAGE.read_text("utf-8")


def test_from_a_question_to_the_decoder(toy: Path, home: Path) -> None:
    assert run(["climb", str(toy)]) == 0
    start, target, most = DECODER
    chain = shortest(chains_to(target, ["answer", "toy", "the box: great"]), start)
    assert len(chain) - 1 <= most, " > ".join(chain)
    assert " > ".join(chain) in PAGE.read_text("utf-8")
