"""One side of `evaluate.py --against`: a source tree of this project that answers the same work in a process of its own.

    PYTHONPATH=TREE/src python benchmarks/answering.py WORK.json

WORK is {folder, requests}, a request {messages, max_tokens} and, where its answer is held to one, a schema. For each line on its
input it answers all requests anew, with nothing kept, and writes one line of JSON:
seconds, processor seconds, texts. Only names that stay from version to version are used here.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from rung.engine.backend import Request
from rung.engine.local.answering import Answering
from rung.engine.local.model import LocalModel
from rung.parts import SchemaConstraint


def main() -> None:
    work = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    model = LocalModel.load(Path(work["folder"]))
    requests = [
        Request(
            messages=tuple(row["messages"]),
            max_tokens=row["max_tokens"],
            constraint=SchemaConstraint(schema=row["schema"]) if "schema" in row else None,
        )
        for row in work["requests"]
    ]
    Answering(model).answer(requests[:2])
    say({"precision": str(model.decoder.dtype).removeprefix("torch.")})
    for _ in sys.stdin:
        began, busy = time.perf_counter(), time.process_time()
        texts = [answer.text for answer in Answering(model).answer(requests)]
        say({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - busy, "texts": texts})


def say(value: dict[str, object]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
