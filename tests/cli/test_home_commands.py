"""home, gc, push, pull and keys trust, as they are typed: what they say, and the code that they exit with."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "promote"))
from shipped import ship

from rung.cli.app import run
from rung.registry.home import open_home

GOOD = [1.0] * 90 + [0.0] * 10


@pytest.fixture
def tone(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """tone@1, and a blob that nothing names."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        ship(opened, GOOD)
        left = opened.blobs.put_bytes(b"an import that was killed")
        os.utime(opened.blobs.local(left), (1e9, 1e9))
    return home


@pytest.fixture
def team(tmp_path: Path) -> Path:
    open_home(tmp_path / "team").close()
    return tmp_path / "team"


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_home_says_where_everything_is(tone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter22")
    assert run(["home"]) == 0
    said = capsys.readouterr().out
    assert str(tone / "registry.db") in "".join(said.split()) and "Nothing is missing." in said and "hunter22" not in said
    assert "Named by nothing: 1 blob (25 B), which `rung gc`" in said
    assert run(["home", "--check", "--json"]) == 0
    document = told(capsys)
    assert document["whole"] and document["hashed"] == 3 and document["format"] == "2" and document["bytes"] > 10_000
    with open_home() as opened:
        (digest,) = opened.candidates.get("tone").adapters
        file = opened.blobs.local(digest) / "weights"
    file.chmod(0o644)
    file.write_bytes(b"x")
    assert run(["home"]) == 0
    capsys.readouterr()
    assert run(["home", "--check"]) == 1
    assert f"the blob {digest[:12]} was changed, of tone@1" in capsys.readouterr().out


def test_gc_says_what_would_go_and_does_it_when_told(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gc", "--json"]) == 0
    planned = told(capsys)
    assert (planned["bytes"], planned["done"], len(planned["items"])) == (25, None, 1)
    assert run(["gc"]) == 0
    said = capsys.readouterr().out
    assert "25 B would be free" in said and "Nothing was removed" in said
    assert run(["gc", "--yes"]) == 0
    assert "25 B are free; 2 blobs" in capsys.readouterr().out
    assert run(["gc", "--yes", "--json"]) == 0
    assert told(capsys)["items"] == []
    assert run(["gc"]) == 0
    assert "There is nothing to remove" in capsys.readouterr().out
    assert run(["verify", "--json"]) == 0


def test_push_trust_and_promote_there(
    tone: Path, team: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["push", str(team), "tone"]) == 0
    said = capsys.readouterr().out
    assert "came" in said and "not trusted" in said and "rung keys trust FINGERPRINT" in said
    assert run(["push", str(team), "--json"]) == 0
    (version,) = told(capsys)["versions"]
    assert (version["there"], version["here"], version["new"], version["blobs"]) == ("tone@1", "tone@1", False, 0)
    monkeypatch.setenv("RUNG_HOME", str(team))
    assert run(["ls"]) == 0
    assert "laptop:tone@1" in capsys.readouterr().out
    assert run(["promote", "tone"]) == 1
    assert "not trusted here" in capsys.readouterr().out
    assert run(["verify", "--json"]) == 0, "what is not trusted is not broken"
    links = {link["name"]: link["status"] for link in told(capsys)["versions"][0]["links"]}
    assert links["evaluation"] == "CLAIMED"
    assert run(["keys", "--json"]) == 0
    keys = told(capsys)
    verifier = next(key for key in keys["not_trusted"] if key["kind"] == "verifier")
    assert verifier["home"] == "laptop"
    assert run(["keys"]) == 0
    assert "not trusted here" in capsys.readouterr().out
    assert run(["keys", "trust", verifier["fingerprint"][:16], "annas-laptop"]) == 0
    assert "annas-laptop" in capsys.readouterr().out
    assert run(["promote", "tone"]) == 0
    capsys.readouterr()
    assert run(["log", "tone"]) == 0
    assert "laptop:tone@1" in capsys.readouterr().out


def test_pull_brings_it_back_under_the_name_of_the_folder(
    tone: Path, team: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_HOME", str(team))
    assert run(["pull", str(tone), "tone@1", "--as", "annas"]) == 0
    assert "tone@1" in capsys.readouterr().out
    assert run(["pull", str(tone), "--json"]) == 0
    assert [one["new"] for one in told(capsys)["versions"]] == [False]
    assert run(["ls", "--json"]) == 0
    assert told(capsys)["names"][0]["origin"] == "annas:tone@1"


BAD = [
    (["push", "/nowhere/at/all"], "there is no RUNG_HOME here"),
    (["push", "mysql://db/x"], "not the address of a PostgreSQL database"),
    (["push", "postgresql://u:hunter22@db/x"], "holds a password"),
    (["push", "TEAM", "tune"], "no candidate is called 'tune'"),
    (["push", "TEAM", "tone@7"], "no candidate is called 'tone@7'"),
    (["push", "TEAM", "--as", "a b"], "cannot be the name of a home"),
    (["pull", "TEAM"], "nothing is registered there"),
    (["push", "HOME"], "the home that you are in"),
    (["keys", "trust"], "whose key is to be trusted?"),
    (["keys", "trust", "0123456789"], "no key of another home begins with"),
    (["gc", "--keep-days", "-1"], "keep-days"),
    (["gc", "--keep-days", "nan"], "is no number of days"),
]


def test_bad_input_is_refused_with_code_2(tone: Path, team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for typed, words in BAD:
        assert run([{"TEAM": str(team), "HOME": str(tone)}.get(word, word) for word in typed]) == 2, typed
        seen = capsys.readouterr()
        assert words in seen.err and "Traceback" not in seen.err and "hunter22" not in seen.err, typed
