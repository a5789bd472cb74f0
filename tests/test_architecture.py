"""The tree keeps its shape: layers, no circles, a light start, short files, plug-ins that fit. Each check is shown to fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click
import house
import house_names
import pytest

from rung import plugins
from rung.cli.app import commands

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "rung"
NOT_FOR_HELP = ("torch", "transformers", "scipy", "sklearn", "numpy", "pydantic", "sqlalchemy", "httpx", "rich", "yaml")


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A copy of the package, to plant a violation in."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "rung", ignore=shutil.ignore_patterns("__pycache__")))


def plant(package: Path, file: str, text: str) -> None:
    target = package / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text + (target.read_text("utf-8") if target.exists() else ""), "utf-8")


def said(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)


def test_the_scan_sees_the_whole_package() -> None:
    files = house.modules(PACKAGE)
    assert len(files) == len(list(PACKAGE.rglob("*.py"))) > 30
    assert {"rung", "rung.types", "rung.cli", "rung.registry.home"} <= set(files)
    assert len(house.imports(PACKAGE)) > 300


def test_no_two_test_files_have_one_name() -> None:
    """pytest takes test files by their bare names: of two that share one, the second is not run."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_layers() -> None:
    problems = house.layer_violations(PACKAGE)
    assert not problems, said(problems)


@pytest.mark.parametrize(
    ("file", "line", "why"),
    [
        ("engine/up.py", "from rung.climb import decide\n", "engine must not import climb"),
        ("engine/late.py", "def f():\n    from rung.climb import decide\n", "engine must not import climb"),
        ("engine/side.py", "import rung.registry.home\n", "engine must not import registry"),
        ("data/named.py", "import importlib\nimportlib.import_module('rung.engine.chat')\n", "data must not import engine"),
        (
            "report/typed.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rung.cli import app\n",
            "report must not import cli",
        ),
        ("verify/relative.py", "from ..train import loop\n", "verify must not import train"),
        ("types.py", "import numpy\n", "layer 0 imports the standard library only"),
        ("attic/app.py", "import json\n", "'attic' is in no layer"),
    ],
)
def test_a_planted_layer_violation_is_seen(planted: Path, file: str, line: str, why: str) -> None:
    plant(planted, file, line)
    problems = house.layer_violations(planted)
    assert len(problems) == 1, said(problems)
    assert why in problems[0]
    assert problems[0].startswith(f"{planted / file}:")


def test_no_cycles() -> None:
    problems = house.cycles(PACKAGE)
    assert not problems, said(problems)


def test_a_planted_cycle_is_seen(planted: Path) -> None:
    plant(planted, "registry/one.py", "from rung.registry import two\n")
    plant(planted, "registry/two.py", "def f():\n    from rung.registry.three import g\n")
    plant(planted, "registry/three.py", "import rung.registry.one\n")
    assert house.cycles(planted) == [
        "rung.registry.one -> rung.registry.two -> rung.registry.three -> rung.registry.one\n"
        f"  {planted}/registry/one.py:1: from rung.registry import two"
    ]


def test_heavy_packages_are_imported_where_they_are_needed() -> None:
    problems = house.heavy_imports(PACKAGE)
    assert not problems, said(problems)


@pytest.mark.parametrize("line", ["import torch\n", "from scipy.stats import beta\n", "from rung.train import loop\n"])
def test_a_planted_heavy_import_is_seen(planted: Path, line: str) -> None:
    plant(planted, "verify/heavy.py", line)
    plant(planted, "verify/light.py", "def f():\n    " + line)
    assert [problem.split(":")[0] for problem in house.heavy_imports(planted)] == [str(planted / "verify" / "heavy.py")]


def test_help_imports_nothing_heavy() -> None:
    script = "import sys; from rung.cli.app import run; run(['--help']); print(*sys.modules, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.splitlines())
    assert "rung.cli.commands.climb" in loaded
    assert not [name for name in NOT_FOR_HELP if name in loaded]


def test_files_and_functions_are_short() -> None:
    problems = [line for part in ("src", "tests", "docs", "benchmarks", "tasks") for line in house.limit_violations(ROOT / part)]
    assert not problems, said(problems)


def test_a_planted_long_file_and_function_are_seen(planted: Path) -> None:
    plant(planted, "registry/long.py", "x = 1\n" * (house.MAX_FILE_LINES + 1))
    plant(planted, "registry/wide.py", "def f():\n" + "    x = 1\n" * house.MAX_FUNCTION_LINES)
    assert [problem.removeprefix(str(planted)) for problem in house.limit_violations(planted)] == [
        f"/registry/long.py:1: {house.MAX_FILE_LINES + 1} lines, at most {house.MAX_FILE_LINES}",
        f"/registry/wide.py:1: f has {house.MAX_FUNCTION_LINES + 1} lines, at most {house.MAX_FUNCTION_LINES}",
    ]


def test_the_options_are_few() -> None:
    problems = house.option_violations(PACKAGE)
    assert not problems, said(problems)
    context = click.Context(commands)
    real = [commands.get_command(context, name) for name in commands.list_commands(context)]
    declared = [option for command in real if command for option in command.params if isinstance(option, click.Option)]
    assert len(house.options(PACKAGE)) == len(declared), "the scan sees what click sees"


def test_a_planted_option_too_many_is_seen(planted: Path) -> None:
    room = house.MAX_OPTIONS - len(house.options(planted))
    assert 0 <= room <= 8, "a limit that nothing comes near holds nothing"
    lines = [f"@click.option('--o{number}')\n" for number in range(room + 1)]
    plant(planted, "cli/commands/zeal.py", "import click\n" + "".join(lines) + "def command(): ...\n")
    assert house.option_violations(planted) == [
        f"{planted}/cli/commands/zeal.py:{room + 2}: click.option('--o{room}')  (at most {house.MAX_OPTIONS} in all)"
    ]


def test_no_underscore_name_is_imported_across_folders() -> None:
    problems = house.underscore_imports(PACKAGE)
    assert not problems, said(problems)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("from rung.climb.record import _read\n", True),
        ("def f():\n    from ..climb.record import Record, _read\n", True),
        ("import rung.climb._hidden\n", True),
        ("from rung.verify.judge import _look\n", False),
        ("from rung import __version__\n", False),
        ("from os import _exit\n", False),
    ],
)
def test_a_planted_underscore_import_is_seen(planted: Path, line: str, seen: bool) -> None:
    plant(planted, "verify/curious.py", line)
    problems = house.underscore_imports(planted)
    assert len(problems) == seen, said(problems)
    assert all(problem.startswith(f"{planted / 'verify' / 'curious.py'}:") for problem in problems)


def test_no_plugin_is_named_outside_its_folder() -> None:
    problems = house_names.name_violations(PACKAGE, plugins.SLOTS)
    assert not problems, said(problems)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from rung.rungs import r1_prompt\n", "r1_prompt"),
        ("def f():\n    from rung.verify.scorers.exact import score\n", "exact"),
        ("def f(state):\n    return 'see r4_adapter' if state else ''\n", "r4_adapter"),
        ("def f(bar):\n    return bar.scorer == 'exact'\n", "exact"),
        ("def f(bar):\n    return 'cited' in {bar.scorer} or bar['scorer'] in ('choice', 'x')\n", "choice"),
        ("def f(config):\n    return config.get('method') != 'full'\n", "full"),
        ("method: str = 'full'\n", "full"),
        ("def f(*, objective: str = 'sft') -> None: ...\n", "sft"),
        ("x = dict(scorer='numeric')\n", "numeric"),
        ("x = {'check': 'labels'}\n", "labels"),
        ("from rung import plugins\nx = plugins.load('probes', 'format')\n", "format"),
    ],
)
def test_a_planted_plugin_name_is_seen(planted: Path, line: str, name: str) -> None:
    plant(planted, "climb/knowing.py", line)
    problems = house_names.name_violations(planted, plugins.SLOTS)
    assert len(problems) == 1, said(problems)
    assert name in problems[0]
    assert problems[0].startswith(f"{planted / 'climb' / 'knowing.py'}:")


@pytest.mark.parametrize(
    "line",
    [
        '"""r1_prompt builds on exact answers."""\n',
        "x = {'format': 'pt', 'labels': 3, 'kind': 'choice'}\n",
        "def f(base):\n    return base.kind == 'local'\n",
        "def f(bar, name):\n    return bar.scorer == name\n",
    ],
)
def test_ordinary_words_are_no_plugins_names(planted: Path, line: str) -> None:
    plant(planted, "climb/ordinary.py", line)
    assert house_names.name_violations(planted, plugins.SLOTS) == []


def test_plugins_keep_their_slots_contract() -> None:
    problems = house.plugin_violations(PACKAGE, plugins.SLOTS)
    assert not problems, said(problems)


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("verify/scorers/mute.py", "class Config: ...\ndef score(example, output, config): ...\n", "no docstring"),
        ("verify/scorers/lame.py", '"""Help."""\nclass Config: ...\n', "a plug-in of 'scorers' without `score`"),
        (
            "train/methods/wrong.py",
            '"""Help."""\nclass Config: ...\nLEARNING_RATE = 1\ndef apply(config, model): ...\n'
            "def parameters(config, shape): ...\ndef footprint(config, shape, item): ...\n",
            "apply(config, model), not apply(model, config)",
        ),
    ],
)
def test_a_planted_bad_plugin_is_seen(planted: Path, file: str, text: str, why: str) -> None:
    plant(planted, file, text)
    problems = house.plugin_violations(planted, plugins.SLOTS)
    assert len(problems) == 1, said(problems)
    assert why in problems[0]


@pytest.mark.parametrize("slot", sorted(plugins.SLOTS))
def test_every_plugin_loads_and_says_what_it_is_for(slot: str) -> None:
    for name in plugins.names(slot):
        assert len(plugins.help_line(slot, name)) > 10, name
        module = plugins.load(slot, name)
        assert set(house.CONTRACT[slot]) <= set(dir(module)), name
        if "Config" in dir(module):
            assert module.Config.model_config["extra"] == "forbid", name
            assert module.Config.model_config["frozen"], name
