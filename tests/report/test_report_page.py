"""The HTML page: whole, self-contained, honest about what is unknown, and deaf to hostile text."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rung.errors import BrokenEnvironment
from rung.report import html
from rung.report.html import page, write_html
from rung.report.markup import VOID

NAMES = ("passed", "failed", "undecided", "single", "unfinished")
FETCHING = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video"}
LOADING = {"src", "srcset", "action", "data", "poster", "background", "ping", "xlink:href"}


class Page(HTMLParser):
    """Reads a page strictly: every tag must be closed in order, no attribute may stand twice."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_well_formed_and_fetches_nothing(documents: dict[str, Any], name: str) -> None:
    source = page(documents[name])
    read = Page(source)
    assert not FETCHING & {tag for tag, _ in read.tags}
    for _tag, attrs in read.tags:
        assert not LOADING & set(attrs)
        assert not [key for key in attrs if key.startswith("on") or key == "style"]
        assert (attrs.get("href") or "#").startswith("#")
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style and "@import" not in style
    assert "default-src 'none'" in str(read.all("meta")[1]["content"])


@pytest.mark.parametrize("name", NAMES)
def test_links_inside_the_page_lead_somewhere_and_ids_are_unique(documents: dict[str, Any], name: str) -> None:
    read = Page(page(documents[name]))
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for attrs in read.all("a")} <= {f"#{one}" for one in ids}


@pytest.mark.parametrize("name", NAMES)
def test_every_rung_is_there_with_its_word(documents: dict[str, Any], name: str) -> None:
    read = Page(page(documents[name]))
    ids = {attrs.get("id") for attrs in read.all("article")}
    assert ids == {rung["rung"] for rung in documents[name]["rungs"]}
    for rung in documents[name]["rungs"]:
        assert rung["title"] in read.text
        assert rung["state"].replace("_", " ") in read.text
        assert rung["reason"] in read.text


@pytest.mark.parametrize("name", NAMES)
def test_tables_have_captions_and_drawings_have_words(documents: dict[str, Any], name: str) -> None:
    read = Page(page(documents[name]))
    assert len(read.all("table")) == len(read.all("caption")) > 0
    assert all(attrs.get("scope") for attrs in read.all("th"))
    assert all(attrs.get("aria-label") for attrs in read.all("svg") if attrs.get("role") == "img")
    labels = " ".join(attrs["aria-label"] or "" for attrs in read.all("svg") if attrs.get("role") == "img")
    for rung in documents[name]["rungs"]:
        assert not rung["verdict"] or f"{rung['rung']}: estimate" in labels


def test_hostile_text_is_shown_and_never_obeyed(passed: dict[str, Any]) -> None:
    hostile = "\"><script>alert(1)</script><!-- </style> & &lt; \u202e \x00 \ud800 'onload=x"
    source = page(_poisoned(passed, hostile))
    read = Page(source)
    assert "<script" not in source and "alert(1)" in read.text
    assert not re.search("[\x00-\x08\u202a-\u202e\ud800-\udfff]", source)
    assert "⟨U+202E⟩" in read.text and "⟨U+0000⟩" in read.text and "⟨U+D800⟩" in read.text
    source.encode("utf-8")


def _poisoned(value: Any, poison: str) -> Any:
    if isinstance(value, dict):
        return {key: _poisoned(item, poison) if key not in ("rung", "state", "status") else item for key, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, poison) for item in value]
    return value + poison if isinstance(value, str) else value


def test_words_of_any_script_arrive_whole_in_their_own_direction(passed: dict[str, Any]) -> None:
    source = page(passed)
    assert '<div class="words" dir="auto">الخدمة كانت ممتازة جدا، شكرا لكم! رقم الطلب 4711.</div>' in source
    assert "🙌🏽👩‍👩‍👧 best. support. ever!!! 🎉" in source


def test_long_answers_are_cut_and_say_how_much_is_left_out(passed: dict[str, Any]) -> None:
    source = page(passed)
    assert "21,700 more characters are left out here" in source
    assert len(source) < 200_000


def test_no_more_changed_examples_than_can_be_read_are_shown(passed: dict[str, Any]) -> None:
    read = Page(page(passed))
    assert "Examples of dev that it fixed, against the rung below: 20 of 75 shown" in read.text
    assert "Examples of dev that it broke, against the rung below: 1 shown" in read.text
    assert "cost per answer are those of the dev rows" in read.text
    assert "tone.csv:981" in read.text and "tone.csv:2060" not in read.text


def test_an_unknown_figure_is_a_dash_and_a_known_zero_is_a_zero(passed: dict[str, Any]) -> None:
    cells = _row(passed, "What each rung took", "r0_linear")
    assert cells["Cost per 1,000 answers"] == "$0.00"
    assert cells["Tokens in"] == cells["Tokens out"] == "—"
    assert _row(passed, "What each rung took", "r4_adapter")["Cost per 1,000 answers"] == "—"
    assert set(_row(passed, "What each rung showed on the gate", "r2_retrieve").values()) == {"skipped", "—"}


def test_numbers_reach_the_tables(passed: dict[str, Any]) -> None:
    showed = _row(passed, "What each rung showed on the gate", "r4_adapter")
    assert showed == {
        "Verdict": "passed", "Estimate": "83.2%", "Bounds": "80.4% to 85.6%", "Bar": "80.0%", "Looked at": "1,200 of 1,200",
        "Alpha": "0.0125", "Score on dev": "84.1%",
    }  # fmt: skip
    took = _row(passed, "What each rung took", "r4_adapter")
    assert (took["Build time"], took["Time on gate"], took["Artefact"]) == ("3 min 24 s", "34 s", "3.7 MB")


def test_a_bar_on_a_difference_is_told_in_points(undecided: dict[str, Any]) -> None:
    showed = _row(undecided, "What each rung showed on the gate", "r4_adapter")
    assert (showed["Estimate"], showed["Bounds"], showed["Bar"]) == ("+6.2 points", "+3.1 to +9.3 points", "+5.0 points")
    assert "Label about 1,900 more gate rows" in Page(page(undecided)).text


def _row(document: dict[str, Any], caption: str, rung: str) -> dict[str, str]:
    table = re.search(rf"<caption>{re.escape(caption)}</caption>.*?</table>", page(document), re.DOTALL)
    assert table
    row = re.search(rf'<tr[^>]*><th[^>]*><a href="#{rung}">.*?</tr>', table[0], re.DOTALL)
    assert row
    cells = re.findall(r'<td[^>]*data-label="([^"]*)"[^>]*>(.*?)</td>', row[0], re.DOTALL)
    return {label: re.sub("<[^>]*>", "", value) for label, value in cells}


def test_the_ladder_places_bounds_on_their_sides_of_the_bar(passed: dict[str, Any]) -> None:
    source = page(passed)
    rows = re.findall(r'<svg [^>]*aria-label="(r\d)\w+: estimate[^>]*>(.*?)</div>', source)
    bars = {_at(drawing, 'class="bar"') for _, drawing in rows}
    assert len(rows) == 3 and len(bars) == 1
    bar = bars.pop()
    spans = {name: re.search(r'x1="([\d.]+)%" x2="([\d.]+)%" y1="0" y2="0"', drawing) for name, drawing in rows}
    assert all(spans.values())
    assert float(spans["r0"][2]) < bar < float(spans["r4"][1])  # type: ignore[index]


def _at(drawing: str, kind: str) -> float:
    found = re.search(rf'x1="([\d.]+)%"[^>]*{kind}', drawing)
    assert found
    return float(found[1])


def test_training_curves_skip_what_is_not_finite(passed: dict[str, Any]) -> None:
    history = passed["rungs"][4]["history"]
    history[3]["loss"], history[4]["loss"], history[5] = float("nan"), None, {"loss": 1.0}
    source = page(passed)
    assert "nan" not in re.findall(r'points="([^"]*)"', source)[0]
    assert 'aria-label="Training loss:' in source and 'aria-label="Score on dev:' in source


def test_a_very_long_training_draws_few_points(passed: dict[str, Any]) -> None:
    passed["rungs"][4]["history"] = [{"step": step, "loss": 1.0 / step, "dev_score": None} for step in range(1, 20_001)]
    points = re.findall(r'points="([^"]*)"', page(passed))
    assert 0 < max(len(line.split()) for line in points) <= 240


def test_digests_are_short_to_see_and_whole_to_copy(passed: dict[str, Any]) -> None:
    task = passed["lock"]["task"]
    assert f'<code class="copy clip" title="{task}">{task}</code>' in page(passed)


def test_the_page_says_what_to_do_next(documents: dict[str, Any]) -> None:
    said = {name: Page(page(document)).text for name, document in documents.items()}
    assert 'rung answer tone@1 "..."' in said["passed"] and "its weights were never changed" in said["passed"]
    assert "rung climb tasks/tone/task.yaml" in said["passed"]
    assert "Nothing was registered" in said["failed"]
    assert "the same command goes on" in said["unfinished"] and "passed the bar" not in said["unfinished"]


def test_parts_with_nothing_to_say_are_left_out(single: dict[str, Any]) -> None:
    words = Page(page(single)).text
    assert "Something cheaper?" not in words and "What was not tried" not in words and "What this gate can prove" not in words


def test_a_document_with_hardly_anything_is_still_a_page() -> None:
    assert "not finished" in Page(page({"finished": False})).text
    assert Page(page({})).text


def test_the_file_is_written_whole_into_a_new_folder(passed: dict[str, Any], tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.html"
    write_html(passed, target)
    assert target.read_text("utf-8") == page(passed)
    assert os.listdir(target.parent) == ["report.html"]


def test_a_failed_write_leaves_the_old_report(passed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.html"
    target.write_text("old", "utf-8")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(html.os, "replace", full)
    with pytest.raises(BrokenEnvironment, match="No space left on device") as caught:
        write_html(passed, target)
    assert caught.value.exit_code == 3 and str(target) in caught.value.message
    assert target.read_text("utf-8") == "old" and os.listdir(tmp_path) == ["report.html"]


def test_a_folder_in_the_way_is_a_clear_error(passed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(BrokenEnvironment, match="could not be written"):
        write_html(passed, tmp_path / "report.html")
    assert os.listdir(tmp_path) == ["report.html"]


def test_forecasts_are_drawn_and_told_as_such(failed: dict[str, Any]) -> None:
    source = page(failed)
    read = Page(source)
    assert "What more would bring" in read.text
    assert "The bar of 80.0% is forecast to take at least 300 more train rows" in read.text
    assert "A forecast, not a proof" in read.text
    drawn = [attrs for attrs in read.all("polygon") if attrs["class"] == "band"]
    assert len(drawn) == 1 and len(str(drawn[0]["points"]).split()) == 22
    lines = [str(attrs["points"]).split() for attrs in read.all("polyline") if str(attrs["class"]).startswith("curve")]
    assert lines[-2][-1] == lines[-1][0], "the dashes go on where the line ends"
    words = next(str(attrs["aria-label"]) for attrs in read.all("svg") if "Learning curve" in str(attrs.get("aria-label")))
    assert "64.0% with 150 rows" in words and "with 2,400" in words
    assert "r4_adapter r1_prompt 41,001 answers 30,000 to never 0.4" in read.text
    assert "r4_adapter r0_linear never — —" in read.text
    assert "r4_adapter $600.00 — — — —" in read.text
    assert "In answers, not months." in read.text


def test_no_forecast_is_no_section(passed: dict[str, Any]) -> None:
    for told in (None, {}, {"curves": [], "breakeven": None}, {"curves": [{"rung": "r0_linear", "band": [{"rows": 1}]}]}):
        read = Page(page(passed | {"forecast": told}))
        assert ("What more would bring" in read.text) == bool(told and told["curves"])
