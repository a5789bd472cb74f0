"""Versions of every rung, small, registered as a climb registers them: with a receipt, a document and a task; or as a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from documents import least_document

from rung.engine.demos import pool_bytes
from rung.engine.linear import LinearModel, save
from rung.export.subject import Subject
from rung.parts import Demonstrations, Retrieval, SchemaConstraint, Tool, ToolSet, ToolUse
from rung.progress import Silent
from rung.registry.documents import as_json as document_json
from rung.registry.home import Home
from rung.registry.names import Evidence
from rung.registry.receipts import Receipt
from rung.types import Bar, Candidate, Example, Task, Verdict

LOCK = "7a" * 32
BASE = "hf:org/small@main@sha256:" + "ab" * 32
TEXTS = ("good day to you", "very good indeed", "bad luck again", "really bad day", "so so, the day", "neither good nor bad")
SAID = ("yes", "yes", "no", "no", "maybe", "maybe")


def subject(home: Home, candidate: Candidate, *, name: str = "tone", judged: bool = True, **changes: Any) -> Subject:
    """The next version of a name; `changes` of its receipt. Not `judged`, it is a claim."""
    home.candidates.add(candidate, LOCK if judged else "")
    evidence = Evidence(claimed="made elsewhere")
    if judged:
        data = {"train": "11" * 32, "dev": "22" * 32, "test": "33" * 32}
        evidence = Evidence(climb=candidate.id, rung=candidate.rung, task=LOCK, data=data)
    with home.together():
        ref = home.names.register(name, candidate.id, evidence)
        if judged:
            home.receipts.add(replace(receipt(candidate, ref, home), **changes))
    version = home.names.find(ref)
    assert version
    return Subject(home=home, version=version, candidate=candidate)


def with_document(home: Home, made: Subject, **changes: Any) -> Subject:
    """The same with the document of its climb; `changes` of the document's task, or of its rung."""
    document = least_document(made.candidate.id, "Ship the prompt: at least 61.2%.")
    task = {key: value for key, value in changes.items() if key in ("instruction", "limits")}
    cheaper = changes.pop("cheaper", ())
    rung = {key: value for key, value in changes.items() if key not in task}
    rungs = (replace(document.rungs[0], rung=made.candidate.rung, **rung),)
    whole = replace(document, task=replace(document.task, **task), rungs=rungs, cheaper=cheaper)
    home.climbs.begin(made.candidate.id, form=4, task=LOCK)
    home.climbs.put(made.candidate.id, "document", document_json(whole))
    return made


def receipt(candidate: Candidate, ref: str, home: Home) -> Receipt:
    name, _, version = ref.partition("@")
    return Receipt(
        name=name,
        version=int(version),
        candidate=candidate.id,
        artefacts=candidate.artefacts,
        base=candidate.base,
        template=candidate.template,
        task=LOCK,
        data={"test": "33" * 32},
        consequence="medium",
        alpha=0.05,
        seed=0,
        bars=(Bar(scorer="choice", at_least=0.5), Bar(scorer="exact", at_most=0.1, name="rude")),
        climb=candidate.id,
        rung=candidate.rung,
        run="44" * 32,
        status="pass",
        verdict=verdict("quality", 0.75),
        guards=(verdict("rude", None),),
        level=0.025,
        maker=home.keys.me().identity.fingerprint,
        rung_version="0.1",
        code="c0" * 32,
        created="2026-11-26T10:00:00.000+00:00",
    )


def verdict(name: str, estimate: float | None) -> Verdict:
    return Verdict(
        status="pass",
        estimate=estimate,
        lower=0.612 if estimate is not None else None,
        upper=None,
        n=96,
        n_total=120,
        missing=2,
        alpha=0.025,
        bar=0.5,
        stopped_by="all rows",
        reason="at least 61.2%",
        name=name,
    )


def prompt_candidate(home: Home, *, shared: int = 0, k: int = 0, rows: Sequence[Example] = (), **fields: Any) -> Candidate:
    """A prompt rung's, with demonstrations where rows are given."""
    shown = (
        Demonstrations(pool=home.blobs.put_bytes(pool_bytes(rows, lambda row: str(row.target))), k=k, shared=shared)
        if rows
        else None
    )
    told = {"rung": "r1_prompt", "base": BASE, "template": "81" * 32, "prompt": "Say yes or no."} | fields
    return Candidate(demonstrations=shown, **told)


def row(question: str, answer: str, **fields: Any) -> Example:
    return Example(id=question[:8], messages=({"role": "user", "content": question},), target=answer, **fields)


def schema_constraint() -> SchemaConstraint:
    return SchemaConstraint(schema={"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}})


def linear_candidate(
    home: Home, targets: Mapping[str | None, Sequence[str]] | None = None, texts: Sequence[str] = TEXTS
) -> Candidate:
    """A linear model of a few texts; `targets` of each thing to tell."""
    import numpy as np

    from rung.engine.linear import Field
    from rung.rungs.linear_fit import classifier, vocabularies

    terms, idf = vocabularies(texts)
    features = LinearModel(terms=terms, idf=idf, fields=()).features(texts)
    fields = []
    for name, said in (targets or {None: SAID}).items():
        classes = tuple(sorted(set(said)))
        if len(classes) == 1:
            fields.append(
                Field(name=name, classes=classes, weights=np.zeros((0, 0), np.float32), intercept=np.zeros(0, np.float32))
            )
            continue
        fitted = classifier(1.0, 0).fit(features, [classes.index(one) for one in said])
        weights, intercept = fitted.coef_.astype(np.float32), np.atleast_1d(fitted.intercept_).astype(np.float32)
        fields.append(Field(name=name, classes=classes, weights=weights, intercept=intercept, scale=1.7))
    folder = home.path / f"linear-{len(list(home.path.iterdir()))}"
    save(LinearModel(terms=terms, idf=idf, fields=tuple(fields)), folder)
    return Candidate(rung="r0_linear", base=f"linear:{home.blobs.put_tree(folder)}")


class Vectors:
    """An encoder that knows the length and the vowels of a text."""

    reference, similarity = "pip:encoder==1@sha256:" + "cd" * 32, "cosine"

    def embed(self, texts: Sequence[str], progress: Any = None) -> Any:
        import numpy as np

        found = np.array([[len(text), *(text.count(letter) for letter in "aeiou")] for text in texts], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


PASSAGES = tuple(
    {
        "id": f"{place:08x}",
        "source": f"{place % 2}.md",
        "headings": ["Doors"] * (place % 2),
        "start": 0,
        "end": len(text),
        "text": text,
    }
    for place, text in enumerate(
        ["The gate opens at nine.", "Gates close at ten.", "Das Tor schließt um zehn Uhr.", "Öffnungszeiten: 9-10", "!?"]
    )
)


def retrieval_candidate(home: Home, *, dense: bool = False, passages: Sequence[Mapping[str, Any]] = PASSAGES) -> Candidate:
    from rung.engine.retrieval.index import store_index

    index = store_index(passages, Vectors() if dense else None, home.blobs, Silent())  # type: ignore[arg-type]
    found = Retrieval(
        index=index, mode="hybrid" if dense else "lexical", k=2, form="question_last", encoder=Vectors.reference if dense else None
    )
    return Candidate(rung="r2_retrieve", base=BASE, prompt="Answer from the documents.", retrieval=found)


def tools_candidate(home: Home, tools: Sequence[Tool], files: Mapping[str, str] | None = None) -> Candidate:
    folder = home.path / "tools"
    for name, text in (files or {}).items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    stored = home.blobs.put_tree(folder) if files else None
    return Candidate(rung="r3_tools", base=BASE, tools=ToolUse(toolset=ToolSet(tools=tuple(tools)), files=stored, steps=2))


def tool(name: str = "find_order", parameters: Mapping[str, Any] | None = None, consequence: str = "read") -> Tool:
    schema = (
        {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}
        if parameters is None
        else parameters
    )
    return Tool(name=name, description="Finds an order.", parameters=schema, consequence=consequence, origin="tools.py")  # type: ignore[arg-type]


def task_of(rows: Sequence[Example]) -> Task:
    """A task at hand, whose dev rows these are."""
    return Task(
        name="tone",
        base="pip:llm",
        instruction="",
        examples=tuple(replace(one, split="dev") for one in rows),
        quality=Bar(scorer="exact", at_least=0.5),
    )


def read_bytes(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def written(made: Subject, form: Any, folder: Path) -> Path:
    """A format's files, in a folder of their own."""
    folder.mkdir(parents=True)
    form.write(made, folder)
    return folder
