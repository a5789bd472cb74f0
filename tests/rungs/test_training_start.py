"""What the adapter and the full fine-tune begin with."""

from __future__ import annotations

from types import SimpleNamespace

from rung.parts import Demonstrations, ToolSet, ToolUse
from rung.rungs.training import training_start
from rung.types import Bar, Candidate, Example, Task


def test_without_a_rung_below_the_longest_target_has_room():
    row = Example(id="a", messages=({"role": "user", "content": "?"},), target="word " * 400, split="train")
    task = Task(name="t", base="b", instruction="Tell.", examples=(row,), quality=Bar(scorer="exact", at_least=0.8))
    context = SimpleNamespace(
        runtime=SimpleNamespace(backend_for=lambda _: SimpleNamespace(reference="b@sha256:00", template="tt"))
    )
    start = training_start("r4_adapter", task, None, context, 50)
    assert (start.rung, start.base, start.template, start.prompt) == ("r4_adapter", "b@sha256:00", "tt", "Tell.")
    assert start.max_tokens >= 1000 and start.parent is None
    parent = Candidate(
        rung="r1_prompt",
        base="b",
        prompt="x",
        demonstrations=Demonstrations(pool="p", k=4),
        max_tokens=9,
        tools=ToolUse(toolset=ToolSet(tools=()), files=None),
    )
    below = training_start("r4_adapter", task, parent, context, 50)
    assert (below.prompt, below.demonstrations, below.max_tokens, below.parent, below.tools) == (
        "Tell.",
        None,
        9,
        parent.id,
        parent.tools,
    )
