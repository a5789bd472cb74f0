"""A job's files as the rows of a task: each answer that is to be learnt is a row, each conversation a group, the split settled."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.data.tuning_lines import Conversation, LineFault, conversations_of
from rung.disk import whole
from rung.errors import UserError
from rung.json_form import canonical_json
from rung.registry.home import Home
from rung.registry.tunings import Tuning

FILE = "rows.jsonl"
# Without a validation file: one conversation in ten is for early stopping, and another for the check.
ONE_IN = 10
FEWEST_KEPT, MOST_KEPT = 2, 300
# Validation files with fewer conversations than this are for the check alone.
WORTH_HALVING = 4


class BadFile(UserError):
    """A job's file that cannot be used; `param` says which."""

    def __init__(self, problem: str, param: str) -> None:
        super().__init__(problem)
        self.param = param


@dataclass(frozen=True, kw_only=True)
class Written:
    """The rows that were written of each split, keys of the lines that nothing was made of, and how many messages say something
    beside their calls."""

    train: int
    dev: int
    test: int
    unread: tuple[str, ...] = ()
    both: int = 0


def write_rows(home: Home, tuning: Tuning, folder: Path) -> Written:
    """Writes the rows of a job's files to its folder, whole or not at all. Raises BadFile."""
    asked = tuning.asked
    training = _read(home, tuning, asked.training, "training_file")
    validation = _read(home, tuning, asked.validation, "validation_file") if asked.validation else []
    placed = [*_placed(training, validation, asked.seed)]
    counts = {"train": 0, "dev": 0, "test": 0}
    with whole(folder / FILE) as draft, draft.open("w", encoding="utf-8") as out:
        for number, (split, conversation) in enumerate(placed):
            for row in conversation.rows():
                out.write(f"{canonical_json({**row, 'split': split, 'group': f'conversation {number}'})}\n")
                counts[split] += 1
    unread = dict.fromkeys(key for _, conversation in placed for key in conversation.unread)
    return Written(**counts, unread=tuple(unread), both=sum(conversation.both for _, conversation in placed))


def _read(home: Home, tuning: Tuning, name: str, param: str) -> list[Conversation]:
    file = home.files.get(tuning.tenant, name)
    if file is None:
        raise BadFile(f"the {param} {name} was deleted, or has expired, before the job began", param)
    try:
        with home.blobs.open(file.digest) as stream:
            return list(conversations_of(stream))
    except LineFault as fault:
        raise BadFile(str(fault), param) from None


def _placed(training: Sequence[Conversation], validation: Sequence[Conversation], seed: int) -> Iterator[tuple[str, Conversation]]:
    """Each conversation with its split: drawn by the seed, the same whenever it is asked."""
    if len(validation) >= WORTH_HALVING:
        yield from (("train", one) for one in training)
        chosen = _drawn(len(validation), len(validation) // 2, seed)
        yield from (("dev" if place in chosen else "test", one) for place, one in enumerate(validation))
        return
    each = max(FEWEST_KEPT, min(MOST_KEPT, len(training) // ONE_IN))
    kept = _drawn(len(training), each if validation else 2 * each, seed)
    for place, one in enumerate(training):
        number = kept.index(place) if place in kept else None
        yield ("train" if number is None else "dev" if number < each else "test"), one
    yield from (("test", one) for one in validation)


def _drawn(among: int, count: int, seed: int) -> list[int]:
    return random.Random(f"rung-tuning:{seed}").sample(range(among), count)
