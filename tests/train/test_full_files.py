"""A full fine-tune is a model of its own: every file of the base that changes an answer goes with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from rung.engine.bases.folder import answer_files
from rung.engine.local.model import LocalModel
from rung.train.methods import full


def test_all_that_changes_an_answer_is_saved(tiny_base: Path, tmp_path: Path):
    base, saved = tmp_path / "base", tmp_path / "saved"
    shutil.copytree(tiny_base, base)
    (base / "additional_chat_templates").mkdir()
    (base / "additional_chat_templates" / "tools.jinja").write_text("{{ messages }}")
    (base / "vocab.txt").write_text("a\n")
    (base / "notes.txt").write_text("no part of the model")
    trained = full.apply(LocalModel.load(base, dtype=torch.float32, device="cpu"), full.Config(), 0)
    trained.masters["final_norm"] += 1.0
    trained.refresh()
    trained.save(saved, {"task": "t"})
    weights = {name for name in answer_files(base) if ".safetensors" in name}
    assert set(answer_files(saved)) == set(answer_files(base)) - weights | {"model.safetensors"}
    assert not (saved / "notes.txt").exists()
    kept = answer_files(saved)
    assert "vocab.txt" in kept and "additional_chat_templates/tools.jinja" in kept
