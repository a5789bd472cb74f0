"""`rung alias`, `rung log`, `rung ls --as-of`, `rung diff`, and how `rung show` draws what a version was made from."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from documents import least_document

sys.path.insert(0, str(Path(__file__).parents[1] / "registry"))
from nouns import a_task

from rung.cli.app import run
from rung.climb.record import FORM
from rung.parts import ChoiceConstraint, Demonstrations
from rung.registry.documents import as_json
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence
from rung.types import Answer, Bar, Candidate, Row, Run, Score

TASK = a_task("tasks/tone/task.yaml")
SENTENCE = "Ship r1_prompt: 84.0% is at least 80%."


def candidate(prompt: str, **fields: Any) -> Candidate:
    return Candidate(rung="r1_prompt", base=f"pip:llm@sha256:{'ab' * 32}", prompt=prompt, **fields)


def pool(home: Home, *rows: tuple[str, str]) -> Demonstrations:
    lines = [json.dumps({"messages": [{"role": "user", "content": asked}], "answer": answer}) for asked, answer in rows]
    return Demonstrations(pool=home.blobs.put_bytes("\n".join(lines).encode()), k=2)


def measured(home: Home, who: Candidate, right: list[float], split: str = "dev", task: str = TASK.digest) -> None:
    rows = tuple(
        Row(example=f"e{number}", group="", answer=Answer(text=f"{value:g}"), scores={"quality": Score(value=value)})
        for number, value in enumerate(right)
    )
    home.runs.add(Run(candidate=who.id, task=task, split=split, rows=rows))


@pytest.fixture
def tone(home: Path) -> list[Candidate]:
    """tone@1 and tone@2, each of a climb, both measured on dev; tone@2 was built on tone@1."""
    with open_home(write=True) as opened:
        opened.tasks.add(TASK)
        first = candidate(
            "Say good or bad.\nOne word.",
            constraint=ChoiceConstraint(choices=("good", "bad")),
            demonstrations=pool(opened, ("nice", "good"), ("awful", "bad")),
        )
        second = candidate(
            "Say good, bad or mixed.\nOne word.",
            constraint=ChoiceConstraint(choices=("good", "bad", "mixed")),
            demonstrations=pool(opened, ("nice", "good"), ("awful", "very bad"), ("so so", "mixed")),
            parent=first.id,
        )
        for number, one in enumerate((first, second)):
            climb = f"c{number}ffee"
            opened.candidates.add(one, TASK.digest)
            opened.climbs.begin(climb, form=FORM, task=TASK.digest)
            document = least_document(climb, SENTENCE)
            task = replace(document.task, bar=Bar(scorer="choice", at_least=0.8 + number / 10))
            opened.climbs.put(climb, "document", as_json(replace(document, task=task)))
            data = {"train": f"{number}a" * 32, "dev": "de" * 32}
            opened.names.register("tone", one.id, Evidence(climb=climb, rung="r1_prompt", task=TASK.digest, data=data))
        measured(opened, first, [1.0, 0.0, 0.0, 1.0, 0.0])
        measured(opened, second, [1.0, 1.0, 1.0, 0.0, 1.0])
    return [first, second]


def said(capsys: pytest.CaptureFixture[str], *command: str, code: int = 0) -> str:
    assert run(list(command)) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_an_alias_is_set_moved_and_taken_away_and_stands_wherever_a_version_does(
    tone: list[Candidate], capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "alias", "tone", "blue", "--to", "1") == "tone@blue is tone@1 (move 1).\n"
    assert json.loads(said(capsys, "show", "tone@blue", "--json"))["id"] == tone[0].id
    assert "tone@blue since 2" in said(capsys, "show", "tone@1")
    moved = json.loads(said(capsys, "alias", "tone", "blue", "--to", "tone@2", "--seen", "1", "--reason", "better", "--json"))
    assert (moved["version"], moved["generation"], moved["reason"], moved["kind"]) == (2, 2, "better", "set")
    assert "tone@blue was moved meanwhile: to 2" in said(capsys, "alias", "tone", "blue", "--to", "1", "--seen", "1", code=2)
    assert said(capsys, "alias", "tone", "green", "--to", "blue") == "tone@green is tone@2 (move 1).\n"
    assert said(capsys, "alias", "tone", "blue") == "tone@blue is tone@2 (move 2).\n"
    listed = json.loads(said(capsys, "ls", "--json"))["names"]
    assert [row["aliases"] for row in listed] == [[], ["blue", "green"]]
    assert "blue, green" in said(capsys, "ls")
    assert said(capsys, "alias", "tone", "blue", "--remove") == "tone@blue is taken away (move 3).\n"
    assert "no candidate is called 'tone@blue'" in said(capsys, "answer", "tone@blue", "hello", code=2)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["champion", "--to", "1"], "`rung promote tone --to champion` moves it"),
        (["candidate", "--remove"], "`rung promote tone --to candidate` moves it"),
        (["blue", "--to", "7"], "no candidate is called 'tone@7'"),
        (["blue", "--to", "1", "--remove"], "both --to and --remove"),
        (["blue"], "no candidate is called 'tone@blue'"),
        (["7", "--to", "1"], "a number is a version"),
    ],
)
def test_what_cannot_be_moved_by_hand_says_how(
    tone: list[Candidate], capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    assert words in said(capsys, "alias", "tone", *command, code=2)


def test_log_tells_the_story_and_parts_of_it(tone: list[Candidate], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_home(write=True) as opened:
        opened.aliases.move("tone", "champion", 1, expected=0, kind="promote", by="4f2a", reason="it passed", receipt="fe" * 32)
        opened.aliases.move("tone", "champion", 2, expected=1, kind="promote")
        opened.aliases.move("tone", "champion", 1, expected=2, kind="rollback", reason="complaints")
    told = json.loads(said(capsys, "log", "tone", "--json"))
    assert [event["told"] for event in told["events"]] == [
        *("champion 2 to 1", "champion 1 to 2", "champion set to 1", "tone@2 registered", "tone@1 registered")
    ]
    assert told["events"][2]["move"]["by"] == "4f2a"
    page = said(capsys, "log", "tone")
    for words in ("rollback", "complaints", "it passed; receipt fefefefefefe", "4f2a", SENTENCE, f"r1_prompt {tone[0].id[:12]}"):
        assert words in page
    assert "clock" not in page
    assert len(json.loads(said(capsys, "log", "tone@champion", "--json"))["events"]) == 3
    of_second = json.loads(said(capsys, "log", "tone@2", "--json"))["events"]
    assert [event["told"] for event in of_second] == ["champion 2 to 1", "champion 1 to 2", "tone@2 registered"]
    assert "Did you mean 'tone'?" in said(capsys, "log", "tome", code=2)
    assert "no candidate is called 'tone@blue'" in said(capsys, "log", "tone@blue", code=2)


def test_log_and_ls_say_where_the_clock_had_gone_back(
    tone: list[Candidate], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_home(write=True) as opened:
        for minute, version in ((30, 1), (10, 2)):
            monkeypatch.setattr("rung.registry.aliases.now", lambda minute=minute: f"2126-11-03T10:{minute}:00.000+00:00")
            opened.aliases.move("tone", "blue", version, expected=None, kind="set")
    page = said(capsys, "log", "tone")
    assert "2126-11-03 10:10:00 *" in page and "The clock of this home had gone back" in page
    assert page.index("blue 1 to 2") < page.index("blue set to 1")
    assert "The clock of this home has gone back: 1 entry" in said(capsys, "ls", "--as-of", "2126-11-03T10:20")


def test_ls_shows_versions_and_aliases_as_they_were(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(day: int) -> None:
        for module in ("names", "aliases"):
            monkeypatch.setattr(f"rung.registry.{module}.now", lambda: f"2026-11-{day:02}T10:00:00.000+00:00")

    with open_home(write=True) as opened:
        for day in (1, 3):
            at(day)
            one = candidate(str(day))
            opened.candidates.add(one, TASK.digest)
            ref = opened.names.register("tone", one.id, Evidence())
            at(day + 1)
            opened.aliases.move("tone", "champion", int(ref[-1]), expected=None, kind="promote")

    def listed(*moment: str) -> list[tuple[int, list[str]]]:
        names = json.loads(said(capsys, "ls", *moment, "--json"))["names"]
        return [(row["version"], row["aliases"]) for row in names]

    assert listed() == [(1, []), (2, ["champion"])]
    assert listed("--as-of", "2026-11-01T09:00") == []
    assert listed("--as-of", "2026-11-01") == [(1, [])]
    assert listed("--as-of", "2026-11-03") == [(1, ["champion"]), (2, [])]
    assert listed("--as-of", "2026-11-04T10:00") == [(1, []), (2, ["champion"])]
    page = said(capsys, "ls", "--as-of", "2026-11-02")
    assert "As of 2026-11-02 23:59:59 UTC:" in page and "champion" in page and "tone@2" not in page
    assert "Nothing was registered then." in said(capsys, "ls", "--as-of", "2026-10-01")
    assert "'last week' is no moment" in said(capsys, "ls", "--as-of", "last week", code=2)
    assert listed("--on", "pip:llm") == [(1, []), (2, ["champion"])]
    assert listed("--on", "pip:llm", "--as-of", "2026-11-02") == [(1, ["champion"])]
    assert "Nothing that is registered rests on 'pip:other'." in said(capsys, "ls", "--on", "pip:other")


def test_show_draws_base_data_recipe_and_parents(tone: list[Candidate], capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(said(capsys, "show", "tone", "--json"))
    assert shown["ref"] == "tone@2"
    assert shown["lineage"]["data"]["splits"]["train"] == {"digest": "1a" * 32, "rows": 6}
    assert shown["lineage"]["recipe"]["repeat"] == "rung climb task.yaml"
    page = said(capsys, "show", "tone")
    for words in (
        f"base       pip:llm@sha256:{'ab' * 6}",
        "data       train 6 rows 1a1a1a1a1a1a, dev 2 rows dededededede",
        f"task       {TASK.digest[:12]}  (tone, tasks/tone/task.yaml)",
        "recipe     r1_prompt: as usual; seed 0; rung climb task.yaml",
        f"made from  r1_prompt {tone[0].id[:12]}  tone@1",
    ):
        assert words in page


def test_diff_says_what_parts_two_versions(tone: list[Candidate], capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "diff", "tone@1", "tone@2", "--json"))
    assert found["prompt"][-3:] == ["-Say good or bad.", "+Say good, bad or mixed.", " One word."]
    parts = {change["key"]: change for change in found["parts"]}
    assert set(parts) == {"constraint.choices", "parent"}
    assert (parts["constraint.choices"]["came"], parts["constraint.choices"]["went"]) == (["mixed"], [])
    assert found["demonstrations"] == {"came": ["so so"], "went": [], "changed": ["awful"], "kept": 1}
    assert found["documents"] is None
    assert [(change["key"], change["after"]) for change in found["data"]] == [("train", "1a" * 32)]
    assert [(change["key"], change["before"], change["after"]) for change in found["settings"]] == [("bar.at_least", 0.8, 0.9)]
    (scores,) = found["scores"]
    known = scores["compared"]
    assert (known["n"], known["better"], known["worse"], known["before"], known["after"]) == (5, 3, 1, 0.4, 0.8)
    assert known["p"] == pytest.approx(0.625) and known["lower"] < 0.4 < known["upper"]
    assert [row["example"] for row in scores["turned"]] == ["e1", "e2", "e3", "e4"]
    page = said(capsys, "diff", "tone@1", "tone")
    for words in (
        "+Say good, bad or mixed.",
        "+ mixed",
        "1 came, 0 went, 1 changed, 1 are the same",
        "~ awful",
        "+40.0 points",
        "0.625",
    ):
        assert words in page


def test_diff_where_there_is_less_to_tell(tone: list[Candidate], capsys: pytest.CaptureFixture[str]) -> None:
    assert "tone@2 and tone@2: the same candidate" in said(capsys, "diff", "tone", "tone@2")
    with open_home(write=True) as opened:
        other = candidate("Say good or bad.\r\nOne word.", adapters=("ad" * 32,))
        opened.candidates.add(other, TASK.digest)
        opened.names.register("tone", other.id, Evidence(task=TASK.digest))
        measured(opened, other, [1.0], task="u" * 64)
    page = said(capsys, "diff", "tone@1", "tone@3")
    for words in (
        "(the prompts differ in their line ends alone)",
        "+ " + "ad" * 32,
        "Demonstrations: 0 came, 2 went",
        "tone@3: the digests of its data are not known.",
        "have not answered the same split of the same task: `rung eval tasks/tone/task.yaml --candidate tone@1 --split dev`",
    ):
        assert words in page
    assert "Did you mean 'tone'?" in said(capsys, "diff", "tone@1", "tone@9", code=2)


def test_test_rows_are_told_apart_from_a_claim(tone: list[Candidate], capsys: pytest.CaptureFixture[str]) -> None:
    with open_home(write=True) as opened:
        measured(opened, tone[0], [1.0, 1.0, 0.0], "test")
        measured(opened, tone[1], [1.0, 1.0, 1.0, 1.0, 1.0], "test")
        measured(opened, tone[1], [1.0, 1.0], "test")
    page = said(capsys, "diff", "tone@1", "tone@2")
    assert "what is claimed of them is in the climbs' verdicts, not here" in page
    (on_test,) = [one for one in json.loads(said(capsys, "diff", "tone@1", "tone@2", "--json"))["scores"] if one["split"] == "test"]
    assert on_test["compared"]["n"] == 3


def test_report_on_an_imported_name_shows_no_other_climb(tone: list[Candidate], capsys: pytest.CaptureFixture[str]) -> None:
    with open_home(write=True) as opened:
        opened.names.register("mine", tone[0].id, Evidence())
        opened.aliases.move("tone", "blue", 1, expected=0, kind="set")
    assert "there is no climb 'mine'" in said(capsys, "report", "mine", code=2)
    assert SENTENCE in said(capsys, "report", "tone@blue")
