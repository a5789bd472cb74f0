"""promote, rollback, approve, verify and keys, as they are typed: what they say, and the code that they exit with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "promote"))
from databases import tampering
from shipped import ship

from rung.cli.app import run
from rung.registry.home import open_home

GOOD = [1.0] * 90 + [0.0] * 10


@pytest.fixture
def tone(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """tone@1 and tone@2, which passed a task of high consequence."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        ship(opened, GOOD, consequence="high")
        ship(opened, [1.0] * 100, consequence="high")
    return home


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_way_from_a_receipt_to_a_champion_and_back(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["promote", "tone@1"]) == 1
    said = capsys.readouterr().out
    assert "DOES NOT HOLD" in said and "Not promoted: tone@champion stays unset." in said and "rung approve tone@1" in said
    assert run(["approve", "tone@1", "--as", "bob"]) == 2
    assert "the home knows no identity 'bob'" in capsys.readouterr().err
    assert run(["keys", "make", "bob"]) == 0
    assert run(["approve", "tone@1"]) == 2
    assert "anna made tone@1, and cannot approve it" in capsys.readouterr().err
    for version in ("tone@1", "tone@2"):
        assert run(["approve", version, "--as", "bob", "--expires", "2w"]) == 0
        seen = capsys.readouterr()
        assert f"{version}, by bob, until" in seen.out
        assert "both lie in this home" in seen.err
        assert run(["promote", version]) == 0
        assert f"tone@champion is {version} now" in capsys.readouterr().out
    assert run(["promote", "tone"]) == 0
    assert "tone@champion is tone@2 already." in capsys.readouterr().out
    assert run(["rollback", "tone"]) == 0
    assert "tone@champion is tone@1 again (from version 2)." in capsys.readouterr().out
    assert run(["rollback", "tone"]) == 2
    assert "had no champion before" in capsys.readouterr().err


def test_every_command_says_it_as_json_too(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["promote", "tone@1", "--json"]) == 1
    refused = told(capsys)
    assert (refused["promoted"], refused["move"], refused["before"]) == (False, None, None)
    assert [(one["name"], one["holds"]) for one in refused["conditions"]] == [
        ("receipt", True),
        ("champion", True),
        ("approval", False),
    ]
    assert run(["keys", "make", "bob", "--json"]) == 0
    assert {one["name"] for one in told(capsys)["identities"]} == {"anna", "bob", "verifier"}
    assert run(["approve", "tone@1", "--as", "bob", "--json"]) == 0
    assert told(capsys)["approver"] == "bob"
    assert run(["promote", "tone@1", "--json"]) == 0
    assert told(capsys)["move"]["kind"] == "promote"
    assert run(["rollback", "tune", "--json"]) == 2
    assert "no candidate is called 'tune'" in told(capsys)["error"]["problem"]
    assert run(["verify", "--json"]) == 0
    document = told(capsys)
    assert document["holds"] and document["broken"] == [] and document["head"]["lines"] > 5
    assert {link["status"] for version in document["versions"] for link in version["links"]} == {"CLAIMED"}


def test_broken_glass_is_loud(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["promote", "tone@1", "--break-glass", "the old one leaks names"]) == 0
    seen = capsys.readouterr()
    assert "GLASS BROKEN: tone@1 was promoted although this does not hold: approval" in seen.err
    assert run(["log", "tone", "--json"]) == 0
    newest = told(capsys)["events"][0]
    assert (newest["kind"], newest["by"], newest["move"]["reason"]) == ("break-glass", "anna", "the old one leaks names")
    assert run(["alias", "tone", "blue", "--to", "2"]) == 0
    capsys.readouterr()
    assert run(["log", "tone@blue", "--json"]) == 0
    assert told(capsys)["events"][0]["by"] == "anna"
    assert run(["promote", "tone@2", "--break-glass", ""]) == 2
    assert "a reason is needed" in capsys.readouterr().err


def test_verify_names_what_is_broken_and_exits_with_1(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify"]) == 0
    said = capsys.readouterr().out
    assert "Nothing is broken." in said and "CLAIMED" in said
    with open_home() as opened:
        (weights,) = opened.candidates.get("tone@1").adapters
        file = opened.blobs.local(weights) / "weights"
    file.chmod(0o644)
    file.write_bytes(b"weights !")
    with tampering(tone) as raw:
        raw.execute("UPDATE names SET candidate = (SELECT candidate FROM names WHERE version = 1) WHERE version = 2")
        raw.execute("UPDATE receipts SET signature = 'AAAA' WHERE version = 1")
    assert run(["verify", "--json"]) == 1
    broken = "\n".join(told(capsys)["broken"])
    assert f"the blob {weights[:12]} was changed (of tone@1)" in broken
    assert "tone@2 in names was changed" in broken
    assert "does not have verifier's signature" in broken
    assert "tone@2, evaluation: its candidate is" in broken
    assert run(["verify", "tone@2"]) == 1
    assert "BROKEN" in capsys.readouterr().out


def test_verify_of_a_home_with_nothing_in_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify"]) == 0
    assert "Nothing is registered yet." in capsys.readouterr().out
    assert run(["verify", "tone"]) == 2
    assert run(["keys"]) == 0
    assert "No identities yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["keys", "make"], "whose key is to be made?"),
        (["keys", "add", "bob"], "the public key is missing"),
        (["keys", "make", "bob", "ed25519:x"], "a key that is made is not given"),
        (["keys", "add", "bob", "ed25519:x"], "no Ed25519 public key"),
        (["keys", "break", "bob"], "break"),
        (["approve", "tone@1", "--expires", "soon"], "'soon' is no duration"),
        (["promote", "tone@7"], "no candidate is called 'tone@7'"),
        (["promote", "tone", "--to", "7"], "cannot be an alias"),
        (["rollback", "tone@1"], "names a version"),
        (["verify", "tone@7"], "no candidate is called 'tone@7'"),
        (["verify", "--replay", "-1"], "replay"),
        (["keys", "retire"], "whose key is to be retired?"),
        (["keys", "retire", "zoe"], "the home knows no identity 'zoe'"),
        (["keys", "retire", "anna", "ed25519:x"], "a key that is retired is not given"),
        (["keys", "rotate", "anna", "--compromised-since", "yesterday"], "'yesterday' is no moment"),
        (["keys", "rotate", "anna", "--compromised-since", "2999-01-01"], "is yet to come"),
        (["keys", "make", "bob", "--compromised-since", "2026-01-01"], "--compromised-since is for retire and rotate"),
    ],
)
def test_bad_input_is_refused_with_code_2(tone: Path, capsys: pytest.CaptureFixture[str], typed: list[str], words: str) -> None:
    assert run(typed) == 2
    seen = capsys.readouterr()
    assert words in seen.err and "Traceback" not in seen.err


def test_what_was_brought_is_promoted_once_a_task_has_judged_it(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
    from planted import write

    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    task = write(tmp_path / "task", "solved", rows=120)
    (tmp_path / "prompt.txt").write_text("Positive or negative?")
    base = f"scripted:{task.parent / 'model.py'}#model"
    assert run(["import", str(tmp_path / "prompt.txt"), "--as", "brought", "--base", base]) == 0
    capsys.readouterr()
    assert run(["promote", "brought", "--json"]) == 1
    (condition,) = told(capsys)["conditions"]
    assert condition["said"].startswith("it is CLAIMED (") and condition["said"].endswith("no task has judged it")
    assert "rung eval TASK --candidate brought@1 --split test" in condition["hint"]
    assert run(["eval", str(task), "--candidate", "brought@1", "--split", "test", "--json"]) == 0
    assert told(capsys)["judged"] == ["brought@2"]
    assert run(["promote", "brought@1"]) == 1
    assert "rung promote brought@2" in capsys.readouterr().out
    assert run(["promote", "brought"]) == 0
    assert "brought@champion is brought@2 now" in capsys.readouterr().out
    assert run(["verify", "brought@champion", "--json"]) == 0
    links = {link["name"]: link for link in told(capsys)["versions"][0]["links"]}
    assert {name: link["status"] for name, link in links.items()} == dict.fromkeys(
        ("base", "data", "code", "evaluation"), "PROVED"
    ) | {"recipe": "CLAIMED"}
    assert "climb that" in links["recipe"]["mend"]


def test_keys_are_retired_and_rotated_as_typed(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "make", "bob"]) == 0
    assert run(["approve", "tone@1", "--as", "bob"]) == 0
    assert run(["promote", "tone@1"]) == 0
    capsys.readouterr()
    assert run(["keys", "rotate", "verifier", "--compromised-since", "2026-01-01", "--json"]) == 0
    identities = {one["name"]: one["ended"] for one in told(capsys)["identities"]}
    assert identities["verifier"] == "compromised since 2026-01-01 00:00 UTC" and identities["verifier-2"] is None
    assert run(["verify", "--json"]) == 1
    document = told(capsys)
    assert any("tone@champion stands for version 1 on a receipt that does not hold" in one for one in document["broken"])
    assert any("tone@2: the receipt" in one for one in document["remarks"])
    evaluation = [link for one in document["versions"] for link in one["links"] if link["name"] == "evaluation"]
    assert {link["status"] for link in evaluation} == {"CLAIMED"} and all("rung promote" in link["mend"] for link in evaluation)
    assert run(["keys"]) == 0
    assert "ended" in capsys.readouterr().out
