"""Every format of export on a version that fits it, read again by its real reader: `python benchmarks/exports.py [--write]`.

The versions are made on the spot: a linear model of the tone task's rows, a prompt with four of them, the handbook's passages with
words and vectors, the ledger's tools, an adapter of random numbers on the tone task's base. Formats whose reader is not installed
are named and left out. `--write` puts the table into docs/exports.md; names measure some formats alone, and keep the others' rows.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statistics_page import table, with_table

from rung import plugins
from rung.errors import RungError
from rung.export.base import SLOT, Exported, export, refuse_unfit
from rung.export.subject import Subject
from rung.parts import ChoiceConstraint, Demonstrations, Retrieval, ToolUse
from rung.progress import Silent
from rung.registry.home import Home, default_path, open_home
from rung.registry.names import Evidence
from rung.report.text import size
from rung.types import Candidate, Task

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "exports.md"
FIGURES = "figures"
HEADS = ("format", "of", "read again by", "compared", "figure", "bound", "on", "size")
RANK, STRENGTH = 8, 0.02


@dataclass(frozen=True, kw_only=True)
class Made:
    """A version of a kind, and the task whose dev rows it is asked."""

    candidate: Candidate
    task: Task


def task_of(name: str, home: Home) -> Task:
    from rung.climb.registered_base import load_task

    return load_task(ROOT / "tasks" / name / "task.yaml", home)


def linear(home: Home) -> Made:
    """All train rows of the tone task."""
    return _built("tone", "r0_linear", home)


def prompt(home: Home) -> Made:
    """Four train rows of the tone task, before every question."""
    from rung.engine.demos import pool_bytes
    from rung.verify.scoring import target_text

    task = task_of("tone", home)
    pool = home.blobs.put_bytes(pool_bytes(task.split("train")[:4], lambda row: target_text(task, row)))
    shown = Demonstrations(pool=pool, k=0, shared=4)
    held = ChoiceConstraint(choices=("negative", "positive"))
    return Made(candidate=_plain(task, home, "r1_prompt", demonstrations=shown, constraint=held), task=task)


def passages(home: Home) -> Made:
    """The handbook's passages, by words and by the default encoder's vectors."""
    from rung.engine.retrieval.encoders import open_encoder
    from rung.engine.retrieval.index import store_index
    from rung.rungs.documents import documents_of, encoder_of

    task = task_of("handbook", home)
    encoder = open_encoder(encoder_of(task), home.path)
    chunks = [one.as_json() for one in documents_of(task, Silent()).chunks(800)]
    index = store_index(chunks, encoder, home.blobs, Silent())
    found = Retrieval(index=index, mode="hybrid", k=1, form="question_last", encoder=encoder.reference)
    return Made(candidate=_plain(task, home, "r2_retrieve", retrieval=found), task=task)


def tools(home: Home) -> Made:
    """The ledger's."""
    from rung.engine.tools.declare import bundle

    task = task_of("ledger", home)
    assert task.tools
    with tempfile.TemporaryDirectory() as work:
        files = bundle(task.tools, ROOT / "tasks" / "ledger", home.blobs, Path(work))
    return Made(candidate=_plain(task, home, "r3_tools", tools=ToolUse(toolset=task.tools, files=files, steps=2)), task=task)


def adapter(home: Home) -> Made:
    """Random numbers of rank 8 on every linear layer, as strong as some hundred steps of training."""
    import torch

    from rung.engine.bases.resolve import resolve
    from rung.engine.local.adapter import Adapter, BaseName, kind_of
    from rung.engine.local.architecture import DecoderConfig

    task = task_of("tone", home)
    base = resolve(task.base, home.path, blobs=home.blobs)
    assert base.folder
    kind = kind_of("lora")
    made = Adapter.initialise(kind, kind.Config(rank=RANK), DecoderConfig.read(base.folder), 0, torch.device("cpu"))
    for number, tensor in enumerate(made.tensors.values()):
        tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(number)), alpha=STRENGTH)
    with tempfile.TemporaryDirectory() as folder:
        made.save(Path(folder), {}, BaseName.of("", base.folder))
        stored = home.blobs.put_tree(Path(folder))
    return Made(candidate=_plain(task, home, "r4_adapter", adapters=(stored,)), task=task)


# What is made, and the formats that are tried on it; a format that stands nowhere is tried on the adapter.
VERSIONS: Mapping[str, Callable[[Home], Made]] = {
    "linear": linear,
    "prompt": prompt,
    "passages": passages,
    "tools": tools,
    "adapter": adapter,
}
TRIED_ON: Mapping[str, str] = {
    **dict.fromkeys(("bom", "card", "linear", "mlflow", "statement"), "linear"),
    "prompt": "prompt",
    "index": "passages",
    "tools": "tools",
}
LAST = "adapter"


def _built(task_name: str, rung: str, home: Home) -> Made:
    from rung.climb.runtime import runtime_for
    from rung.rungs.base import BuildContext

    task = task_of(task_name, home)
    with tempfile.TemporaryDirectory() as work:
        context = BuildContext(task, runtime_for(task, home), Path(work), Silent())
        return Made(candidate=plugins.load("rungs", rung).build(task, None, context), task=task)


def _plain(task: Task, home: Home, rung: str, **fields: Any) -> Candidate:
    from rung.engine.bases.resolve import resolve

    base = resolve(task.base, home.path, blobs=home.blobs)
    return Candidate(rung=rung, base=base.pinned, template=base.template_digest, prompt=task.instruction, **fields)


def subject_of(name: str, home: Home) -> Subject:
    made = VERSIONS[name](home)
    home.candidates.add(made.candidate, made.task.digest)
    with home.together():
        ref = home.names.register(name, made.candidate.id, Evidence(task=made.task.digest, rung=made.candidate.rung))
    version = home.names.find(ref)
    assert version
    return Subject(home=home, version=version, candidate=made.candidate, load=lambda lock: made.task)


def rows_of(home: Home, folder: Path, wanted: frozenset[str]) -> Iterator[tuple[str, ...]]:
    for name in VERSIONS:
        formats = [one for one in plugins.names(SLOT) if one in wanted and TRIED_ON.get(one, LAST) == name]
        if not formats:
            continue
        subject = subject_of(name, home)
        for one in formats:
            if not _reads(subject, one):
                continue
            began = time.process_time()
            made = export(subject, one, folder)
            print(f"{one}: {made.agreement.said if made.agreement else ''} ({time.process_time() - began:.1f} CPU s)", flush=True)
            yield row_of(name, made)


def _reads(subject: Subject, name: str) -> bool:
    try:
        refuse_unfit(subject, [name])
    except RungError as error:
        print(f"{name}: left out: {error.problem}", file=sys.stderr)
        return False
    return True


def row_of(name: str, made: Exported) -> tuple[str, ...]:
    said = made.agreement
    assert said
    bound = f"at {'least' if said.more else 'most'} {said.limit:.3g}"
    total = size(sum(file.size_bytes for file in made.files))
    return (f"`{made.format}`", name, said.reader, said.measure, f"{said.value:.3g}", bound, f"{said.rows:,}", total)


def kept(page: str, measured: Collection[str]) -> list[tuple[str, ...]]:
    """The page's rows of formats that were not measured now."""
    found = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in page.splitlines() if line.startswith("| `")]
    return [row for row in found if row[0] not in measured and row[0].strip("`") in plugins.names(SLOT)]


def figures(rows: list[tuple[str, ...]]) -> str:
    """The table, in the order of the formats' names, and where it comes from."""
    machine = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor())
    made = f"`python benchmarks/exports.py --write`, on {machine}, {os.cpu_count()} cores."
    return f"{table(HEADS, sorted(rows))}\n\nMade by {made}"


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(plugins.names(SLOT))}")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    wanted = frozenset(options.names or plugins.names(SLOT))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        for shared in ("downloads", "bases"):  # what was fetched before is not fetched again
            (default_path() / shared).mkdir(parents=True, exist_ok=True)
            (home / shared).symlink_to((default_path() / shared).resolve())
        os.environ["RUNG_HOME"] = str(home)
        with open_home(write=True) as opened:
            rows = list(rows_of(opened, Path(folder) / "out", wanted))
    print(figures(rows))
    if options.write:
        page = PAGE.read_text("utf-8")
        text = figures([*rows, *kept(page, {row[0] for row in rows})])
        PAGE.write_text(with_table(page, FIGURES, text), "utf-8")


if __name__ == "__main__":
    main()
