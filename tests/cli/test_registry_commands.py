from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from documents import least_document

sys.path.insert(0, str(Path(__file__).parents[1] / "registry"))
from old_home import FINISHED, PROMPT, UNFINISHED, sha256, write_old_home
from old_home import SENTENCE as OLD_SENTENCE

from rung.cli.app import run
from rung.climb.record import FORM
from rung.registry.documents import as_json
from rung.registry.home import open_home
from rung.registry.names import Evidence
from rung.types import Answer, Candidate, Row, Run, Score

SENTENCE = "Ship r1_prompt: 84.0% is at least 80%."


@pytest.fixture
def registered(home: Path, tmp_path: Path) -> Candidate:
    """A home with one registered Candidate, its parent, its Run, a finished climb and an unfinished one."""
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "weights").write_bytes(b"0" * 1500)
    with open_home(write=True) as opened:
        parent = Candidate(rung="r1_prompt", base="pip:llm@sha256:00", prompt="Say yes or no.")
        child = Candidate(
            rung="r4_adapter", base=parent.base, prompt=parent.prompt, adapters=(opened.blobs.put_tree(adapter),), parent=parent.id
        )
        for candidate in (parent, child):
            opened.candidates.add(candidate, "t" * 64)
        scored = Row(example="e", group="g", answer=Answer(text="yes"), scores={"quality": Score(value=1.0)})
        opened.runs.add(Run(candidate=child.id, task="t" * 64, split="dev", rows=(scored,)))
        for climb in ("c0ffee", "beef00"):
            opened.climbs.begin(climb, form=FORM, task="t" * 64)
        opened.climbs.put("c0ffee", "document", as_json(least_document("c0ffee", SENTENCE)))
        opened.climbs.put("beef00", "lock", {})
        opened.names.register("tone", child.id, Evidence(climb="c0ffee"))
    return child


def test_ls_names_what_is_registered_and_what_is_unfinished(registered: Candidate, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ls"]) == 0
    said = capsys.readouterr().out
    for words in ("tone@1", "r4_adapter", registered.id[:12], SENTENCE, "Unfinished: climb beef00"):
        assert words in said
    assert run(["ls", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["version"], row["candidate"]) for row in listed["names"]] == [("tone", 1, registered.id)]
    assert [climb["climb"] for climb in listed["unfinished"]] == ["beef00"]


@pytest.mark.parametrize("by", ["tone", "tone@1", "id", "id[:8]"])
def test_show_says_how_it_answers_and_what_it_came_from(registered: Candidate, capsys: pytest.CaptureFixture[str], by: str) -> None:
    ref = {"id": registered.id, "id[:8]": registered.id[:8]}.get(by, by)
    assert run(["show", ref, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["id"] == registered.id
    assert shown["artefacts"] == [{"digest": registered.adapters[0], "bytes": 1500, "intact": True, "gone": None}]
    assert shown["lineage"]["parents"] == [{"id": registered.parent, "rung": "r1_prompt", "versions": []}]
    assert [(row["split"], row["n"], row["mean"]) for row in shown["runs"]] == [("dev", 1, 1.0)]
    assert shown["versions"][0]["sentence"] == SENTENCE
    assert run(["show", ref]) == 0
    said = capsys.readouterr().out
    for words in ("tone@1", "Say yes or no.", "1.5 KB  intact", "100.0%", SENTENCE):
        assert words in said


def test_show_sees_a_changed_artefact(registered: Candidate, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_home() as opened:
        file = opened.blobs.local(registered.adapters[0]) / "weights"
    file.chmod(0o644)
    file.write_bytes(b"1" * 1500)
    assert run(["show", "tone"]) == 0
    assert "CHANGED" in capsys.readouterr().out


def test_an_unknown_name_gets_the_nearest_one(registered: Candidate, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["show", "tome"], ["answer", "tome", "hello"]):
        assert run(command) == 2
        assert "no candidate is called 'tome'" in (said := capsys.readouterr().err)
        assert "Did you mean 'tone'?" in said


@pytest.mark.parametrize("ref", [[], ["tone"], ["tone@1"], ["c0ff"]])
def test_report_finds_the_climb_and_writes_the_page(
    registered: Candidate, home: Path, capsys: pytest.CaptureFixture[str], ref: list[str]
) -> None:
    assert run(["report", *ref]) == 0
    said = capsys.readouterr().out
    assert SENTENCE in said
    page = home / "reports" / "tone.html"
    assert str(page) in said
    assert SENTENCE in page.read_text("utf-8")


def test_report_writes_where_it_is_told(registered: Candidate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--out", str(tmp_path / "new" / "page.html"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == as_json(least_document("c0ffee", SENTENCE))
    assert (tmp_path / "new" / "page.html").stat().st_size > 1000


def test_a_record_of_an_earlier_version_is_refused_with_what_to_do(
    registered: Candidate, capsys: pytest.CaptureFixture[str]
) -> None:
    old = as_json(least_document("c0ffee", SENTENCE)) | {"finished": True}
    with open_home(write=True) as opened:
        opened.climbs.put("c0ffee", "document", old)
    assert run(["report", "tone"]) == 2
    said = capsys.readouterr().err
    assert "this climb's record is of an earlier version (ClimbDocument has an unknown 'finished')" in said
    assert "Repeat it with `rung climb task.yaml`." in said and "Traceback" not in said
    assert run(["ls"]) == run(["show", "tone"]) == 0, "what is registered can be used all the same"


@pytest.mark.parametrize(("ref", "words"), [("beef", "this climb has not finished"), ("nothing", "there is no climb 'nothing'")])
def test_report_says_what_it_cannot_find(registered: Candidate, capsys: pytest.CaptureFixture[str], ref: str, words: str) -> None:
    assert run(["report", ref]) == 2
    assert words in capsys.readouterr().err


@pytest.fixture
def earlier(home: Path) -> Path:
    """A home of the version before: one climb that registered tone@1, and one that did not finish."""
    write_old_home(home)
    return home


@pytest.mark.parametrize("ref", [[], ["tone"], ["tone@1"], [FINISHED[:8]], [UNFINISHED[:8]]])
def test_report_on_a_climb_of_an_earlier_version_says_how_to_repeat_it(
    earlier: Path, capsys: pytest.CaptureFixture[str], ref: list[str]
) -> None:
    assert run(["report", *ref]) == 2
    said = capsys.readouterr().err
    assert "an earlier version of rung wrote the record of this climb, and this version cannot show it" in said
    assert "`rung climb tasks/tone/task.yaml` climbs its task anew; what it registered stays." in said
    assert not (earlier / "reports").exists()


def test_ls_lists_what_an_earlier_version_registered_and_left(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ls"]) == 0
    said = capsys.readouterr().out
    for words in ("tone@1", OLD_SENTENCE, f"Unfinished: climb {UNFINISHED[:12]}, started 2026-11-20T10:00 by an earlier version"):
        assert words in said
    assert "`rung climb tasks/tone/task.yaml` climbs its task anew" in said


@pytest.mark.parametrize("ref", ["tone", sha256(PROMPT), sha256(PROMPT)[:8]])
def test_show_finds_what_an_earlier_version_registered(earlier: Path, capsys: pytest.CaptureFixture[str], ref: str) -> None:
    assert run(["show", ref, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["candidate"]["prompt"] == "Good or bad?"
    assert [(row["split"], row["mean"]) for row in shown["runs"]] == [("dev", 1.0)]


def test_report_on_an_empty_home(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report"]) == 2
    assert "there is no climb yet" in capsys.readouterr().err
