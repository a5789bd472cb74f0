"""The adapter as it was registered, byte for byte: a folder that PEFT loads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rung.export.agree import asked_of, base_folder, distance
from rung.export.base import Agreement, version_in
from rung.export.nats import judged_in_int8
from rung.export.subject import Subject
from rung.export.weights import no_adapter
from rung.types import Candidate

EXTRA = "peft"
READER = "peft"
CARRIES = frozenset({"adapters"})
# Of float32 logits, computed by two programs.
LIMIT = 2e-3


def fits(candidate: Candidate) -> str:
    """An adapter is needed."""
    return no_adapter(candidate)


def write(subject: Subject, folder: Path) -> None:
    """The files of the adapter; of several, a folder for each, numbered in their order."""
    for place, digest in zip(places(subject.candidate), subject.candidate.adapters, strict=True):
        target = folder / place
        target.mkdir(exist_ok=True)
        stored = subject.blobs.local(digest)
        for file in sorted(path for path in stored.rglob("*") if path.is_file()):
            copy = target / file.relative_to(stored)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def check(subject: Subject, folder: Path) -> Agreement:
    """PEFT's logits on transformers' own model, all adapters at once."""
    found = subject.registered
    model = loaded(subject, [folder / place for place in places(subject.candidate)])
    apart = distance(found.logits, asked_of(found.probes, lambda ids: model(input_ids=ids).logits))
    return Agreement(
        reader=version_in("peft"),
        measure="largest difference of logits",
        value=apart.logits,
        limit=LIMIT,
        rows=len(found.probes),
        about=found.about,
    )


def notes(subject: Subject) -> list[str]:
    """How several are added up."""
    count = len(subject.candidate.adapters)
    together = f"The {count} adapters act together, each with weight 1: load every folder, then activate all of them at once."
    return [*([together] if count > 1 else []), *judged_in_int8(subject)]


def places(candidate: Candidate) -> list[str]:
    """Where each adapter's folder is."""
    count = len(candidate.adapters)
    return ["."] if count == 1 else [f"{number}" for number in range(1, count + 1)]


def loaded(subject: Subject, adapters: list[Path]) -> Any:
    """Transformers' own model in float32, with these adapters of PEFT's in place."""
    import torch
    from peft import PeftModel

    from rung.engine.bases.quiet import quiet
    from rung.engine.local.modules import load_module

    with quiet():
        model: Any = load_module(base_folder(subject), torch.float32)
        names = [f"adapter_{number}" for number in range(len(adapters))]
        for number, (name, folder) in enumerate(zip(names, adapters, strict=True)):
            if number == 0:
                model = PeftModel.from_pretrained(model, str(folder), adapter_name=name)
            else:
                model.load_adapter(str(folder), adapter_name=name)
        model.base_model.set_adapter(names)
    return model.eval()
