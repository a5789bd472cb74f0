"""What the adapter and the full fine-tune begin with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rung import plugins
from rung.parts import Demonstrations, ToolSet, ToolUse
from rung.rungs.base import rung_named
from rung.rungs.settings import setting_problems
from rung.rungs.training import train_config, training_start
from rung.task.positions import error_in
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
    assert (below.prompt, below.demonstrations, below.max_tokens) == ("Tell.", None, 9)
    assert (below.parent, below.tools) == (parent.id, parent.tools)


def adapter_settings(tmp_path: Path, given: dict) -> Task:
    """A task with these settings of the adapter rung; `setting_problems` is what a climb begins with."""
    path = tmp_path / "task.yaml"
    path.write_text("rungs: {r4_adapter: {}}\n", "utf-8")
    bar = Bar(scorer="exact", at_least=0.8)
    return Task(
        name="t", base="b", instruction="", examples=(), quality=bar, seed=7, settings={"r4_adapter": given}, path=str(path)
    )


@pytest.mark.parametrize("kind", plugins.names("adapter_kinds"))
def test_the_adapter_rung_trains_any_kind_of_adapter(tmp_path: Path, kind: str):
    given = {"method": kind, "epochs": 3, "dev_rows": 30, "target_modules": ["v_proj", "down_proj"]}
    assert setting_problems(adapter_settings(tmp_path, given)) == []
    settings = rung_named("r4_adapter").settings_kind(given).model_validate(given)
    config = train_config(adapter_settings(tmp_path, given), settings, objective="sft")
    assert (config.method, config.epochs, config.seed, config.too_long) == (kind, 3, 7, "drop")
    assert config.method_settings.target_modules == ("v_proj", "down_proj")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rank": 0}, "rank"),
        ({"rnk": 8}, "Did you mean 'rank'"),
        ({"method": "lorra", "rank": 8}, "no kind of adapter is called 'lorra'. Did you mean 'lora'"),
        ({"method": "full"}, "no kind of adapter is called 'full'"),
    ],
)
def test_settings_that_the_method_does_not_have_are_told_before_anything_runs(tmp_path: Path, given: dict, said: str):
    problems = setting_problems(adapter_settings(tmp_path, given))
    told = error_in(str(tmp_path / "task.yaml"), problems).message
    assert said in told
    assert "unknown key 'rank'" not in told


def test_without_settings_of_a_method_nothing_heavy_is_loaded(tmp_path: Path):
    script = (
        "import sys; from rung.rungs.base import rung_named; given = {'epochs': 1, 'method': 'lora'}\n"
        "rung_named('r4_adapter').settings_kind(given).model_validate(given)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
