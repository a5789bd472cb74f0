"""A model card: its head is read by model hubs as it is meant, and its text says what is known and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from versions_made import (
    LOCK,
    linear_candidate,
    prompt_candidate,
    read_bytes,
    row,
    subject,
    tool,
    tools_candidate,
    verdict,
    with_document,
    written,
)

from rung.export.formats import card
from rung.export.records.card_text import inline, missing
from rung.export.records.told import told
from rung.registry.documents import CheaperForm
from rung.registry.home import Home
from rung.types import Limits


def head_of(folder: Path) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    return ModelCard.load(folder / "README.md").data.to_dict()


def text_of(folder: Path) -> str:
    return (folder / "README.md").read_text("utf-8")


def test_a_judged_version_says_what_was_signed(registry: Home, tmp_path: Path) -> None:
    made = with_document(
        registry, subject(registry, prompt_candidate(registry)), instruction="Yes or no?", limits=Limits(tokens_per_answer=8)
    )
    folder = written(made, card, tmp_path / "card")
    assert card.check(made, folder).holds
    result = head_of(folder)["model-index"][0]["results"][0]
    assert [one["name"] for one in result["metrics"]] == ["quality"]
    assert result["metrics"][0]["value"] == 0.75
    assert result["metrics"][0]["args"]["lower"] == 0.612
    assert result["dataset"]["revision"] == LOCK
    text = text_of(folder)
    for said in (
        "Ship the prompt: at least 61.2%.",
        "| rude | pass | — |",
        "96 of 120",
        "5.00%",
        "2.50%",
        "consequence medium",
        "Yes or no?",
    ):
        assert said in text, said
    assert "rung rollback tone" in text and "tokens of an answer: 8" in text


def test_figures_of_the_form_before_a_cheaper_one_are_told_apart(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    form = CheaperForm(
        name="half the rank",
        id=made.candidate.id,
        verdict=verdict("quality", 0.7),
        artefact_bytes=9,
        part_added=None,
        held=True,
        kept=True,
    )
    with_document(registry, made, artefact_bytes=2000, answer_s=0.5, cheaper=(form,))
    folder = written(made, card, tmp_path / "card")
    assert card.check(made, folder).holds
    text = text_of(folder)
    assert "registered is a cheaper form of it (half the rank), judged by itself on 96 rows: pass." in text
    assert "| its own files | 9 B |" in text and "are of the form before the cheaper one" in text


def test_a_claim_is_called_one_and_has_no_figures(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry), judged=False)
    folder = written(made, card, tmp_path / "card")
    assert card.check(made, folder).holds
    head = head_of(folder)
    assert "model-index" not in head and head["rung"]["status"] == "CLAIMED" and "receipt" not in head["rung"]
    assert "**CLAIMED**: no gate has judged this version. It says of itself: made elsewhere." in text_of(folder)
    assert "a verdict: no receipt that holds covers it" in missing(told(made))


def test_only_a_base_of_the_hub_is_named_in_the_head_and_no_path_of_this_machine_anywhere(registry: Home, tmp_path: Path) -> None:
    on_hub = written(subject(registry, prompt_candidate(registry)), card, tmp_path / "hub")
    assert head_of(on_hub)["base_model"] == "org/small"
    here = subject(registry, prompt_candidate(registry, base="/home/anna/secret/models/small@sha256:" + "ef" * 32))
    folder = written(here, card, tmp_path / "here")
    assert "base_model" not in head_of(folder)
    assert "/home/anna" not in text_of(folder) and "small, by its files alone" in text_of(folder)
    assert any("base_model" in note for note in card.notes(here))


@pytest.mark.parametrize("name", ["no", "1e5", "123", "null", "0x1f", "2026-11-26", "1_000"])
def test_a_name_that_yaml_takes_for_another_thing_stays_a_text(name: str, registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry), name=name)
    folder = written(made, card, tmp_path / "card")
    assert card.check(made, folder).holds
    dataset = head_of(folder)["model-index"][0]["results"][0]["dataset"]
    assert dataset["type"] == name
    # Readers of YAML 1.2 take 1e5 for a number where no quotes stand.
    assert f'"type": "{name}"' in text_of(folder)


def test_words_of_others_are_no_markdown_and_no_end_of_the_head(registry: Home, tmp_path: Path) -> None:
    prompt = "Fence:\n```\n---\n# Not a head | cell\n````text\n\u202eright to left"
    made = with_document(registry, subject(registry, prompt_candidate(registry, prompt=prompt)), remarks=("a | b\n# c <script>",))
    folder = written(made, card, tmp_path / "card")
    assert card.check(made, folder).holds
    text = text_of(folder)
    assert "`````text\nFence:\n```\n---\n# Not a head | cell\n````text\n⟨U+202E⟩right to left\n`````" in text
    assert r"A \| b \# c \<script\>." in text
    assert "<script>" not in text.replace(r"\<script\>", "") and "\u202e" not in text
    assert inline("a\n b|c") == r"a b\|c"


def test_rows_are_not_shown(registry: Home, tmp_path: Path) -> None:
    rows = [row("My number is 555-0199", "yes"), row("Call me", "no")]
    folder = written(subject(registry, prompt_candidate(registry, rows=rows, shared=1, k=1)), card, tmp_path / "card")
    assert "555-0199" not in text_of(folder) and "1 stand before every question, 1 more are the nearest" in text_of(folder)


def test_every_rung_has_one_and_the_same_one_twice(registry: Home, tmp_path: Path) -> None:
    made = [subject(registry, linear_candidate(registry)), subject(registry, tools_candidate(registry, [tool()]))]
    for number, one in enumerate(made):
        folder = written(one, card, tmp_path / f"{number}")
        assert card.check(one, folder).holds and not card.fits(one.candidate)
        assert read_bytes(folder) == read_bytes(written(one, card, tmp_path / f"{number} again"))
    assert head_of(tmp_path / "0")["pipeline_tag"] == "text-classification"


def test_a_card_that_says_something_else_is_found(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    folder = written(made, card, tmp_path / "card")
    (folder / "README.md").write_text(text_of(folder).replace('"value": 0.75', '"value": 0.95'))
    found = card.check(made, folder)
    assert not found.holds and "model-index" in found.said


def test_a_receipt_that_does_not_hold_is_no_verdict(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry), base="another")
    assert told(made).status == "CLAIMED"
    assert "**CLAIMED**" in text_of(written(made, card, tmp_path / "card"))


def test_a_document_of_an_earlier_version_is_told_of(registry: Home) -> None:
    made = subject(registry, prompt_candidate(registry))
    registry.climbs.begin(made.candidate.id, form=4, task=LOCK)
    registry.climbs.put(made.candidate.id, "document", {"climb": "old"})
    assert "earlier version" in told(made).note
    assert any("earlier version" in line for line in missing(told(made)))


def test_a_verdict_without_an_estimate_gives_no_number(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry), verdict=verdict("quality", None), guards=())
    assert "model-index" not in head_of(written(made, card, tmp_path / "card"))


def test_a_receipt_names_the_maker_or_it_is_said_to_be_missing(registry: Home) -> None:
    assert "who made it" not in missing(told(subject(registry, prompt_candidate(registry))))
    assert "who made it" in missing(told(subject(registry, prompt_candidate(registry), name="other", maker="")))
