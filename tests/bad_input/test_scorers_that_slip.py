"""A scorer that takes wrong answers for right is refused before anything is spent, unless the task file accepts it."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("command", ["plan", "climb", "diagnose", "forecast"])
def test_what_slips_is_an_error(refused, task, command: str) -> None:
    said = refused(command, task(lambda content: content.update(quality={"scorer": "contains", "at_least": 0.8})))
    assert "the scorer 'contains' takes wrong answers for right: all choices named" in said
    assert "accepts: [all choices named]" in said
    assert "task.yaml:" in said
