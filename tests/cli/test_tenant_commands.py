"""`rung tenant`, `rung served` and `rung feedback`, as they are typed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "registry"))
from journals import a_making, a_server, answered
from nouns import a_candidate

from rung.cli.app import run
from rung.registry.feedback import Word
from rung.registry.home import open_home
from rung.registry.names import Evidence

Typed = Callable[..., Any]


@pytest.fixture
def typed(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types a command; gives its JSON (with --json) or its text, and what went wrong."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna")

    def type_(*words: str, code: int = 0) -> Any:
        assert run(list(words)) == code, capsys.readouterr()
        out, err = capsys.readouterr()
        return json.loads(out) if "--json" in words and not code else out + err

    return type_


def test_a_tenants_life(typed: Typed) -> None:
    assert "No tenants yet" in typed("tenant")
    added = typed("tenant", "add", "acme", "models=spam,legal-*", "usd_per_million_tokens=1", "usd_per_day=5")
    assert "rung tenant key acme" in added
    assert "start them again" in added
    assert "start them again" not in typed("tenant", "add", "other")
    typed("tenant", "end", "other")
    made = typed("tenant", "key", "acme", "label=ci", "lasts=30d", "--json")
    assert made["key"].startswith("rk-")
    told = typed("tenant", "show", "acme", "--json")
    assert told["settings"]["models"] == ["spam", "legal-*"]
    assert [(key["label"], key["holds"]) for key in told["keys"]] == [("ci", True)]
    assert made["key"][-43:] not in json.dumps(told)
    typed("tenant", "set", "acme", "at_once=4")
    rotated = typed("tenant", "rotate", made["id"], "overlap=1h")
    assert "shown this once" in rotated
    assert "within a second" in typed("tenant", "revoke", made["id"])
    assert "usd_per_day=5" in typed("tenant")
    shown = typed("tenant", "show", "acme")
    for word in ("ci", "revoked", "at_once", "taken today", "made", "set"):
        assert word in shown
    typed("tenant", "end", "acme")
    assert typed("tenant", "--json") == {"tenants": []}
    assert typed("tenant", "admin", "bob", "--json")["key"].startswith("rka-")
    assert "Nothing is broken" in typed("verify")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tenant", "add"), "which tenant?"),
        (("tenant", "revoke"), "which key?"),
        (("tenant", "show", "nobody"), "there is no tenant 'nobody'"),
        (("tenant", "add", "acme", "at_onze=3"), "Did you mean 'at_once'"),
        (("tenant", "add", "acme", "usd_per_day=3"), "needs a price"),
        (("tenant", "show", "acme", "at_once=3"), "takes no settings"),
        (("tenant", "key", "nobody"), "there is no tenant"),
        (("tenant", "admin", "bob", "lable=x"), "has no setting 'lable'"),
        (("tenant", "revoke", "ffff"), "no key begins like that"),
        (("served", "chatcmpl-none"), "no answer is known"),
        (("served", "--ending", "answerd"), "Did you mean 'answered'"),
        (("served", "--since", "yesterday"), "'yesterday' is no moment"),
        (("feedback", "export", "spam"), "--to is for export"),
        (("feedback", "export"), "feedback on what?"),
        (("feedback", "show", "spam"), "spam"),
    ],
)
def test_bad_words_are_told_with_a_way_out(typed: Typed, words: tuple[str, ...], said: str) -> None:
    assert said in typed(*words, code=2)


def test_what_was_served_is_looked_up_and_corrections_become_rows(typed: Typed, tmp_path: Path) -> None:
    typed("tenant", "add", "acme")
    with open_home(write=True) as home:
        tenant = home.tenants.get("acme").id
        candidate = a_candidate()
        home.candidates.add(candidate, "t" * 64)
        home.names.register("spam", candidate.id, Evidence(claimed="of a test"))
        head = answered(home, a_server(home), "chatcmpl-1", "chatcmpl-2", tenant=tenant, making=a_making(weight=0.5))
        home.served.keep_text("chatcmpl-1", "question", '[{"role":"user","content":"Is it\\u001b[31m?"}]', "2999")
        for id, answer in (("fb-1", "chatcmpl-1"), ("fb-2", "chatcmpl-2")):
            head = home.feedback.add(head, Word(id=id, answer=answer, tenant=tenant, key="k", thumb="down", correction="no"))
    listed = typed("served", "--tenant", "acme", "--ref", "spam", "--since", "2020-01-01", "--json")["rows"]
    assert [(row["id"], row["tenant_name"], row["ending"]) for row in listed] == [
        ("chatcmpl-2", "acme", "answered"),
        ("chatcmpl-1", "acme", "answered"),
    ]
    assert "chatcmpl-2" in typed("served")
    assert "No answer fits" in typed("served", "--model", "ham*")
    shown = typed("served", "chatcmpl-1")
    for word in ("aaaaaaaaaaaa x 0.5", "local 1", "7 + 3", "down", "question (kept)"):
        assert word in shown
    assert "\x1b" not in shown
    rows = tmp_path / "rows.jsonl"
    assert "1 rows. Of 1 more the question was not kept" in typed("feedback", "export", "spam", "--to", str(rows))
    assert json.loads(rows.read_text())["target"] == "no"
    assert "there already" in typed("feedback", "export", "spam", "--to", str(rows), code=2)
    assert len(typed("feedback", "show", "spam@1", "--json")["feedback"]) == 2
    assert "chatcmpl-1" in typed("feedback")
