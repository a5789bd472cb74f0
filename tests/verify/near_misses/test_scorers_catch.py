"""Every scorer, on small typical targets: no near miss slips unasked, no harmless rewording is wrong, each ideal is right."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rung import plugins


def _typical() -> ModuleType:
    file = Path(__file__).parents[3] / "docs" / "typical.py"
    spec = importlib.util.spec_from_file_location("docs_typical", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_typical"] = module
    spec.loader.exec_module(module)
    return module


TYPICAL = _typical().TYPICAL
CASES = [pytest.param(case, id=f"{case.scorer}-{case.title}".replace(" ", "_")) for case in TYPICAL]


def test_every_scorer_has_typical_targets() -> None:
    assert {case.scorer for case in TYPICAL} == set(plugins.names("scorers"))


@pytest.mark.parametrize("case", CASES)
def test_no_near_miss_slips(case: Any, tmp_path: Path) -> None:
    trial = case.trial(tmp_path)
    assert trial.rows
    assert [(kind.kind, kind.example) for kind in trial.slips] == []
    assert [(kind.kind, kind.example) for kind in trial.strict] == []
    assert trial.ideals == ()
