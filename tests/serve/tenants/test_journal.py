"""The journal of a server: kept before it returns, in few transactions, whole under kills and refusals of the disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from asking import ACME, OTHER, Played, asked, outcome, said, served

from rung.errors import BrokenEnvironment
from rung.registry import servers
from rung.registry.home import Home, open_home
from rung.registry.served import DIED, UNDER_WAY, Wanted
from rung.serve.tenants.journal import OTHERS
from rung.serve.tenants.tenancy import Tenancy, open_tenancy
from rung.serve.tenants.words import answer_digest, question_digest
from rung.serve.types import Feedback, Refused


def rows(home: Home, **wanted: str) -> list[tuple[str, str]]:
    return [(row.begun.id, row.ending) for row in home.served.find(Wanted(**wanted), limit=1_000)]


def test_an_answer_is_told_with_all_that_made_it(tenancy: Tenancy, registry: Home) -> None:
    question, made = asked(session="s1\nx"), served()
    tenancy.journal.begin(question, made, "fp_1")
    assert rows(registry) == [("chatcmpl-1", UNDER_WAY)]
    assert [one.asked.id for one in tenancy.journal.under_way()] == ["chatcmpl-1"]
    tenancy.journal.end("chatcmpl-1", outcome(answer=said("yes", cost_usd=0.5)))
    assert tenancy.journal.under_way() == []
    row = registry.served.get("chatcmpl-1")
    assert row is not None
    assert row.end is not None
    assert row.begun.making is not None
    assert (row.begun.tenant, row.begun.key, row.begun.ref) == ("tenant-acme", "k1", "spam@1")
    assert (row.begun.making.base, row.begun.making.adapters) == (made.candidate.base, (("a" * 64, 0.5),))
    assert (row.begun.question, row.end.answer) == (question_digest(question), answer_digest(said("yes")))
    assert (row.end.prompt_tokens, row.end.completion_tokens, row.end.usd) == (10, 5, 0.5)
    assert row.begun.session == "s1 x"
    assert registry.served.texts("chatcmpl-1") == {}
    assert registry.integrity.faults() == []


def test_many_at_once_share_their_transactions(tenancy: Tenancy, registry: Home) -> None:
    def answers(number: int) -> None:
        for turn in range(5):
            id = f"chatcmpl-{number}-{turn}"
            tenancy.journal.begin(asked(id), served(), "fp_1")
            assert registry.served.get(id) is not None, "what returned is kept"
            tenancy.journal.end(id, outcome())

    threads = [threading.Thread(target=answers, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(registry, ending="answered")) == 60
    tenancy.close()
    assert registry.integrity.faults() == []
    assert registry.integrity.remarks() == []


@pytest.mark.sqlite
def test_a_row_that_is_refused_spoils_no_other(tenancy: Tenancy, registry: Home) -> None:
    tenancy.journal.begin(asked("twice"), served(), "")
    found: list[object] = []

    def begin(id: str) -> None:
        try:
            tenancy.journal.begin(asked(id), served(), "")
            found.append(id)
        except Refused as refused:
            found.append(refused.status)

    hold = threading.Event()
    tenancy.journal._writer.later(lambda _: hold.wait(5))
    threads = [threading.Thread(target=begin, args=(id,)) for id in ("one", "twice", "two")]
    for thread in threads:
        thread.start()
    hold.set()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == ["503", "one", "two"]
    assert registry.integrity.faults() == []


@pytest.mark.sqlite
def test_a_disk_that_refuses_is_told_and_mended(tenancy: Tenancy, registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    tenancy.journal.begin(asked("before"), served(), "")
    real = registry.segments.add

    def full(*_: object) -> None:
        raise BrokenEnvironment("no space left on the disk")

    monkeypatch.setattr(registry.segments, "add", full)
    for call in (
        lambda: tenancy.journal.begin(asked("lost"), served(), ""),
        lambda: tenancy.journal.end("before", outcome()),
        lambda: tenancy.journal.refuse(ACME, "spam", Refused(404, "no such model")),
    ):
        with pytest.raises(Refused) as caught:
            call()
        assert (caught.value.status, caught.value.code) == (503, "journal_unavailable")
    assert tenancy.journal._writer.trouble == "no space left on the disk"
    monkeypatch.setattr(registry.segments, "add", real)
    tenancy.journal._writer.do(tenancy.journal._pay)
    assert tenancy.journal._writer.trouble == ""
    assert rows(registry) == [("before", "failed")], "what could not be told then is told as soon as it can be"
    tenancy.journal._writer.do(tenancy.journal._pay)
    assert tenancy.journal._owed == {}
    assert registry.integrity.faults() == []


@pytest.mark.sqlite
def test_a_registry_that_another_program_holds_is_told_and_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "BUSY_TIMEOUT_MS", 100)
    with open_home(write=True) as registry:
        tenancy = open_tenancy(registry)
        holder = sqlite3.connect(home / "registry.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refused) as caught:
            tenancy.journal.begin(asked("one"), served(), "")
        assert (caught.value.status, caught.value.retry_after_s) == (503, 5.0)
        assert "busy" in tenancy.journal._writer.trouble
        holder.execute("ROLLBACK")
        holder.close()
        tenancy.journal.begin(asked("two"), served(), "")
        assert rows(registry) == [("two", UNDER_WAY)]
        tenancy.close()
        assert registry.integrity.faults() == []


def test_refused_attempts_are_kept_and_a_flood_is_a_few_rows(registry: Home) -> None:
    clock = Played()
    tenancy = open_tenancy(registry, clock=clock)
    refused = Refused(401, "Incorrect API key provided.", type="authentication_error", code="invalid_api_key")
    for _ in range(300):
        tenancy.journal.refuse(None, "key", refused)
    for number in range(100):
        tenancy.journal.refuse(OTHER, f"spam-{number}", Refused(404, "no such model", code="model_not_found"))
    tenancy.close()
    found = registry.served.find(limit=1_000)
    assert sum(row.begun.times for row in found if not row.begun.tenant) == 300
    assert sum(row.begun.times for row in found if row.begun.tenant == OTHER.id) == 100
    assert len(found) == 2 + 21
    assert {row.ending for row in found} == {"refused"}
    assert [row.begun.times for row in found if row.begun.model == OTHERS] == [80]
    assert all(row.end is not None and row.end.status in (401, 404) for row in found)
    assert registry.integrity.faults() == []


def test_words_that_no_database_takes_are_kept_readable(registry: Home) -> None:
    tenancy = open_tenancy(registry, keep_text_days=1.0)
    strange = "a\x00b\ud800\u202e" + "x" * 300
    question = asked(model=strange, session=strange, messages=({"role": "user", "content": strange},))
    tenancy.journal.begin(question, served(), "fp")
    tenancy.journal.end(question.id, outcome(answer=said(strange), reason=strange))
    tenancy.journal.refuse(ACME, strange, Refused(404, strange))
    row = registry.served.get(question.id)
    assert row is not None
    assert row.begun.model.startswith("a⟨U+0000⟩b⟨U+D800⟩⟨U+202E⟩x")
    assert len(row.begun.model) <= 200
    assert set(registry.served.texts(question.id)) == {"question", "answer"}
    tenancy.close()
    assert registry.integrity.faults() == []


@pytest.mark.sqlite
def test_words_go_when_their_days_are_over_whichever_server_removes_them(registry: Home) -> None:
    for id, days in (("short", 1e-9), ("long", 1e9)):
        tenancy = open_tenancy(registry, keep_text_days=days)
        tenancy.journal.begin(asked(id), served(), "fp")
        tenancy.close()
    other = open_tenancy(registry)
    time.sleep(0.002)
    other.journal._writer.do(other.journal._forget)
    assert registry.served.texts("short") == {}
    assert set(registry.served.texts("long")) == {"question"}
    other.close()


def test_feedback_is_of_ones_own_answers_and_every_other_attempt_is_kept(tenancy: Tenancy, registry: Home) -> None:
    tenancy.journal.begin(asked(), served(), "fp")
    tenancy.journal.end("chatcmpl-1", outcome())
    id = tenancy.journal.say(ACME, Feedback(answer="chatcmpl-1", thumb="up", score=0.5, correction="no", said={"a": 1}))
    assert [heard.word.id for heard in registry.feedback.of("chatcmpl-1")] == [id]
    told = []
    for answer in ("chatcmpl-1", "chatcmpl-2"):
        with pytest.raises(Refused) as caught:
            tenancy.journal.say(OTHER, Feedback(answer=answer, thumb="down"))
        told.append((caught.value.status, caught.value.code, caught.value.message.replace(answer, "")))
    assert told[0] == told[1], "another's answer and none are told alike"
    assert told[0][0] == 404
    attempts = registry.served.find(Wanted(tenant=OTHER.id))
    assert [row.begun.model for row in attempts] == ["feedback on chatcmpl-2", "feedback on chatcmpl-1"]
    with pytest.raises(Refused, match="needs a thumb"):
        tenancy.journal.say(ACME, Feedback(answer="chatcmpl-1"))
    assert len(registry.feedback.newest()) == 1
    assert registry.integrity.faults() == []


def test_a_server_that_was_taken_for_dead_goes_on_in_a_segment_of_its_own(tenancy: Tenancy, registry: Home) -> None:
    tenancy.journal.begin(asked("one"), served(), "")
    writer = tenancy.journal._writer
    first = writer.segment
    with registry.together():
        from rung.registry.served_tables import serving

        with registry._database.writing() as connection:
            connection.execute(serving.delete())
    with open_home(write=True) as home:
        other = open_tenancy(home)
        assert other.journal.died == ["one"]
        tenancy.journal.end("one", outcome())
        tenancy.journal.begin(asked("two"), served(), "")
        assert writer.segment != first
        other.close()
    tenancy.close()
    assert dict(rows(registry)) == {"one": DIED, "two": UNDER_WAY}
    assert registry.integrity.faults() == []


WORK = """
import sys, threading
from pathlib import Path
sys.path.insert(0, {here!r})
from asking import asked, outcome, served
from rung.registry.home import open_home
from rung.serve.tenants.tenancy import open_tenancy

home = open_home(write=True)
tenancy = open_tenancy(home)
lock = threading.Lock()

def tell(word):
    with lock:
        print(word, flush=True)

def answers(number):
    for turn in range(10_000):
        id = f"chatcmpl-{{number}}-{{turn}}"
        tenancy.journal.begin(asked(id), served(), "fp")
        tell("begun " + id)
        tenancy.journal.end(id, outcome())
        tell("ended " + id)

for number in range(4):
    threading.Thread(target=answers, args=(number,), daemon=True).start()
threading.Event().wait()
"""


def test_a_kill_loses_nothing_that_a_client_has_seen(registry: Home) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", WORK.format(here=str(Path(__file__).parent))], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    told = [running.stdout.readline().split() for _ in range(60)]
    os.kill(running.pid, signal.SIGKILL)
    told += [line.split() for line in running.stdout]
    running.wait()
    tenancy = open_tenancy(registry)
    found = dict(rows(registry))
    assert all(id in found for _, id in told)
    assert all(found[id] == "answered" for word, id in told if word == "ended")
    assert set(tenancy.journal.died) == {id for id, ending in found.items() if ending == DIED}
    assert len(tenancy.journal.died) <= 4
    assert UNDER_WAY not in found.values()
    tenancy.close()
    assert registry.integrity.faults() == []
    assert registry.integrity.remarks() == []
