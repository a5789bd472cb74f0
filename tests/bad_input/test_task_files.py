"""Task files with a mistake: told with file and line, all at once, before anything is read or spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.cli.app import run

COMMANDS = (["climb"], ["plan"], ["eval", "--candidate", "kept"])


def setting(*path: str, value: Any) -> Any:
    """An edit that writes a value at a nested key."""

    def edit(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content.setdefault(key, {})
        content[path[-1]] = value

    return edit


@pytest.mark.parametrize("command", COMMANDS, ids=[command[0] for command in COMMANDS])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "task.yaml: there is no such file\n  `rung init DATA` writes a task file for your data."),
        ("", "task.yaml:1: the file is empty"),
        ("name: [toy\ndata: 3\n", "task.yaml:2: not YAML: "),
        ("name: toy\n\tdata: 3\n", "task.yaml:2: a tab stands where YAML wants spaces\n  Indent with spaces."),
        (b"name: caf\xe9\n", "task.yaml:1: byte 0xe9 is not UTF-8\n  Save the file as UTF-8 text."),
        ("- a\n- b\n", "task.yaml:1: this is no mapping of keys to values"),
        ("name: toy\nname: tone\n", "task.yaml:2: the key 'name' stands at line 1 already"),
    ],
)
def test_no_task_file(refused, folder: Path, command: list[str], text: str | bytes | None, words: str) -> None:
    if text is not None:
        (folder / "task.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert words in refused(*command, "task.yaml")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (setting("qualty", value={}), "unknown key 'qualty'. Did you mean 'quality'?"),
        (setting("data", "exmples", value="x.csv"), "task.yaml:13: unknown key 'exmples'. Did you mean 'examples'?"),
        (setting("data", "columns", "inputs", value="text"), "unknown key 'inputs'\n  Did you mean 'input'?"),
        (setting("data", "columns", "target", value="tune"), "messages.csv has no column 'tune'\n  Did you mean 'tone'?"),
        (setting("data", "split", "gate", value=30), "the locked split is called 'test' now, no longer 'gate'"),
        (setting("data", "split", "tets", value=30), "unknown key 'tets'. Did you mean 'test'?"),
        (setting("data", "split", "test", value=30000), "asks for 30,100 rows (train 60, dev 40, test 30,000) of 240"),
        (setting("data", "split", "test", value="half"), "'half' is no share: give a fraction up to 1.0"),
        (setting("data", "group", value="custmer"), "messages.csv has no column 'custmer'"),
        (setting("data", "where", value={"tne": "positive"}), "'tne'"),
        (setting("probes", "sampeling", value={}), "no probe is called 'sampeling'. Did you mean 'sampling'?"),
        (setting("probes", "dev_rows", value="all"), "'dev_rows' cannot be 'all': it should be a valid integer"),
        (setting("probes", "ceiling", value=3), "'ceiling' cannot be 3"),
        (setting("quality", "scorer", value="choise"), "no scorer is called 'choise'. Did you mean 'choice'?"),
        (setting("quality", "at_lest", value=0.9), "unknown key 'at_lest'. Did you mean 'at_least'?"),
        (setting("quality", "at_least", value=80), "80 is no bar: bars lie within 0 and 1. Did you mean 0.8?"),
        (setting("quality", "at_least", value="0.8"), "'at_least' cannot be '0.8': it should be a valid number"),
        (
            setting("quality", "accepts", value=["digits changed"]),
            "'digits changed' is no kind of near miss. Did you mean 'digit changed'?",
        ),
        (setting("quality", "accepts", value="negation"), "'accepts' cannot be 'negation'"),
        (
            setting("quality", value={"scorer": "choice"}),
            "a bar is exactly one of 'at_least', 'at_most', 'better_than' and 'not_worse_than'",
        ),
        (setting("quality", value={"scorer": "choice", "better_than": "r1_promt"}), "Did you mean 'r1_prompt'?"),
        (setting("quality", value={"scorer": "choice", "not_worse_than": "kpt", "margin": 0.1}), "Did you mean 'kept'?"),
        (setting("guards", value={"polite": {"scorer": "contain", "at_least": 0.9}}), "Did you mean 'contains'?"),
        (setting("guards", value={"jailbreak": {"at_most": 0.05}}), "the guard 'jailbreak' is not in this version"),
        (setting("traffic", value={"answer_per_month": 3}), "unknown key 'answer_per_month'. Did you mean 'answers_per_month'?"),
        (setting("traffic", value={"answers_per_month": 0}), "task.yaml:17: 'answers_per_month' cannot be 0: "),
        (setting("traffic", value={"label_usd": "0.5"}), "task.yaml:17: 'label_usd' cannot be '0.5': it should be a valid number"),
        (setting("traffic", value={"machine_usd_per_hour": -1}), "task.yaml:17: 'machine_usd_per_hour' cannot be -1: "),
        (setting("trafic", value={}), "unknown key 'trafic'. Did you mean 'traffic'?"),
        (setting("prices", value={"cached_usd_per_million": 1}), "Did you mean 'cached_input_usd_per_million'?"),
        (setting("limits", value={"p95_second": 3}), "unknown key 'p95_second'. Did you mean 'p95_seconds'?"),
        (setting("consequence", value="hihg"), "'consequence' cannot be 'hihg'. Did you mean 'high'?"),
        (setting("alpha", value=5), "'alpha' cannot be 5: "),
        (setting("seed", value="one"), "'seed' cannot be 'one': "),
        (setting("rungs", value={"r4_adaptor": {}}), "no rung is called 'r4_adaptor'. Did you mean 'r4_adapter'?"),
        (setting("rungs", value={"r4_adapter": {"rnak": 8}}), "task.yaml:18: unknown key 'rnak'. Did you mean 'rank'?"),
        (setting("rungs", value={"r4_adapter": {"rank": 0}}), "task.yaml:18: 'rank' cannot be 0: "),
        (setting("rungs", value={"r5_full": {"skip": "ture"}}), "task.yaml:18: 'skip' cannot be 'ture': it is true or false"),
        (setting("base", value="pip:"), "not a package reference\n  Write pip:name"),
        (setting("base", value="pypi:llm"), "no base starts with 'pypi:'\n  Known: pip:, hf:"),
        (setting("base", value="no/such/model"), "no such folder\n  It was looked for in "),
        (setting("base", value="https://host/v1"), "does not say which server and model\n  Write https://host/v1#model."),
    ],
)
def test_a_mistake(refused, task, edit: Any, words: str) -> None:
    said = refused("climb", task(edit))
    assert words in said
    assert "task.yaml:" in said or "data.columns" in said or "base" in said or "Write " in said


def test_all_mistakes_at_once(refused, task) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["qualty"] = content.pop("quality")
        content["data"]["splt"] = content["data"].pop("split")
        content["limits"] = {"minute": 3}

    said = refused("climb", task(edit)).splitlines()
    assert said[0] == "rung: task.yaml: 4 problems"
    assert [line.split(": ", 1)[1] for line in said[1:]] == [
        "the key 'quality' is missing",
        "unknown key 'splt'. Did you mean 'split'?",
        "unknown key 'qualty'. Did you mean 'quality'?",
        "unknown key 'minute'. Did you mean 'minutes'?",
    ]
    assert all(line.strip().startswith("task.yaml:") for line in said[1:])


def test_a_gate_too_small_says_how_many_rows_it_needs(refused, task, capsys: pytest.CaptureFixture[str]) -> None:
    path = task(setting("quality", "at_least", value=0.99))
    said = refused("climb", path)
    assert "task.yaml: the test split has 140 rows, and 'quality' needs at least 465: " in said
    assert "Give the test split more rows (data.split.test), or lower the bar." in said
    assert run(["plan", path]) == 2
    assert "the test split has 140 rows, and 'quality' needs at least 465" in " ".join(capsys.readouterr().out.split())
    assert run(["ls", "--json"]) == 0
    assert '"unfinished": []' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["clim", "task.yaml"], "rung has no command 'clim'\n  Did you mean 'climb'?"),
        (["demo", "tune"], "there is no worked task 'tune'\n  Did you mean 'tone'?"),
        (["show", "kpt"], "no candidate is called 'kpt'\n  Did you mean 'kept'?"),
        (["answer", "kpt", "hello"], "Did you mean 'kept'?"),
        (["report", "nothing"], "there is no climb 'nothing'"),
    ],
)
def test_a_misspelt_word_on_the_command_line(refused, arguments: list[str], words: str) -> None:
    assert words in refused(*arguments)
