"""What a climb passes gets a receipt with its version; a home of before gets it from the record, where that allows it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from planted import write

from rung.climb import steps
from rung.climb.climb import climb
from rung.climb.receipts import remake
from rung.climb.registered_base import load_task
from rung.errors import UserError
from rung.line import Serving
from rung.progress import Silent
from rung.promote.promoting import promote
from rung.promote.proofs import Hands, Link, proofs
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence, Version
from rung.types import Candidate, Task
from rung.verify.environment import code_digest


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a climb that passed, beside its task."""
    folder = tmp_path_factory.mktemp("climbed")
    settings = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [2], "dev_rows": 40, "calibration_rows": 40}}
    task_file = write(folder / "task", "solved", rows=180, rungs=settings)
    with pytest.MonkeyPatch.context() as patched, open_home(folder / "home", write=True) as home:
        patched.chdir(task_file.parent)
        patched.setattr("getpass.getuser", lambda: "anna")
        assert climb(load_task(task_file, home), home, progress=Silent()).verdict.status == "pass"
    return folder


@pytest.fixture
def home(climbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in whose task's folder we are."""
    import shutil

    monkeypatch.chdir(climbed / "task")
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    return Path(shutil.copytree(climbed / "home", tmp_path / "copy"))


def newest(home: Home) -> Version:
    return home.names.all()[-1]


def hands(home: Home, replay: int = 2, task: str = "task.yaml") -> Hands:
    from rung.climb.runtime import runtime_for

    def load(lock: str) -> Task | None:
        found = load_task(Path(task), home) if Path(task).is_file() else None
        return found if found is not None and found.digest == lock else None

    return Hands(load=load, runtime=lambda found: runtime_for(found, home), replay=replay)


def statuses(links: list[Link]) -> dict[str, str]:
    return {link.name: link.status for link in links}


def test_what_passed_has_a_receipt_that_says_what_was_judged(home: Path) -> None:
    with open_home(home) as opened:
        version = newest(opened)
        (receipt,) = opened.receipts.of(version.name, version.version)
        document, candidate = receipt.document, opened.candidates.get(version.ref)
        assert receipt.holds
        assert document.uncovered(candidate) == []
        assert (document.task, document.climb, document.rung) == (version.evidence.task, version.evidence.climb, candidate.rung)
        run = opened.runs.get(document.run)
        assert (run.candidate, run.split, len(run.rows)) == (candidate.id, "test", document.verdict.n)
        assert (document.status, document.consequence, document.alpha) == ("pass", "low", 0.05)
        assert document.verdict.lower is not None and document.verdict.lower >= document.bars[0].line
        assert document.code == code_digest()
        assert opened.keys.by_fingerprint()[document.maker].name == "anna"
        assert opened.keys.by_fingerprint()[receipt.signer].kind == "verifier"
        assert opened.integrity.faults() == []


def test_every_link_of_what_was_climbed_here_is_proved(home: Path) -> None:
    with open_home(home, write=True) as opened:
        links = proofs(opened, newest(opened), hands(opened))
        assert statuses(links) == dict.fromkeys(("base", "data", "recipe", "code", "evaluation"), "PROVED"), links
        assert "2 asked again, the same to the letter" in links[-1].said


def test_what_is_not_at_hand_is_claimed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_home(home, write=True) as opened:
        version = newest(opened)
        assert statuses(proofs(opened, version, hands(opened, replay=0)))["evaluation"] == "CLAIMED"
        monkeypatch.setattr("rung.promote.proofs.code_digest", lambda: "0" * 64)
        gone = proofs(opened, version, hands(opened, task="gone.yaml"))
        assert statuses(gone) == dict.fromkeys(("base", "data", "recipe", "evaluation"), "PROVED") | {"code": "CLAIMED"}
        assert "computed again from its settings and the digests of its rows" in gone[1].said
        monkeypatch.setattr(opened.locks, "record", lambda _task: None)
        nothing = proofs(opened, version, hands(opened, task="gone.yaml"))
        assert statuses(nothing) == dict.fromkeys(("data", "recipe", "code", "evaluation"), "CLAIMED") | {"base": "PROVED"}
        assert all(link.mend for link in nothing[1:])
        assert nothing[1].mend.startswith("Bring ") and nothing[1].mend.endswith("task.yaml and its rows back as they were.")


def test_a_changed_base_and_changed_answers_are_broken(home: Path, climbed: Path, tmp_path: Path) -> None:
    model = climbed / "task" / "model.py"
    before = model.read_text()
    try:
        model.write_text(before + "\n# another\n")
        with open_home(home, write=True) as opened:
            found = {link.name: link for link in proofs(opened, newest(opened), hands(opened))}
            assert found["base"].status == "BROKEN"
            assert "not the one that was measured" in found["base"].said
    finally:
        model.write_text(before)


def test_answers_that_come_out_otherwise_are_broken_on_the_same_machine_and_claimed_on_another(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from rung.promote import replay

    ask = replay.answer
    monkeypatch.setattr(replay, "answer", lambda *given: [replace(said, text=f"{said.text}!") for said in ask(*given)])
    with open_home(home, write=True) as opened:
        version = newest(opened)
        link = proofs(opened, version, hands(opened))[-1]
        assert link.status == "BROKEN" and "2 of 2 asked again came out otherwise" in link.said
        monkeypatch.setattr("rung.promote.proofs.environment", lambda _seed: {"other": "machine"})
        assert proofs(opened, version, hands(opened))[-1].status == "CLAIMED"


def test_what_was_imported_is_claimed_and_missing(home: Path) -> None:
    with open_home(home, write=True) as opened:
        candidate = Candidate(rung="imported", base="pip:llm@sha256:00")
        opened.candidates.add(candidate, "")
        opened.names.register("brought", candidate.id, Evidence())
        found = statuses(proofs(opened, opened.names.of(name="brought")[0], hands(opened)))
        assert found == {"base": "CLAIMED", "data": "MISSING", "recipe": "CLAIMED", "code": "MISSING", "evaluation": "MISSING"}


def without_receipts(home: Path) -> None:
    import sqlite3

    raw = sqlite3.connect(home / "registry.db")
    for table in ("receipts", "audit", "heads"):
        raw.execute(f"DROP TRIGGER {table}_no_delete")
        raw.execute(f"DELETE FROM {table}")
    raw.commit()
    raw.close()
    (home / "audit.head").unlink()


def test_the_receipt_of_a_home_of_before_is_made_from_its_record_and_says_so(home: Path) -> None:
    with open_home(home) as opened:
        (made,) = opened.receipts.all()
    without_receipts(home)
    with open_home(home, write=True) as opened:
        version = newest(opened)
        remake(opened, version)
        (remade,) = opened.receipts.of(version.name, version.version)
        document = remade.document
        assert remade.holds and document.remade and not document.code and not document.maker
        for same in ("candidate", "artefacts", "task", "data", "bars", "run", "verdict", "guards", "level", "consequence", "alpha"):
            assert getattr(document, same) == getattr(made.document, same), same
        done = promote(opened, version.ref, "champion", load=lambda _: None)
        assert not done.refused
        assert "made from the record by rung" in done.conditions[0].said
        found = {link.name: link for link in proofs(opened, version, hands(opened))}
        assert (found["code"].status, found["evaluation"].status) == ("CLAIMED", "PROVED")


def test_a_record_that_does_not_allow_it_makes_none(home: Path) -> None:
    with open_home(home, write=True) as opened:
        version = newest(opened)
        opened.names.register(version.name, version.candidate, Evidence(climb="", task=version.evidence.task))
        with pytest.raises(UserError, match="no climb registered it"):
            remake(opened, newest(opened))
        opened.names.register(version.name, version.candidate, Evidence(climb="ab" * 32, task=version.evidence.task))
        with pytest.raises(UserError, match="is not whole"):
            remake(opened, newest(opened))
        opened.names.register("other", version.candidate, version.evidence)
        with pytest.raises(UserError, match=f"registered {version.ref}, not other@1"):
            remake(opened, opened.names.of(name="other")[0])


def test_a_climb_killed_while_it_registers_has_version_receipt_and_fact_or_none(
    climbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(climbed / "task")
    with open_home(tmp_path / "new", write=True) as home:
        task = load_task(Path("task.yaml"), home)
        monkeypatch.setattr(steps, "receipt_of", lambda *_given, **_more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            climb(task, home, progress=Silent())
        assert home.names.all() == [] and home.receipts.all() == []
        monkeypatch.undo()
        monkeypatch.chdir(climbed / "task")
        document = climb(task, home, progress=Silent())
        assert document.version == "solved@1"
        assert len(home.receipts.all()) == 1


def test_who_climbs_is_asked_before_anything_is_spent(climbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(climbed / "task")
    monkeypatch.setenv("RUNG_IDENTITY", "nobody")
    with open_home(tmp_path / "new", write=True) as home:
        with pytest.raises(UserError, match="the home knows no identity 'nobody'"):
            climb(load_task(Path("task.yaml"), home), home, progress=Silent())
        assert home.climbs.all() == []


def test_what_the_task_says_of_answers_on_the_line_is_taken_down_and_changed_by_the_next_climb(home: Path) -> None:
    with open_home(home, write=True) as opened:
        task = load_task(Path("task.yaml"), opened)
        assert opened.serving.of(task.digest) is None
        said = replace(task, serving=Serving(retry=2))
        assert said.digest == task.digest
        for serving in (said, task):
            climb(serving, opened, progress=Silent())
            rules = opened.serving.of(newest(opened).evidence.task)
            assert rules is not None and rules.serving == serving.serving
