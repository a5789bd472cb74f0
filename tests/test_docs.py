"""The generated pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rung import plugins

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))  # generate.py is a script, and finds what lies beside it


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "plugins.md", "scorers.md"])
def test_generated_pages_are_up_to_date(generate: ModuleType, page: str) -> None:
    assert generate.PAGES[page]() == (DOCS / page).read_text("utf-8"), "run `make docs`"


def test_a_stale_page_is_seen(generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    monkeypatch.setattr(generate, "PAGES", {"cli.md": generate.cli_page, "plugins.md": generate.plugins_page})
    monkeypatch.setattr("sys.argv", ["generate.py"])
    assert generate.main() == 0
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 0
    (tmp_path / "cli.md").write_text("old")
    assert generate.main() == 1


def test_every_command_and_every_plugin_has_its_place(generate: ModuleType) -> None:
    cli = generate.cli_page()
    titles = re.findall(r"^## rung ([\w-]+)$", cli, re.MULTILINE)
    assert {"init", "plan", "climb", "eval", "ls", "show", "answer", "report", "demo"} <= set(titles)
    assert cli.count("Example:") == len(titles)
    assert cli.count("--json") == len(titles)
    page = generate.plugins_page()
    for slot in plugins.SLOTS:
        for name in plugins.names(slot):
            assert f"| `{name}` | {plugins.help_line(slot, name)}" in page


def test_every_scorer_says_what_it_catches_and_none_lets_slip_what_it_does_not_accept() -> None:
    page = (DOCS / "scorers.md").read_text("utf-8")
    assert all(f"\n## {name}\n" in page for name in plugins.names("scorers"))
    assert "SLIPS" not in page
