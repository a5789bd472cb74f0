"""A CycloneDX bill: CycloneDX's own validator has nothing against it, and it says the same for the same record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from versions_made import (
    linear_candidate,
    prompt_candidate,
    read_bytes,
    retrieval_candidate,
    row,
    subject,
    tool,
    tools_candidate,
    with_document,
    written,
)

from rung.export.formats import bom
from rung.registry.home import Home

pytest.importorskip("cyclonedx")


def bill(folder: Path) -> dict[str, Any]:
    return json.loads((folder / bom.FILE).read_text())


def test_every_rung_is_a_bill_without_a_violation_and_the_same_twice(registry: Home, tmp_path: Path) -> None:
    rows = [row("Good day", "yes"), row("Bad day", "no")]
    made = [
        with_document(
            registry, subject(registry, prompt_candidate(registry, rows=rows, shared=2)), instruction="Yes\x00or no?\u202e"
        ),
        subject(registry, linear_candidate(registry)),
        subject(registry, retrieval_candidate(registry, dense=True), judged=False),
        subject(registry, tools_candidate(registry, [tool()], {"tools.py": "def find_order(number): ..."})),
        subject(registry, prompt_candidate(registry, base="pip:llm_Small==1.0#m.gguf", prompt="other"), name="1e5"),
    ]
    for number, one in enumerate(made):
        folder = written(one, bom, tmp_path / f"{number}")
        assert bom.check(one, folder).said.startswith("cyclonedx-python-lib") and bom.check(one, folder).holds, bom.check(
            one, folder
        ).said
        assert read_bytes(folder) == read_bytes(written(one, bom, tmp_path / f"{number} again"))
        whole = bill(folder)
        refs = [part["bom-ref"] for part in whole["components"]]
        assert len(set(refs)) == len(refs)
        pointed = [ref for one in whole["dependencies"] for ref in (one["ref"], *one.get("dependsOn", ()))]
        pointed += [ref for one in whole["compositions"] for ref in one["assemblies"]]
        assert set(pointed) <= {*refs, whole["metadata"]["component"]["bom-ref"]}
    assert len({bill(tmp_path / f"{number}")["serialNumber"] for number in range(len(made))}) == len(made)


def test_it_says_what_was_judged_and_what_is_not_known(registry: Home, tmp_path: Path) -> None:
    made = with_document(registry, subject(registry, prompt_candidate(registry)))
    whole = bill(written(made, bom, tmp_path / "bom"))
    model = whole["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "tone", "1")
    assert model["hashes"] == [{"alg": "SHA-256", "content": made.candidate.id}]
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics[0]["value"] == "0.75" and metrics[0]["confidenceInterval"] == {"lowerBound": "0.612"}
    assert "value" not in metrics[1] and "confidenceInterval" not in metrics[1]
    base = next(part for part in whole["components"] if part["bom-ref"].startswith("base:"))
    assert base["purl"] == "pkg:huggingface/org/small@main" and "hashes" not in base
    assert {"aggregate": "unknown", "assemblies": [base["bom-ref"]]} in whole["compositions"]
    assert any("licence" in one["value"] for one in model["properties"] if one["name"] == "rung:unknown")
    assert whole["metadata"]["timestamp"] == made.version.created


def test_every_file_of_its_own_is_listed_with_its_hash(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, linear_candidate(registry))
    files = {
        part["name"]: part["hashes"][0]["content"]
        for part in bill(written(made, bom, tmp_path / "bom"))["components"]
        if part["type"] == "file"
    }
    assert set(files) == {"linear.json", "linear.safetensors"}


def test_a_claim_has_no_metrics(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry), judged=False)
    model = bill(written(made, bom, tmp_path / "bom"))["metadata"]["component"]
    assert "quantitativeAnalysis" not in model["modelCard"] and model["description"].startswith(
        "CLAIMED: no gate has judged this version."
    )


def test_a_violation_is_found_and_named(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry))
    folder = written(made, bom, tmp_path / "bom")
    changed = bill(folder)
    changed["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.95
    changed["invented"] = True
    (folder / bom.FILE).write_text(json.dumps(changed))
    found = bom.check(made, folder)
    assert not found.holds and found.value == 2 and "invented" in found.said
