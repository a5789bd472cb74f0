"""The HTML page of real climbs: whole, self-contained, honest about what is unknown, and deaf to hostile text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from real_climbs import ARABIC, HOSTILE, WAYS, rung_of, with_rung

from rung.errors import BrokenEnvironment
from rung.registry.documents import ClimbDocument, TrainingStep
from rung.report.html import page, write_html
from rung.types import Finding

Ended = Callable[[str], ClimbDocument]
FETCHING = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video"}
LOADING = {"src", "srcset", "action", "data", "poster", "background", "ping", "xlink:href"}
VOID = {"meta"}


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


@pytest.mark.parametrize("name", WAYS)
def test_a_page_is_well_formed_and_fetches_nothing(ended: Ended, name: str) -> None:
    source = page(ended(name))
    read = Page(source)
    assert not FETCHING & {tag for tag, _ in read.tags}
    for _tag, attrs in read.tags:
        assert not LOADING & set(attrs)
        assert not [key for key in attrs if key.startswith("on") or key == "style"]
        assert (attrs.get("href") or "#").startswith("#")
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style and "@import" not in style and ".ladder" in style
    assert "default-src 'none'" in str(read.all("meta")[1]["content"])


@pytest.mark.parametrize("name", WAYS)
def test_links_inside_the_page_lead_somewhere_and_ids_are_unique(ended: Ended, name: str) -> None:
    read = Page(page(ended(name)))
    ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for attrs in read.all("a")} <= {f"#{one}" for one in ids}


@pytest.mark.parametrize("name", WAYS)
def test_every_rung_is_there_with_its_word(ended: Ended, name: str) -> None:
    document = ended(name)
    read = Page(page(document))
    assert {attrs.get("id") for attrs in read.all("article")} == {rung.rung for rung in document.rungs}
    assert document.verdict.sentence in read.text
    for rung in document.rungs:
        assert rung.title in read.text
        assert rung.state.replace("_", " ") in read.text
        assert rung.reason in read.text


@pytest.mark.parametrize("name", WAYS)
def test_tables_have_captions_and_drawings_have_words(ended: Ended, name: str) -> None:
    document = ended(name)
    read = Page(page(document))
    assert len(read.all("table")) == len(read.all("caption")) > 0
    assert all(attrs.get("scope") for attrs in read.all("th"))
    assert all(attrs.get("aria-label") for attrs in read.all("svg") if attrs.get("role") == "img")
    labels = " ".join(attrs["aria-label"] or "" for attrs in read.all("svg") if attrs.get("role") == "img")
    for rung in document.rungs:
        assert not rung.verdict or f"{rung.rung}: estimate" in labels


def test_hostile_text_is_shown_and_never_obeyed(ended: Ended) -> None:
    source = page(ended("hostile"))
    read = Page(source)
    assert "<script" not in source and "<img" not in source and source.count("</style>") == 1
    assert f"{HOSTILE[0]} {HOSTILE[1]}" in read.text, "the instruction, as it was written: no template filled it in"
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\ud800-\udfff]", source)
    assert "⟨U+202E⟩" in read.text and "⟨U+001B⟩" in read.text
    source.encode("utf-8")


def test_a_lone_surrogate_and_a_zero_byte_are_spelt_out(ended: Ended) -> None:
    document = with_rung(ended("linear"), "r0_linear", title="\ud800 \x00 'onload=x", reason='"><b onclick=x>')
    read = Page(page(document))
    assert "⟨U+D800⟩ ⟨U+0000⟩ 'onload=x" in read.text and '"><b onclick=x>' in read.text


def test_words_of_any_script_arrive_whole_in_their_own_direction(ended: Ended) -> None:
    assert re.search(rf'<div class="words" dir="auto">\d+ \w+ {ARABIC}</div>', page(ended("hostile")))


def test_long_words_are_cut_and_say_how_much_is_left_out(ended: Ended) -> None:
    document = ended("hostile")
    longest = "🙌🏽 and on " * 12_000
    changed = [replace(change, question=longest, after=longest) for change in rung_of(document, "r1_prompt").broke]
    source = page(with_rung(document, "r1_prompt", broke=tuple(changed), reason=longest))
    assert "more characters are left out here" in source
    assert len(source) < 200_000


def test_changed_examples_say_how_many_there_are_in_all(ended: Ended) -> None:
    rung = rung_of(ended("hostile"), "r1_prompt")
    assert rung.broke_total > len(rung.broke) == 8
    read = Page(page(ended("hostile")))
    assert f"Examples of dev that it broke, against the rung below: 8 of {rung.broke_total} shown" in read.text
    assert all(change.example in read.text for change in rung.broke)


def test_an_unknown_figure_is_a_dash_and_a_known_zero_is_a_zero(ended: Ended) -> None:
    cells = _row(ended("prompt"), "What each rung took", "r1_prompt")
    assert cells["Cost per 1,000 answers"] == "$0.00" and cells["Machine time per answer"] == "0.25 s"
    assert _row(ended("failed"), "What each rung took", "r1_prompt")["Cost per 1,000 answers"] == "—"
    assert set(_row(ended("prompt"), "What each rung showed at the gate", "r2_retrieve").values()) == {"skipped", "—"}


@pytest.mark.parametrize("name", ["prompt", "failed", "relative"])
def test_numbers_reach_the_tables(ended: Ended, name: str) -> None:
    document = ended(name)
    for rung in document.rungs:
        if not rung.verdict:
            continue
        showed = _row(document, "What each rung showed at the gate", rung.rung)
        figure = f"{100 * rung.verdict.estimate:+.1f} points" if name == "relative" else f"{100 * rung.verdict.estimate:.1f}%"
        assert showed["Estimate"].replace("−", "-") == figure
        assert showed["Looked at"] == f"{rung.verdict.n} of {rung.verdict.n_total}"
        assert showed["Score on dev"] == f"{100 * rung.dev.mean:.1f}%"
        assert _row(document, "What each rung took", rung.rung)["Build time"] != "—"


def test_a_bar_on_a_difference_is_told_in_points(ended: Ended) -> None:
    document = ended("relative")
    read = Page(page(document))
    assert "better than r1_prompt by 5.0 points" in read.text and "percentage points" in read.text
    guard = re.search(r'<th scope="row" role="rowheader">no_worse</th>.*?</tr>', page(document), re.DOTALL)
    assert guard and "−10.0 points" in unescape(guard[0])


def _row(document: ClimbDocument, caption: str, rung: str) -> dict[str, str]:
    table = re.search(rf"<caption>{re.escape(caption)}</caption>.*?</table>", page(document), re.DOTALL)
    assert table
    row = re.search(rf'<tr[^>]*><th[^>]*><a href="#{rung}">.*?</tr>', table[0], re.DOTALL)
    assert row
    cells = re.findall(r'<td[^>]*data-label="([^"]*)"[^>]*>(.*?)</td>', row[0], re.DOTALL)
    return {label: re.sub("<[^>]*>", "", value).strip() for label, value in cells}


def test_the_ladder_places_bounds_on_their_sides_of_the_bar(ended: Ended) -> None:
    source = page(ended("documents"))
    rows = re.findall(r'<svg [^>]*aria-label="(r\d)\w+: estimate[^>]*>(.*?)</div>', source, re.DOTALL)
    bars = {_at(drawing, 'class="bar"') for _, drawing in rows}
    assert len(rows) == 2 and len(bars) == 1
    bar = bars.pop()
    spans = {name: re.search(r'x1="([\d.]+)%" x2="([\d.]+)%" y1="0" y2="0"', drawing) for name, drawing in rows}
    assert all(spans.values())
    assert float(spans["r1"][2]) < bar < float(spans["r2"][1])  # type: ignore[index]


def _at(drawing: str, kind: str) -> float:
    found = re.search(rf'x1="([\d.]+)%"[^>]*{kind}', drawing)
    assert found
    return float(found[1])


def test_a_training_is_drawn(ended: Ended) -> None:
    source = page(ended("failed"))
    steps = rung_of(ended("failed"), "r4_adapter").history
    assert steps and f'aria-label="Training loss: {steps[0].loss:.3g} at step 1' in source
    assert 'aria-label="Score on dev:' in source


def test_a_very_long_training_draws_few_points(ended: Ended) -> None:
    steps = [TrainingStep(step=step, loss=1.0 / step, lr=0.1, tokens_per_s=1.0, dev_score=None) for step in range(1, 20_001)]
    points = re.findall(r'points="([^"]*)"', page(with_rung(ended("failed"), "r4_adapter", history=tuple(steps))))
    assert 0 < max(len(line.split()) for line in points) <= 240


def test_digests_are_short_to_see_and_whole_to_copy(ended: Ended) -> None:
    task = ended("linear").lock.task
    assert f'<code class="copy clip" title="{task}">{task}</code>' in page(ended("linear"))


def test_the_page_says_what_to_do_next(ended: Ended) -> None:
    said = {name: Page(page(ended(name))).text for name in WAYS}
    assert 'rung answer solved@1 "..."' in said["prompt"]
    assert rung_of(ended("prompt"), "r1_prompt").undo in said["prompt"]
    assert all(f"rung climb {ended(name).task.path}" in said[name] for name in WAYS)
    assert "Nothing was registered, because no rung passed" in said["failed"]
    assert "Nothing was registered. About" in said["undecided"] and "more test labels would decide it." in said["undecided"]
    assert "new test rows, which start afresh" in said["undecided"]
    more = rung_of(ended("by_dev"), "r1_prompt").more_labels
    assert f"Nothing was registered. {more.said}" in said["by_dev"] and said["by_dev"].count(more.said) >= 3
    assert "together not above the bar; `alpha_shares: equal` looks at all 80." in more.said


def test_a_cheaper_form_that_is_kept_is_told(ended: Ended) -> None:
    words = Page(page(ended("prompt"))).text
    assert "Something cheaper?" in words and "without the demonstrations kept" in words


def test_parts_with_nothing_to_say_are_left_out(ended: Ended) -> None:
    words = Page(page(ended("linear"))).text
    for part in ("Something cheaper?", "What is missing", "What more would bring", "What was found in the data"):
        assert part not in words


def test_what_the_audit_found_is_told_with_where_it_stands(ended: Ended) -> None:
    document = ended("failed")
    found = Finding(severity="warning", message="7 rows hold <b>", check="pii", count=7, places=("rows.csv:3", "rows.csv:9"))
    words = Page(page(replace(document, findings=(*document.findings, found)))).text
    assert "What was found in the data" in words
    assert "warning 7 rows hold <b> rows.csv:3, rows.csv:9, …" in words
    assert all(finding.message in words for finding in document.findings)


def test_what_is_missing_is_drawn_with_its_bounds(ended: Ended) -> None:
    document = ended("documents")
    source, found = page(document), document.diagnosis
    read = Page(source)
    assert found and found.sentence in read.text and "What is missing" in read.text
    part = source[source.index('<section id="missing">') : source.index('<section id="rungs">')]
    drawn = [probe for probe in found.probes if probe.cause not in ("", "labels") and probe.lift is not None]
    assert drawn and part.count('class="estimate"') == len(drawn) + 1, "the probes and the key"
    assert 'aria-label="knowledge: +100.0 points' in part
    assert "the task gives no tools (tools:)" in part
    said = [line for probe in found.probes for line in probe.said]
    assert said and all(line in read.text for line in said)


def test_what_retrieval_found_is_told(ended: Ended) -> None:
    found = rung_of(ended("documents"), "r2_retrieve").retrieval
    assert (
        found and f"On {found.n} dev rows the text of the target is in the {found.k} passage" in Page(page(ended("documents"))).text
    )


def test_forecasts_are_drawn_and_told_as_such(ended: Ended) -> None:
    document = ended("failed")
    read = Page(page(document))
    assert document.forecast and document.forecast.breakeven
    (curve,) = document.forecast.curves
    assert "What more would bring" in read.text and "A forecast, not a proof" in read.text
    assert (curve.sentence[0].upper() + curve.sentence[1:]) in read.text
    drawn = [attrs for attrs in read.all("polygon") if attrs["class"] == "band"]
    assert len(drawn) == 1 and len(str(drawn[0]["points"]).split()) == 2 * len(curve.band)
    lines = [str(attrs["points"]).split() for attrs in read.all("polyline") if str(attrs["class"]).startswith("curve")]
    assert lines[-2][-1] == lines[-1][0], "the dashes go on where the line ends"
    words = next(str(attrs["aria-label"]) for attrs in read.all("svg") if "Learning curve" in str(attrs.get("aria-label")))
    assert f"{100 * curve.points[0].mean:.1f}% with {curve.points[0].rows} rows" in words
    for pair in document.forecast.breakeven.pairs:
        assert f"{pair.dearer} {pair.cheaper}" in read.text
    assert all(note[0].upper() + note[1:] in read.text for note in document.forecast.breakeven.notes)


def test_the_file_is_written_whole_into_a_new_folder(ended: Ended, tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.html"
    write_html(ended("linear"), target)
    assert target.read_text("utf-8") == page(ended("linear"))
    assert os.listdir(target.parent) == ["report.html"]


def test_a_failed_write_leaves_the_old_report(ended: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.html"
    target.write_text("old", "utf-8")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BrokenEnvironment, match="No space left on device") as caught:
        write_html(ended("linear"), target)
    assert caught.value.exit_code == 3 and str(target) in caught.value.message
    assert target.read_text("utf-8") == "old" and os.listdir(tmp_path) == ["report.html"]


def test_a_folder_in_the_way_is_a_clear_error(ended: Ended, tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(BrokenEnvironment, match="could not be written"):
        write_html(ended("linear"), tmp_path / "report.html")
    assert os.listdir(tmp_path) == ["report.html"]
