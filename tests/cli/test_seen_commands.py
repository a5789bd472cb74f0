"""`rung seen` and `rung verify --proof`, as they are typed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
from planted import write

from rung.cli.app import run
from rung.registry.home import open_home

Typed = Callable[..., Any]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one climb, beside its task."""
    folder = tmp_path_factory.mktemp("climbed")
    settings = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [2], "dev_rows": 20, "calibrate": False}}
    task = write(folder / "task", "solved", rows=120, rungs=settings)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RUNG_HOME", str(folder / "home"))
        patched.setattr("getpass.getuser", lambda: "anna")
        assert run(["climb", str(task), "--json"]) == 0
    return folder


@pytest.fixture
def world(climbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to change."""
    shutil.copytree(climbed / "home", tmp_path / "home")
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(climbed / "task")
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    return tmp_path


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    def _typed(*words: str, code: int = 0) -> Any:
        assert run([*words, "--json"]) == code, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    return _typed


def line_of(split: str) -> int:
    with open_home() as home:
        kept = home.locks.get(home.locks.all()[0])
        return int(kept.places[kept.splits.index(split)].rpartition(":")[2])


def test_a_row_is_found_proved_and_the_proof_holds_elsewhere(
    world: Path, typed: Typed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, proof = f"rows.jsonl:{line_of('train')}", str(world / "proof.json")
    found = typed("seen", "--row", place, "--proof", proof, code=1)
    uses = {(one["use"], one["match"]) for one in found["sightings"]}
    assert ("at hand", "row") in uses and found["unknown"] == []
    assert run(["seen", "--row", place]) == 1
    said = capsys.readouterr().out
    assert (
        "had it in train, and has no weights of its own" in " ".join(said.split())
        and "it is the same row" in said
        and "rows.jsonl:" in said
    )
    shown = typed("verify", "--proof", proof)
    assert (shown["holds"], shown["versions"][0]["within"]) == (True, ["train"])
    assert run(["verify", "--proof", proof]) == 0
    assert "PROVED" in capsys.readouterr().out
    monkeypatch.setenv("RUNG_HOME", str(world / "elsewhere"))
    foreign = typed("verify", "--proof", proof, code=1)
    assert not foreign["holds"]
    (key,) = foreign["unknown_keys"]
    assert run(["verify", "--proof", proof]) == 1
    assert "CLAIMED" in capsys.readouterr().out
    assert typed("verify", "--proof", proof, "--key", key)["holds"]
    document = json.loads(Path(proof).read_text())
    document["said"][1] = "other"
    Path(proof).write_text(json.dumps(document))
    assert run(["verify", "--proof", proof, "--key", key]) == 2
    assert "the proof does not hold" in capsys.readouterr().err


def test_a_row_that_nobody_saw_is_proved_not_to_be_there(world: Path, typed: Typed, climbed: Path) -> None:
    task = Path("task.yaml")
    rows, text = Path("rows.jsonl").read_text(), task.read_text()
    try:
        Path("rows.jsonl").write_text(rows + json.dumps({"q": "I love what nobody has seen", "a": "positive"}) + "\n")
        task.write_text(text.replace("train: 40", "train: 41"))
        found = typed("seen", "--row", "rows.jsonl:121", "--proof", str(world / "proof.json"))
        assert (found["sightings"], found["without"]) == ([], ["solved@1"])
        shown = typed("verify", "--proof", str(world / "proof.json"))
        assert (shown["versions"][0]["within"], shown["versions"][0]["without"]) == ([], ["train", "dev", "test"])
    finally:
        Path("rows.jsonl").write_text(rows)
        task.write_text(text)


def test_texts_and_sources_are_looked_for_as_well(world: Path, typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    row = json.loads(Path("rows.jsonl").read_text().splitlines()[line_of("test") - 1])
    found = typed("seen", "--text", f"  {row['q'].upper()} ", code=1)
    assert ("test", "text") in {(one["use"], one["match"]) for one in found["sightings"]}
    assert "Rows are kept by digest" in found["notes"][0]
    assert {one["use"] for one in typed("seen", "--source", "rows.jsonl", code=1)["sightings"]} >= {"at hand", "dev", "test"}
    assert typed("seen", "--source", "other.jsonl")["sightings"] == []
    assert typed("seen", "--text", "nobody ever said this")["without"] == ["solved@1"]
    assert run(["seen", "--text", "nobody ever said this"]) == 0
    assert "No version of which the rows are known has seen it." in capsys.readouterr().out


def test_a_row_whose_task_moved_on_is_found_by_what_it_says_and_where_it_stood(
    world: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of("dev")
    row = Path("rows.jsonl").read_text().splitlines()[line - 1]
    monkeypatch.chdir(world)
    (world / "export.jsonl").write_text(json.dumps({"said": json.loads(row)["q"], "by": "customer 7"}) + "\n")
    found = typed("seen", "--row", "export.jsonl:1", code=1)
    assert {(one["use"], one["match"]) for one in found["sightings"]} == {("dev", "text")}
    assert "No task file that is at hand reads this line" in found["notes"][0]
    with open_home() as home:
        place = home.locks.get(home.locks.all()[0]).places[0]
    name = place.rpartition("/")[2]
    assert "row" in {one["match"] for one in typed("seen", "--row", name, code=1)["sightings"]}, "its task file is still there"
    monkeypatch.setattr("rung.cli.looking._tasks", lambda _home: [])
    found = typed("seen", "--row", name, code=1)
    assert {one["match"] for one in found["sightings"]} == {"place"}
    assert "the row is looked for by where it stood" in found["notes"][0]


def test_a_home_of_before_keeps_what_is_at_hand_when_it_is_asked(world: Path, typed: Typed) -> None:
    from databases import tampering

    with tampering(world / "home") as raw:
        raw.execute("DELETE FROM locks")
        raw.execute("DELETE FROM audit WHERE kind = 'lock'")
    place = f"rows.jsonl:{1}"
    found = typed("seen", "--row", place, code=1)
    assert len(found["kept_now"]) == 1 and found["unknown"] == [] and found["sightings"]
    assert typed("seen", "--row", place, code=1)["kept_now"] == []


def test_what_is_not_known_any_more_is_missing(
    world: Path, typed: Typed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from databases import tampering

    with tampering(world / "home") as raw:
        raw.execute("DELETE FROM locks")
    with open_home() as home:
        path = home.tasks.get(home.names.all()[0].evidence.task).path
    monkeypatch.setattr("rung.cli.looking.keep_what_is_at_hand", lambda _home: [])
    found = typed("seen", "--text", "I love it", code=1)
    assert [one["version"] for one in found["unknown"]] == ["solved@1"]
    assert run(["seen", "--text", "I love it"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "MISSING" in said and f"Bring {path}" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seen"], "what is to be looked for?"),
        (["seen", "--row", "a.csv:1", "--text", "x"], "what is to be looked for?"),
        (["seen", "--row", "a.csv"], "'a.csv' is no row"),
        (["seen", "--row", "a.csv:first"], "'a.csv:first' is no row"),
        (["seen", "--text", "  "], "the text that is to be looked for is empty"),
        (["seen", "--source", ""], "the source that is to be looked for is empty"),
        (["seen", "--text", "nobody said this", "--proof", "p.json"], "no row is known whose digest could be proved"),
        (["seen", "--source", "rows.jsonl", "--proof", "p.json"], "a proof is of one"),
        (["verify", "--proof", "gone.json"], "cannot be read"),
        (["verify", "--proof", "task.yaml"], "is not JSON"),
        (["verify", "--key", "ab"], "--key is for --proof"),
        (["verify", "--proof", "rows.jsonl", "--key", "ab"], "is no fingerprint"),
    ],
)
def test_bad_input_is_refused_with_code_2(world: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert run(words) == 2
    seen = capsys.readouterr()
    assert said in seen.err and "Traceback" not in seen.err
    assert not Path("p.json").exists()
