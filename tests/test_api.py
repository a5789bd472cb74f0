"""The public names: light to import, complete, typed, and the same whatever was imported before."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rung
from rung.json_form import as_json

sys.path.insert(0, str(Path(__file__).parent / "climb"))
from toy import write_toy

HEAVY = ("torch", "transformers", "scipy", "sklearn", "numpy", "pydantic", "sqlalchemy", "httpx", "rich", "yaml", "click", "jinja2")


def python(script: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


def test_importing_rung_imports_nothing_heavy():
    first, named = python(
        "import sys, rung; print(*[m for m in sys.modules if m.startswith('rung.')]); rung.climb, rung.Task; print(*sys.modules)"
    )
    assert first == ""
    assert "rung.api" in named.split()
    assert not [name for name in HEAVY if name in named.split()]


def test_the_public_names_are_sorted_complete_and_there():
    assert rung.__all__ == sorted(rung.__all__)
    assert set(rung.__all__) == set(dir(rung))
    assert all(getattr(rung, name) is not None for name in rung.__all__)
    source = Path(rung.__file__).read_text("utf-8")
    typed = {line.split(" as ")[1] for line in source.splitlines() if line.startswith("    from rung.")}
    assert typed | {"__version__"} == set(rung.__all__)


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="no attribute 'climbs'"):
        rung.climbs


@pytest.mark.parametrize("before", ["", "import rung.climb.decide", "from rung.climb import climb"])
def test_climb_is_called_whatever_of_the_folder_of_that_name_was_imported(before):
    called = python(
        f"{before}\nimport rung, rung.api\nrung.api.climb = lambda task, **named: print(task, named)\nrung.climb('it', home='h')"
    )
    assert called == ["it {'home': 'h'}"]
    assert python(f"{before}\nimport rung, rung.climb.decide\nprint(rung.climb.decide.Build.__name__)") == ["Build"]


def test_type_checkers_see_the_public_names():
    """What they see is in the script, which `make lint` reads in one run with all else."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["mypy"]["files"] == ["src", "tests/typed_script.py"] and project["tool"]["mypy"]["strict"]
    script = (Path(__file__).parent / "typed_script.py").read_text("utf-8")
    assert [line.split("[")[-1] for line in script.splitlines() if "type: ignore" in line] == ["arg-type]", "attr-defined]"]


def test_the_package_says_that_it_is_typed():
    assert (Path(rung.__file__).parent / "py.typed").is_file()


@pytest.fixture(scope="module")
def climbed(tiny_base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    task = rung.load_task(write_toy(folder / "task", tiny_base, noise=0.0, at_least=0.75), home=folder / "home")
    return task, rung.climb(task, home=folder / "home"), folder / "home"


def test_an_outcome_holds_what_was_registered(climbed):
    _, outcome, home = climbed
    assert (outcome.status, outcome.registered) == ("pass", "toy@1")
    assert outcome.document.verdict.winner == outcome.candidate.fields.id
    assert rung.open_home(home).candidate("toy").fields == outcome.candidate.fields
    assert [version.ref for version in rung.open_home(home).versions()] == ["toy@1"]


def test_a_climb_is_told_again(climbed):
    task, outcome, home = climbed
    again = rung.climb(task, home=rung.open_home(home))
    assert as_json(again.document) == as_json(outcome.document)
    assert again.registered == "toy@1"


def test_nothing_passed(tiny_base, tmp_path):
    settings = {"r1_prompt": {"skip": True}, "r4_adapter": {"skip": True}, "r5_full": {"skip": True}}
    task = rung.load_task(write_toy(tmp_path / "task", tiny_base, noise=0.5, rungs=settings), home=tmp_path)
    outcome = rung.climb(task, home=tmp_path)
    assert (outcome.status, outcome.candidate, outcome.registered) == ("fail", None, None)


def test_a_question_in_each_of_its_forms(climbed):
    _, outcome, _ = climbed
    messages = ({"role": "user", "content": "my order: late"},)
    said = outcome.candidate.answers(["my order: late", list(messages), rung.Example(id="mine", messages=messages)])
    assert [answer.text for answer in said] == ["negative"] * 3


def test_a_question_that_is_none(climbed):
    _, outcome, _ = climbed
    for question in ("", []):
        with pytest.raises(rung.UserError, match="nothing to answer"):
            outcome.candidate.answer(question)
    with pytest.raises(rung.UserError, match="role"):
        outcome.candidate.answer([{"content": "hello"}])


def test_evaluate_takes_a_name_and_what_it_names(climbed):
    task, outcome, home = climbed
    runs = [rung.evaluate(task, which, home=home) for which in ("toy@1", outcome.candidate, outcome.candidate.fields)]
    assert {run.candidate for run in runs} == {outcome.candidate.fields.id}
    assert {(run.split, len(run.rows), run.mean()) for run in runs} == {("dev", 40, 1.0)}
    with pytest.raises(rung.UserError, match="Did you mean 'train'"):
        rung.evaluate(task, "toy@1", "trian", home=home)


def test_progress_of_ones_own_hears_of_it(climbed):
    from rung.progress import Silent

    class Heard(Silent):
        def __init__(self) -> None:
            self.titles: list[str] = []

        def stage(self, title, total=None):
            self.titles.append(title)
            return super().stage(title, total)

    task, _, home = climbed
    heard = Heard()
    rung.evaluate(task, "toy", home=home, progress=heard)
    assert heard.titles == ["r0_linear answers 40 dev rows"]


def test_progress_is_said_where_it_is_asked_for(climbed, capsys):
    task, _, home = climbed
    rung.evaluate(task, "toy", home=home)
    assert not capsys.readouterr().err
    rung.evaluate(task, "toy", home=home, progress=True)
    assert "r0_linear answers 40 dev rows" in capsys.readouterr().err
