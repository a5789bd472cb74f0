"""Every page: well formed, says what there is, obeys nothing that it shows, and says what to do where there is nothing."""

from __future__ import annotations

import re
from typing import Any

import parts
import pytest
from filled import HOSTILE
from visitor import Html, Visitor

from rung.registry.home import Home
from rung.serve.dashboard.data import Controls, Found

PATHS = {
    "overview": "/",
    "tasks": "/tasks",
    "task": "/tasks/tone",
    "task under way": "/tasks/legal-clauses",
    "climb": f"/climbs/{'2c' * 32}",
    "climb under way": f"/climbs/{'5e' * 32}",
    "jobs": "/jobs",
    "registry": "/registry",
    "name": "/registry/tone",
    "version": "/versions/tone@2",
    "version by alias": "/versions/tone@champion",
    "claimed": "/versions/brought-in@1",
    "proved": "/versions/tone@2?check=1",
    "diff": "/diff?before=tone@1&after=tone@2",
    "traffic": "/traffic",
    "traffic of one": "/traffic/tone@2",
    "rollouts": "/rollouts",
    "approvals": "/approvals",
    "audit": "/audit",
    "answer": "/audit/answers/chatcmpl-000000000000000000000001",
    "chain": "/audit/chain",
    "tenants": "/tenants",
    "playground": "/playground?ref=tone@2",
}
# Where what others wrote is shown whole.
WHOLE = {"task", "climb", "jobs", "name", "claimed", "rollouts", "approvals", "answer", "tenants"}
LOADING = {"src", "srcset", "data", "poster", "background", "ping"}


@pytest.fixture(scope="module")
def reader(kept: Home) -> Visitor:
    """Somebody who only looks."""
    return Visitor(parts.controls(kept)).log_in()


@pytest.fixture(scope="module")
def attacks(attacked: Home) -> Visitor:
    return Visitor(parts.controls(attacked, HOSTILE)).log_in()


@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_well_formed_and_loads_nothing_from_elsewhere(reader: Visitor, name: str) -> None:
    page = reader.look(PATHS[name])
    assert len(page.all("h1")) == 1 and len(page.all("main")) == 1
    for tag, attrs in page.tags:
        assert not [key for key in attrs if key.startswith("on") or key == "style"], (tag, attrs)
        assert tag == "script" or not LOADING & set(attrs), (tag, attrs)
        for key in ("href", "src", "action"):
            assert (attrs.get(key) or "/").startswith(("/", "#")) and not (attrs.get(key) or "").startswith("//")
    assert "<script>" not in page.source and "<style" not in page.source
    _fields_and_drawings_have_words(page)
    forms = [attrs for attrs in page.all("form") if attrs.get("method") == "post"]
    tokens = [attrs for attrs in page.all("input") if attrs.get("name") == "csrf"]
    assert len(forms) == len(tokens) and all(one["value"] == reader.csrf for one in tokens)


def _fields_and_drawings_have_words(page: Html) -> None:
    assert all(attrs.get("role") == "table" for attrs in page.all("table")) and len(page.all("caption")) == len(page.all("table"))
    labelled = {attrs.get("for") for attrs in page.all("label")}
    for field in [attrs for tag in ("input", "select", "textarea") for attrs in page.all(tag)]:
        if field.get("type") not in ("hidden", "checkbox"):
            assert field.get("id") in labelled, field
    assert all(attrs.get("aria-label") for attrs in page.all("svg") if attrs.get("role") == "img")
    links = {str(attrs["href"])[1:] for attrs in page.all("a") if (attrs.get("href") or "").startswith("#")}
    assert links <= page.ids


@pytest.mark.parametrize("name", PATHS)
def test_an_attack_is_shown_and_never_obeyed(attacks: Visitor, name: str) -> None:
    source = attacks.http.get(PATHS[name]).text
    Html(source)
    assert "<script>alert" not in source and "<img" not in source and "\u202e" not in source
    assert not re.search(r"onerror=alert\(2\)(>|&gt;)49", source), "a template was filled in"
    if name in WHOLE:
        assert "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}" in attacks.look(PATHS[name]).text


@pytest.mark.parametrize("server", ["bare", "idle"])
def test_an_empty_home_says_what_to_do_next(empty: Home, server: str) -> None:
    visitor = Visitor(_idle(empty, with_parts=server == "idle")).log_in()
    for path in [path for path in PATHS.values() if path.count("/") == 1 and "=" not in path]:
        page = visitor.look(path)
        assert any(attrs.get("class") == "empty" for attrs in page.all("div")), path
        assert "None" not in page.text and "undefined" not in page.text.lower(), path


def _idle(home: Home, *, with_parts: bool) -> Controls:
    class Nothing:
        def __getattr__(self, name: str) -> Any:
            return lambda *_args, **_named: Found(rows=()) if name == "search" else []

    names = ("journal", "rollouts", "holds", "tenants", "asks")
    return Controls(home=home, admins=parts.OneAdmin(), **({name: Nothing() for name in names} if with_parts else {}))


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/climbs/0",
        "/climbs/ffffffff",
        "/tasks/nobody",
        "/registry/nobody",
        "/versions/nobody@7",
        "/jobs/job-none",
        "/audit/answers/none",
        "/traffic/nobody@1",
        "/tasks/%2e%2e%2fetc",
        "/versions/tone@1%00",
        "/diff/x",
        "/registry/tone/../../etc/passwd",
        "/climbs/%F0%9F%99%8C",
    ],
)
def test_what_is_not_there_is_said_to_be_not_there(reader: Visitor, path: str) -> None:
    page = reader.look(path, 404)
    assert page.all("main") and "Traceback" not in page.source


@pytest.mark.parametrize(
    "path",
    [
        "/tasks?from=-1",
        "/tasks?from=99999999999999999999",
        "/registry?from=%D9%A3&q=%25",
        "/audit/chain?before=9e9&kind=%27",
        "/audit/chain?q=%25_%5C",
        "/audit?ending=sideways&before=",
        "/diff?before=tone@1&after=nobody",
        "/registry?q=%00&by=ground",
        f"/audit?q={'x' * 5000}",
        "/playground?ref=,,,,&ref=x",
    ],
)
def test_a_query_that_makes_no_sense_is_a_page_all_the_same(reader: Visitor, path: str) -> None:
    reader.look(path)


def test_the_ladder_of_a_task_shows_every_rung_with_bounds_cost_and_winner(reader: Visitor) -> None:
    text = reader.look("/tasks/tone").text
    assert "Ship r4_adapter: at least 84.1%, bar 80.0%." in text
    for rung in ("r0_linear", "r1_prompt", "r2_retrieve", "r3_tools", "r4_adapter", "r5_full"):
        assert rung in text
    assert "84.1% to 89.6%" in text and "$0.12" in text and "1.8 MB" in text and "the task names no documents" in text


def test_a_climb_that_goes_on_says_how_far_it_is(reader: Visitor) -> None:
    page = reader.look(f"/climbs/{'5e' * 32}")
    assert "The gate judges r4_adapter." in page.text and "61.0%, 57.9% to 63.4% on 312 rows" in page.text
    assert "$0.42" in page.text and "no failure is put right by a tool" in page.text
    assert [attrs["data-every"] for attrs in page.all("main")] == ["3"]


def test_a_climb_that_cannot_be_read_says_how_to_repeat_it(empty: Home) -> None:
    from rung.types import Bar, Task

    task = Task(name="old", base="b", instruction="", examples=(), quality=Bar(scorer="choice", at_least=0.5), path="old.yaml")
    empty.tasks.add(task)
    empty.climbs.begin("0d" * 32, form=1, task=task.digest)
    empty.climbs.put("0d" * 32, "document", {"verdict": {"sentence": "Ship it."}, "task": {"path": "old.yaml"}})
    visitor = Visitor(Controls(home=empty, admins=parts.OneAdmin())).log_in()
    for path in ("/tasks", "/tasks/old", f"/climbs/{'0d' * 32}"):
        assert "is of an earlier version" in visitor.look(path).text
    assert "Ship it." in visitor.look("/jobs").text


def test_a_version_tells_its_receipt_its_lineage_and_what_is_proved(reader: Visitor) -> None:
    text = reader.look("/versions/tone@2?check=1").text
    assert "receipt holds" in text and "estimate 94.0%" in text and "champion" in text
    assert "CLAIMED recipe" in text and "PROVED" in text and "MISSING" in text
    assert "CLAIMED" in reader.look("/versions/brought-in@1").text


def test_the_story_of_a_name_has_every_move_with_its_reason(reader: Visitor) -> None:
    text = reader.look("/registry/tone").text
    assert "champion 1 to 2" in text and "The release of November" in text and "blue set to 1" in text


def test_what_parts_two_versions_is_told(reader: Visitor) -> None:
    text = reader.look("/diff?before=tone@1&after=tone@2").text
    assert "-version 2" in text and "+version 3" in text and "88.0%" in text and "94.0%" in text


def test_the_registry_is_searched_by_name_and_by_what_versions_rest_on(reader: Visitor) -> None:
    assert "spam" not in reader.look("/registry?q=ton").text.partition("Names, the one")[2]
    page = reader.look("/registry?q=pip:llm&by=ground").text
    assert "tone" in page and "spam" in page
    assert "Nothing that is registered fits that." in reader.look("/registry?q=zzz").text


def test_the_audit_is_paged_and_searched(reader: Visitor) -> None:
    page = reader.look("/audit")
    older = next(attrs["href"] for attrs in page.all("a") if attrs.get("rel") == "next")
    assert reader.look(str(older)).text != page.text
    failed = reader.look("/audit?ending=failed")
    assert "failed" in failed.text and "answered" not in failed.text.partition("Feedback")[2]
    chain = reader.look("/audit/chain?subject=tone@2")
    assert "register" in chain.text and "spam@1" not in chain.text
    assert "promote" in reader.look("/audit/chain?kind=promote").text
    assert "No line fits that." in reader.look("/audit/chain?q=zzzzz").text


def test_a_page_that_renews_itself_takes_no_note_away(anna: Visitor) -> None:
    anna.send("/approvals/held-aa", {"action": "refuse", "reason": ""})
    renewed = anna.http.get("/approvals", headers={"X-Rung-Renews": "1"}).text
    assert "a refusal needs a reason" not in renewed
    assert "a refusal needs a reason" in anna.look("/approvals").text
    assert "a refusal needs a reason" not in anna.look("/approvals").text
