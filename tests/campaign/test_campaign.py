"""A campaign from its plan to its champions: what it plans, what comes of each name, and that nothing is done twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from moved import Moving, asked, climbed, write_base, write_task

from rung.cli.app import run
from rung.registry.home import open_home


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def by_name(text: str) -> dict[str, Any]:
    return {line["entry"]["name"]: line for line in json.loads(text)["names"]}


def test_the_plan_is_by_traffic_and_risk_and_looks_at_nothing(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["campaign", moving.new, "--plan", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    names = [line["entry"]["name"] for line in document["names"]]
    assert names == ["mail", "tone", "slow"], "the most asked first; what says nothing of its traffic comes last"
    assert document["former"] == [moving.old]
    lines = {line["entry"]["name"]: line["entry"] for line in document["names"]}
    assert (lines["mail"]["old"], lines["mail"]["served"], lines["mail"]["rung"]) == ("mail@1", True, "r4_adapter")
    assert lines["tone"]["margin"] > 0 and lines["mail"]["margin"] is None
    assert lines["slow"]["consequence"] == "high" and lines["slow"]["traffic"] is None
    # The rows of `mail` were never climbed on; those of the others were, once.
    assert [lines[name]["estimate"]["climb"] for name in names] == [1, 2, 2]
    assert asked(moving.new) == 0
    with open_home() as home:
        assert home.campaigns.all() == []
    assert run(["campaign", moving.new, "--plan"]) == 0
    told = said(capsys)
    assert "3 names to climb again" in told and "How much slow is asked is not said" in told


def test_from_one_base_to_another(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["campaign", moving.new, "--yes", "--promote", "--json"]) == 1, "one name does not pass"
    lines = by_name(capsys.readouterr().out)
    assert {name: line["state"] for name, line in lines.items()} == {"mail": "passed", "tone": "passed", "slow": "failed"}
    assert lines["mail"]["climbed"]["said"] == "prompting alone now passes: retire the adapter of mail@1"
    assert lines["mail"]["climbed"]["retires"] == "the adapter"
    assert lines["tone"]["climbed"]["said"] == "the prompt passes again"
    assert lines["slow"]["climbed"]["said"] == f"no rung passes on the new base: keep slow@1 on {moving.old}"
    assert lines["slow"]["climbed"]["version"] is None and lines["slow"]["promoted"] is None

    mail = lines["mail"]["compared"]
    [bar] = mail["bars"]
    assert (mail["rows"], mail["of"]) == (bar["n"], bar["n"]) and bar["before"] == 1.0 and bar["n"] > 0
    assert bar["lower"] <= bar["difference"] <= bar["upper"]
    assert mail["old"]["added_bytes"] == 5000 and mail["new"]["added_bytes"] == 0
    assert mail["old"]["answer_s"] is not None and mail["new"]["answer_s"] is not None
    [bar] = lines["slow"]["compared"]["bars"]
    assert bar["difference"] < -0.4 and bar["shown"] == "worse", "what did not pass is compared as well"

    with open_home() as home:
        tone, mail_now = home.names.find("tone@champion"), home.names.find("mail@champion")
        assert tone is not None and mail_now is not None
        assert lines["tone"]["promoted"]["moved"] and tone.ref == "tone@2"
        # Nothing shows that it is worse: at low consequence that is enough. The former version stands behind it.
        assert lines["mail"]["promoted"]["moved"] == (mail_now.ref == "mail@2")
        assert home.names.find("slow") == home.names.find("slow@1")
        assert home.integrity.faults() == []
        assert home.receipts.of("tone", 2)[-1].holds
    assert run(["verify", "tone@2", "--json"]) == 0
    links = {link["name"]: link for link in json.loads(capsys.readouterr().out)["versions"][0]["links"]}
    assert links["data"]["status"] == links["evaluation"]["status"] == "PROVED", "its file names the former base, and it is known"
    if mail_now.ref == "mail@2":
        assert run(["rollback", "mail"]) == 0
        with open_home() as home:
            assert home.candidates.get("mail@champion").adapters


def test_what_is_done_is_not_done_again(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["campaign", moving.new, "--yes", "--name", "tone"]) == 0
    told = said(capsys)
    assert "tone: The prompt passes again." in told and "Next rung promote tone@2" in told
    count = asked(moving.new), asked(moving.old)
    assert run(["campaign", moving.new, "--name", "tone"]) == 0, "nothing is left, so that nobody has to be asked"
    assert run(["campaign", moving.new, "--name", "tone", "--promote"]) == 0
    assert (asked(moving.new), asked(moving.old)) == count
    capsys.readouterr()
    assert run(["campaign", moving.new, "--plan", "--json"]) == 0
    lines = by_name(capsys.readouterr().out)
    assert {name: line["state"] for name, line in lines.items()} == {"tone": "passed", "mail": "planned", "slow": "planned"}
    assert lines["tone"]["promoted"]["moved"]
    with open_home() as home:
        assert [version.ref for version in home.names.of(name="tone")] == ["tone@1", "tone@2"]
    assert run(["campaign", "--status"]) == 0
    assert "1 of 1" in said(capsys)
    assert run(["campaign", moving.new, "--status", "--json"]) == 0
    [stored] = json.loads(capsys.readouterr().out)
    assert (stored["done"], stored["passed"], stored["under_way"]) == (1, 1, None)


def test_nobody_is_there_to_be_asked(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["campaign", moving.new]) == 2
    assert "Say --yes to begin" in capsys.readouterr().err
    assert asked(moving.new) == 0
    assert run(["campaign"]) == 2
    assert "no base is given" in capsys.readouterr().err
    assert run(["campaign", "tone@1"]) == 2
    assert "is a registered version, not a base" in capsys.readouterr().err
    assert run(["campaign", moving.old, "--plan"]) == 0
    assert "No name rests on another base than this one." in capsys.readouterr().out


def test_which_base_is_left(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_base(moving.folder, "third", {"third": 0.95})
    with open_home(write=True) as home:
        climbed(home, write_task(moving.folder, "third", other))
    assert run(["campaign", moving.new, "--plan"]) == 2
    told = capsys.readouterr().err
    assert "names rest on 2 other bases" in told and f"--from {other} (1 name)" in told and f"--from {moving.old} (3 names)" in told
    assert run(["campaign", moving.new, "--plan", "--json", "--from", other]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [line["entry"]["name"] for line in document["names"]] == ["third"]
    assert {one["name"] for one in document["left_alone"]} == {"mail", "slow", "tone"}
    assert run(["campaign", moving.new, "--plan", "--from", "scripted:nowhere"]) == 2
    assert "no name rests on 'scripted:nowhere'" in capsys.readouterr().err
    assert run(["campaign", moving.new, "--plan", "--name", "tune"]) == 2
    assert "Did you mean 'tone'?" in capsys.readouterr().err


def test_a_high_consequence_waits_for_another_person(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    better = write_base(moving.folder, "better", {"slow": 0.97})
    assert run(["campaign", better, "--name", "slow", "--yes", "--promote"]) == 1
    told = said(capsys)
    assert "Not promoted: approval:" in told and "rung approve slow@2" in told
    with open_home() as home:
        assert home.names.find("slow@champion") is None
        assert not [line for line in home.audit.lines() if line.kind == "break-glass"]
    assert run(["keys", "make", "bob"]) == 0
    assert run(["approve", "slow@2", "--as", "bob"]) == 0
    assert run(["campaign", better, "--name", "slow", "--promote"]) == 0, "what was missing is tried again, nothing else"
    with open_home() as home:
        found = home.names.find("slow@champion")
        assert found is not None and found.ref == "slow@2"


def test_the_former_base_is_gone(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    Path(moving.old.removeprefix("scripted:").partition("#")[0]).unlink()
    assert run(["campaign", moving.new, "--yes", "--json", "--name", "tone", "--name", "mail"]) == 0
    lines = by_name(capsys.readouterr().out)
    assert "does not answer any more: no such file" in lines["mail"]["compared"]["why"]
    assert lines["mail"]["compared"]["rows"] == 0 and lines["mail"]["compared"]["bars"] == []
    tone = lines["tone"]["compared"]
    assert 0 < tone["rows"] <= tone["of"] and tone["bars"], "what it had answered at the gate counts"


def test_names_that_are_built_on_others(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    """What is built on a version is climbed on what became of that; where nothing passed, it waits."""
    with open_home(write=True) as home:
        climbed(home, write_task(moving.folder, "third", "tone@1", at_least=0.2))
        climbed(home, write_task(moving.folder, "other", "slow@1", at_least=0.2))
    moving.task("slow").unlink()
    assert (
        run(
            ["campaign", moving.new, "--yes", "--json", *["--name", "third", "--name", "other", "--name", "tone", "--name", "slow"]]
        )
        == 1
    )
    lines = by_name(capsys.readouterr().out)
    order = list(lines)
    assert order.index("tone") < order.index("third") and order.index("slow") < order.index("other")
    assert "has been climbed" in lines["third"]["entry"]["remarks"][0] and lines["third"]["entry"]["built_on"] == "tone"
    assert (
        lines["other"]["state"] == "refused"
        and "slow, which has not passed on the new base" in lines["other"]["refused"]["problem"]
    )
    with open_home() as home:
        found = home.names.find("third@2")
        assert found is not None and str(home.candidates.get("third@2").base_reference.bare) == moving.new
        assert home.candidates.get("third@1").base_reference.bare == moving.old


def test_a_base_is_named_from_where_one_stands(
    moving: Moving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(moving.folder)
    to_there = ["campaign", "scripted:new.py#answer", "--name", "tone"]
    assert run([*to_there, "--plan", "--json", "--from", "scripted:old.py#answer"]) == 0
    assert json.loads(capsys.readouterr().out)["base"] == moving.new
    assert run([*to_there, "--yes"]) == 0
    capsys.readouterr()
    monkeypatch.chdir("/")
    assert run(["campaign", moving.new, "--status", "--json"]) == 0
    [stored] = json.loads(capsys.readouterr().out)
    assert stored["lines"][0]["said"] == "the prompt passes again"
    monkeypatch.chdir(moving.folder)
    assert run(["campaign", "scripted:new.py#answer", "--status"]) == 0
    assert "tone@2" in said(capsys)
    assert run(["campaign", "scripted:old.py#answer", "--status"]) == 0
    assert "No campaign to" in said(capsys)
