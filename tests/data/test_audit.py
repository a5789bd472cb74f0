"""The audit: which checks run on which rows, what the settings change, and that nothing found is repeated in full."""

from dataclasses import replace

import pytest

from rung import plugins
from rung.data.audit import CheckSettings, audit
from rung.types import Example


def row(text: str, target: str = "x", split: str = "", name: str = "") -> Example:
    return Example(id=name or text, messages=({"role": "user", "content": text},), target=target, split=split)


LEAKING = [row("Same", split="train"), row("same", split="test", name="g"), row("mail a@b.example", split="test")]


def test_a_check_runs_on_the_rows_that_it_names() -> None:
    assert {finding.check for finding in audit(LEAKING, "raw")} == {"pii"}
    assert {finding.check for finding in audit(LEAKING, "split")} == {"contamination", "balance"}
    assert {plugins.load("checks", name).ROWS for name in plugins.names("checks")} == {"raw", "split"}


def test_the_gravest_comes_first() -> None:
    doubled = [row("a"), row("a", name="b"), row("A", "y", name="c"), row("mail a@b.example")]
    assert [finding.severity for finding in audit(doubled, "raw")] == ["warning", "warning", "info"]


def test_a_check_can_be_silenced_and_made_an_error() -> None:
    doubled = [row("a"), row("a", name="b"), row("A", "y", name="c")]
    settings = {"duplicates": CheckSettings(severity="error"), "labels": CheckSettings(off=True)}
    assert [(finding.check, finding.severity) for finding in audit(doubled, "raw", settings)] == [("duplicates", "error")]


def test_settings_reach_the_check() -> None:
    rows = [row(f"q{n}", "yes" if n % 5 else "no") for n in range(40)]
    config = plugins.load("checks", "balance").Config(largest_share=0.7)
    assert audit(rows, "split") == ()
    finding = audit(rows, "split", {"balance": CheckSettings(config=config)})[0]
    assert finding.message.startswith("80% of the rows")


@pytest.mark.parametrize("secret", ["jane.doe@mail.example.org", "AKIA" + "ABCDEFGHIJKLMNOP"])
def test_what_is_found_is_masked_wherever_it_stands(secret: str) -> None:
    rows = [row(f"q{n} {secret}", secret if n else "no", name=f"{secret} {n}") for n in range(40)]
    findings = [*audit([*rows, replace(rows[1], id=f"{secret} again")], "raw"), *audit(rows, "split")]
    assert {finding.check for finding in findings} >= {"balance", "duplicates"}
    assert secret not in str(findings)
    assert f"{secret[:2]}..." in str(findings)
