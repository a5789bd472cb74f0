"""Makes docs/models.md: every family of the tests' table, measured on a tiny random model of its own configuration.

Two minutes of a processor (`make models`); the tests hold the page to what they measure.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("", "engine/local", "engine/local/families", "train")]

from measure import Bench, Measured  # noqa: E402
from table import EVERY, Family  # noqa: E402

from rung.disk import write_whole  # noqa: E402

PAGE = Path(__file__).parent / "models.md"
HEAD = """<!-- Made by docs/models.py (`make models`). Do not edit. -->

# Models

What a `base:` on this machine may be: any causal decoder that transformers computes. It is computed in one of three ways:

| way | which | how |
|---|---|---|
| fused | Llama and what is shaped like it | our own decoder: merged products, a shared prefix read once |
| hooked | every other one that takes another attention | transformers' code, our attention: a prefix read once, no padding |
| plain | no such attention, states instead of keys, own code | that code and `generate`, nothing shared: slower, and it is said |

Of a model that sees images too, the part that reads and writes text is loaded, and answers; nothing is done to its eyes.
Code that came with a model runs with your leave alone: [task-file.md](task-file.md#base-code-that-came-with-a-base).

Refused by name: models that read what follows (BERT, XLNet), encoder-decoders, and code that came with a base and has no leave.

`python benchmarks/other_family.py` climbs the tone task on Gemma 3 270M (a GGUF of Q4_K_M out of packages, hooked; 200 rows to
train on, 160 to prove on, bar 65%). On two cores of an AMD EPYC with bfloat16 instructions, in 2 minutes 36 s: the prompt failed
at 41.7% (26.7 to 64.4%), LoRA passed at 76.4% (at least 66.0%), and half its rank too.

Each family below was measured on a tiny random model of its own configuration, with what its real models have switched on (a window
is shorter than the rows), against transformers and PEFT on the same folder, in float32:

- **logits**: the largest difference at any position, alone and behind a shared prefix;
- **greedy**: answers of unlike length behind one system prompt that are equal to `generate`'s, token for token;
- **choices**: the largest difference of a choice's log-probability, of choices of several tokens;
- **LoRA step**: the difference of the loss, and the largest of any new A or B, after one AdamW step on all linear modules;
- **JSON**: answers held to a JSON schema that are equal to a loop without cache under the same grammar.

| `model_type` | way | with | logits | greedy | choices | LoRA step | JSON |
|---|---|---|---|---|---|---|---|
"""
ROW = re.compile(r"^\| `([\w-]+)` \| (?:fused|hooked|plain) \|")


def row_of(family: Family, found: Measured) -> str:
    """One line of the page."""
    greedy, held = (f"{equal} of {of}" for equal, of in (found.greedy, found.json))
    step = f"{power(found.loss)}, {power(found.step)}"
    cells = (f"`{family.kind}`", found.path, family.has, power(found.logits), greedy, power(found.choices), step, held)
    return f"| {' | '.join(cells)} |"


def power(difference: float) -> str:
    """The power of ten that it stays under."""
    return f"< 1e{max(-5, math.floor(math.log10(max(difference, 1e-12))) + 1)}"


@dataclass(frozen=True)
class Page:
    """The page as it stands, by family."""

    rows: dict[str, str]

    @classmethod
    def read(cls) -> Page:
        lines = PAGE.read_text("utf-8").splitlines()
        return cls({found[1]: line for line in lines if (found := ROW.match(line))})

    def holds(self, family: Family, found: Measured) -> bool:
        """Whether the page says this; a difference may be ten times what it was on another machine."""
        said, now = (_parts(row) for row in (self.rows.get(family.kind, ""), row_of(family, found)))
        return said[0] == now[0] and all(new <= old + 1 for new, old in zip(now[1], said[1], strict=True))


def _parts(row: str) -> tuple[str, list[int]]:
    return re.sub(r"< 1e-?\d+", "<", row), [int(digits) for digits in re.findall(r"< 1e(-?\d+)", row)]


def main() -> None:
    """Measures every family and writes the page."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for family in EVERY:
            found = Bench(family, Path(folder) / family.kind).measured()
            if not found.equal:
                sys.exit(f"{family.kind} is not equal: {found}")
            lines.append(row_of(family, found))
            print(lines[-1], flush=True)
    write_whole(PAGE, HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
