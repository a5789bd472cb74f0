"""A server that is attacked: a linear model and a function under it, with bounds that a test can wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attack_wire import Wire
from serving_home import linear_base, register, serving

from rung.registry.home import Home, open_home
from rung.serve.limits import Limits
from rung.serve.opening import Settings, open_door
from rung.types import Candidate

SCRIPT = "def answer(request):\n    return 'you said ' + request['messages'][-1]['content'][:50]\n"
BOUNDS = Limits(body_s=2.0, header_s=3.0, answer_s=20.0)


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """It, its home, and lines to it."""

    wire: Wire
    home: Home
    limits: Limits


def fill(home: Home) -> None:
    """Two names: `spam`, a linear model, and `echo`, a function."""
    (home.path / "model.py").write_text(SCRIPT)
    from rung.engine.bases.resolve import resolve

    base = resolve(f"scripted:{home.path}/model.py#answer", home.path).pinned
    register(home, "spam", Candidate(rung="r0_linear", base=linear_base(home)))
    register(home, "echo", Candidate(rung="r1_prompt", base=base, prompt="", max_tokens=64))


@contextmanager
def under_attack(folder: Path, limits: Limits = BOUNDS) -> Iterator[Attacked]:
    """A server over a new home, in this process."""
    with open_home(folder, write=True) as home:
        fill(home)
        with serving(open_door(home, Settings(limits=limits))) as running:
            yield Attacked(wire=Wire(port=running.port), home=home, limits=limits)
