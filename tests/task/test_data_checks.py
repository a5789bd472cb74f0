"""`data.checks`: what a task file may say of the audit of its data, and what stops a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.task.load import load_task
from rung.types import Task

TASK = """\
name: tone
data:
  examples: rows.csv
  columns: {input: text, target: label}
  checks:
    CHECKS
quality: {scorer: choice, at_least: .8}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """100 rows, of which one stands twice, one with another answer, and two hold an address."""
    monkeypatch.chdir(tmp_path)
    rows = [f"message number {i},{'good' if i % 3 else 'bad'}" for i in range(98)]
    rows += ["write to a.b@mail.example,good", "or to c.d@mail.example,bad"]
    rows += ["Message number 1,good", "message number 2,bad"]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]) + "\n", "utf-8")
    return tmp_path


def load(checks: str) -> Task:
    path = Path("task.yaml")
    path.write_text(TASK.replace("CHECKS", checks), "utf-8")
    return load_task(path, Path("downloads"))


def told(task: Task) -> list[tuple[str, str, int]]:
    return [(finding.check, finding.severity, finding.count) for finding in task.findings]


def fault(checks: str) -> str:
    with pytest.raises(UserError) as caught:
        load(checks)
    assert caught.value.exit_code == 2
    return caught.value.message


@pytest.mark.usefixtures("folder")
class TestSettings:
    def test_what_the_rows_held_before_duplicates_went_is_found(self) -> None:
        task = load("{}")
        assert told(task) == [("labels", "warning", 1), ("pii", "warning", 2), ("duplicates", "info", 1)]
        assert [finding.places for finding in task.findings] == [
            ("rows.csv:103 (against rows.csv:4)",),
            ("rows.csv:100", "rows.csv:101"),
            ("rows.csv:102 (as rows.csv:3)",),
        ]

    def test_findings_are_no_part_of_the_lock(self) -> None:
        assert load("{}").digest == load("{pii: off}").digest

    @pytest.mark.parametrize("off", ["off", "false", '"off"', "no", "Off"])
    def test_a_check_is_silenced(self, off: str) -> None:
        assert [name for name, *_ in told(load(f"pii: {off}"))] == ["labels", "duplicates"]

    @pytest.mark.parametrize("on", ["on", "true", "{}"])
    def test_a_check_with_nothing_said_runs_as_it_is(self, on: str) -> None:
        assert told(load(f"pii: {on}")) == told(load("{}"))

    def test_its_settings(self) -> None:
        task = load("balance: {largest_share: .6, severity: info}")
        assert ("balance", "info", 66) in told(task)

    def test_an_error_stops_the_task_and_lists_the_rows(self) -> None:
        assert fault("pii: {severity: error}") == (
            "task.yaml:6: pii: e-mail addresses in 2 rows: an adapter may learn them by heart\n"
            "    rows.csv:100\n"
            "    rows.csv:101\n"
            "  Mend or remove these rows, or set data.checks: {pii: {severity: warning}}, and say so with the result."
        )

    def test_several_errors_are_told_at_once(self) -> None:
        message = fault("{pii: {severity: error}, labels: {severity: error}}")
        assert "labels: 1 question has two answers" in message
        assert "pii: e-mail addresses" in message
        assert "{labels: {severity: warning}, pii: {severity: warning}}" in message


@pytest.mark.usefixtures("folder")
class TestMistakes:
    @pytest.mark.parametrize(
        ("checks", "said"),
        [
            ("duplicate: off", "task.yaml:6: no check is called 'duplicate'. Did you mean 'duplicates'?"),
            ("pii:", "task.yaml:6: 'pii' takes its settings, such as {severity: error}, or off"),
            ("pii: error", "task.yaml:6: 'pii' takes its settings, such as {severity: error}, or off"),
            ("pii: [off]", "task.yaml:6: 'pii' takes its settings, such as {severity: error}, or off"),
            ("pii: {severity: eror}", "task.yaml:6: 'severity' cannot be 'eror'. Did you mean 'error'?"),
            ("pii: {severty: error}", "task.yaml:6: unknown key 'severty'. Did you mean 'severity'?"),
            ("balance: {fewest_row: 3}", "task.yaml:6: unknown key 'fewest_row'. Did you mean 'fewest_rows'?"),
            ("balance:\n      largest_share: 3", "task.yaml:7: 'largest_share' cannot be 3"),
        ],
    )
    def test_one_is_told_with_its_line(self, checks: str, said: str) -> None:
        assert fault(checks).startswith(said)

    def test_all_are_told_at_once(self) -> None:
        message = fault("pii: {severity: eror}\n    sekrets: off\n    balance: {fewest: 3}")
        assert message.startswith("task.yaml: 3 problems\n  task.yaml:6: ")
        assert "task.yaml:7: no check is called 'sekrets'. Did you mean 'secrets'?" in message
        assert "task.yaml:8: unknown key 'fewest'" in message

    def test_checks_that_are_no_mapping(self) -> None:
        assert fault("- off").startswith("task.yaml:5: 'checks' cannot be ['off']")


class TestLeaks:
    @pytest.fixture(autouse=True)
    def leaking(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        rows = [f"message {i},{'good' if i % 2 else 'bad'},{('train', 'dev', 'test')[i % 3]}" for i in range(90)]
        (tmp_path / "rows.csv").write_text("\n".join(["text,label,split", *rows, "message 0,bad,gate"]), "utf-8")

    def load(self, more: str) -> Task:
        text = TASK.replace("  checks:\n    CHECKS\n", more).replace("target: label}", "target: label, split: split}")
        Path("task.yaml").write_text(text, "utf-8")
        return load_task(Path("task.yaml"), Path("downloads"))

    def test_they_are_an_error(self) -> None:
        with pytest.raises(UserError) as caught:
            self.load("")
        assert "1 row of test stands in train too\n    rows.csv:92 stands at rows.csv:2\n" in caught.value.message
        assert "data.allow_leaks: true says the same" in caught.value.message

    @pytest.mark.parametrize("more", ["  allow_leaks: true\n", "  checks: {contamination: {severity: warning}}\n"])
    def test_that_can_be_allowed_and_is_told(self, more: str) -> None:
        assert told(self.load(more)) == [("contamination", "warning", 1)]

    def test_what_the_check_says_goes_before_what_allows_it(self) -> None:
        with pytest.raises(UserError):
            self.load("  allow_leaks: true\n  checks: {contamination: {severity: error}}\n")
        assert told(self.load("  allow_leaks: true\n  checks: {contamination: {}}\n")) == [("contamination", "warning", 1)]
