"""Batches from the questions to the results: put aside for, handed in, waited for, collected, gone on with after a kill."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rung.engine.backend import Say, price_usd
from rung.engine.http.batch.kept import Kept, Shelf
from rung.engine.http.batch.lines import MOST_BYTES, MOST_LINES, Result, line_of, parts, read_results
from rung.engine.http.batch.provider import Provider, State
from rung.engine.http.spending import TUNING, Bill, Body, BudgetSpent, Purse
from rung.errors import UserError
from rung.types import Answer

# What an answer of a batch costs of what it costs otherwise, unless the prices say (`prices.batch_factor`).
FACTOR = 0.5


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often a batch is looked at: after `first_s`, then ever more seldom up to every `longest_s`.

    file_looks  looks for the files of a batch that says it is done and names none: some name them a little later
    """

    first_s: float = 5.0
    longest_s: float = 60.0
    growth: float = 1.5
    file_looks: int = 4


@dataclass(frozen=True, kw_only=True)
class Collected:
    """A batch that has ended: what came of its questions by their names, and its bill.

    problem  what to say of questions that nothing came of
    """

    kept: Kept
    results: Mapping[str, Result]
    bill: Bill
    problem: str
    files: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Batches:
    """The batches of one model at one server.

    A batch is written down before it is uploaded, before it is made and before it is looked at; what is put aside for it stands in
    the budget by its key. So a process that is killed anywhere finds it again, pays it once, and uploads no question twice.
    """

    provider: Provider
    shelf: Shelf
    purse: Purse
    model: str
    pace: Pace = field(default_factory=Pace)
    most_lines: int = MOST_LINES
    most_bytes: int = MOST_BYTES
    _open: dict[str, tuple[Kept, Bill]] = field(default_factory=dict)
    _looks: dict[str, int] = field(default_factory=dict)
    _one_at_a_time: bool = False

    @property
    def factor(self) -> float:
        return self.purse.prices.get("batch_factor", FACTOR)

    def run(self, bodies: Mapping[str, Body], say: Say) -> Iterator[Collected]:
        """The batches of these questions (by `name_of`), each once it has ended. The caller keeps what came, and then says `done`.

        Raises BudgetSpent where the most that the next question can cost is too much and nothing is under way, UserError where the
        server has no batches or refuses one, BrokenEnvironment.
        """
        self._open, began = {}, time.monotonic()
        waiting = self._gone_on_with(bodies)
        try:
            while waiting or self._open:
                waiting = self._hand_in(waiting, bodies)
                yield from self._ended(waiting, bodies, say, began)
        except KeyboardInterrupt as interrupt:
            if self._open:
                names = ", ".join(kept.batch for kept, _ in self._open.values())
                interrupt.add_note(f"the server goes on with its batch ({names}): the same command takes up what it answers")
            raise

    def done(self, collected: Collected) -> None:
        """All that came of a batch is kept: nothing of it is needed any more, here or at the server."""
        self.shelf.drop(collected.kept)
        self.provider.forget(collected.kept.file, *collected.files)

    def pay_unasked(self, collected: Collected, result: Result) -> None:
        """A question of a batch of before that nobody asks any more was paid for all the same."""
        if result.status == 200:
            usage = result.content.get("usage")
            counts = usage if isinstance(usage, Mapping) else {}
            said = Answer(text="", prompt_tokens=counts.get("prompt_tokens"), completion_tokens=counts.get("completion_tokens"))
            price = price_usd(self.purse.prices, said)
            bill = collected.bill
            bill.usd += bill.held / len(collected.kept.names) if price is None else price * self.factor

    def settle(self, collected: Collected) -> None:
        """Within an entry of the purse: the batch is paid, and what was put aside for it is free."""
        self.purse.budget.batches.pop(collected.kept.key, None)
        collected.bill.settle()

    def _gone_on_with(self, bodies: Mapping[str, Body]) -> list[str]:
        """Takes up batches of before that hold some of the questions; the names of the others."""
        self._free_what_never_began()
        left = dict.fromkeys(bodies)
        for kept in list(self.shelf.of(self._address, self.model)):
            if not left.keys() & set(kept.names):
                continue
            known = kept if kept.batch else self._found(kept, bodies)
            if known is None:
                self._drop(kept)
                continue
            self._open[known.key] = (known, self._bill_of(known, bodies))
            for name in known.names:
                left.pop(name, None)
        return list(left)

    @property
    def _address(self) -> str:
        return str(self.provider.asked.address)

    def _free_what_never_began(self) -> None:
        """Money that was put aside by a process that was killed before it wrote its batch down: there is none."""
        lost = [key for key in self.purse.budget.batches if not key.startswith(TUNING) and not self.shelf.has(key)]
        if lost:
            with self.purse.entry():
                for key in lost:
                    Bill(purse=self.purse, where="", held=self.purse.budget.batches.pop(key)).settle()

    def _found(self, kept: Kept, bodies: Mapping[str, Body]) -> Kept | None:
        """A batch whose maker was killed before its id was written down: as far as it had come, and on from there."""
        file = kept.file or self.provider.find_file(f"rung-{kept.key}")
        if not file:
            return None
        found = self.provider.find(kept.key, file)
        if found is None and not set(kept.names) <= bodies.keys():
            return None
        known = replace(kept, file=file, batch=str(found["id"]) if found else self.provider.create(kept.key, file))
        self.shelf.put(known)
        return known

    def _drop(self, kept: Kept) -> None:
        with self.purse.entry():
            held = self.purse.budget.batches.pop(kept.key, 0.0)
            Bill(purse=self.purse, where="", held=held).settle()
        self.shelf.drop(kept)
        self.provider.forget(kept.file)

    def _bill_of(self, kept: Kept, bodies: Mapping[str, Body]) -> Bill:
        """What is put aside for a batch of before: by this climb's own record, else anew, whether there is room or not: it runs."""
        budget = self.purse.budget
        held = budget.batches.get(kept.key)
        if held is None:
            held = sum(self.purse.most(bodies[name]) for name in kept.names if name in bodies) * self.factor
            with self.purse.entry(), budget.lock:
                budget.spent_usd += held
                self._hold(kept.key, held)
        return Bill(purse=self.purse, where=self._address, held=held, factor=self.factor)

    def _hold(self, key: str, held: float) -> None:
        if self.purse.budget.limit_usd is not None:
            self.purse.budget.batches[key] = held

    def _hand_in(self, waiting: Sequence[str], bodies: Mapping[str, Body]) -> list[str]:
        """Makes batches of what waits, as far as the budget and the server have room; the names of what still waits."""
        left = list(waiting)
        while left and not (self._one_at_a_time and self._open):
            lines = [(name, line_of(name, bodies[name], self.provider.url)) for name in left[: self.most_lines]]
            part = next(parts(lines, self.most_lines, self.most_bytes))
            key = secrets.token_hex(12)
            bill, part = self._put_aside(key, part, bodies)
            if not part:
                break
            del left[: len(part)]
            self._start(Kept(key=key, address=self._address, model=self.model, names=tuple(part)), dict(lines), bill)
        return left

    def _put_aside(self, key: str, part: Sequence[str], bodies: Mapping[str, Body]) -> tuple[Bill, list[str]]:
        """The bill of as many of these as there is money for. Raises BudgetSpent where there is none, and none is under way."""
        bill = Bill(purse=self.purse, where=self._address, factor=self.factor)
        taken: list[str] = []
        spent: BudgetSpent | None = None
        with self.purse.entry():
            for name in part:
                try:
                    bill.held += self.purse.take(bodies[name], self._address, self.factor)
                except BudgetSpent as error:
                    spent = error
                    break
                taken.append(name)
            if taken:
                self._hold(key, bill.held)
        if spent is not None and not taken and not self._open:
            raise spent
        return bill, taken

    def _start(self, kept: Kept, lines: Mapping[str, bytes], bill: Bill) -> None:
        try:
            self.shelf.put(kept)
            kept = replace(kept, file=self.provider.upload(f"rung-{kept.key}", b"".join(lines[name] for name in kept.names)))
            self.shelf.put(kept)
            kept = replace(kept, batch=self.provider.create(kept.key, kept.file))
            self.shelf.put(kept)
        except UserError:
            # It was refused: nothing runs.
            self._drop(kept)
            raise
        self._open[kept.key] = (kept, bill)

    def _ended(self, waiting: list[str], bodies: Mapping[str, Body], say: Say, began: float) -> Iterator[Collected]:
        """Waits until at least one has ended: those that have. What the server had no room for goes back to what waits."""
        wait = self.pace.first_s
        while self._open:
            states = {key: self.provider.look(kept.batch) for key, (kept, _) in self._open.items()}
            say(_in_words([*states.values()], [len(kept.names) for kept, _ in self._open.values()], time.monotonic() - began))
            ended = [key for key, state in states.items() if state.ended and self._has_files(key, state)]
            if ended:
                for key in ended:
                    yield from self._collected(key, states[key], waiting, bodies)
                return
            time.sleep(wait)
            wait = min(wait * self.pace.growth, self.pace.longest_s)

    def _has_files(self, key: str, state: State) -> bool:
        """Whether to go on: a batch that is done mostly names its files, and some a little later."""
        self._looks[key] = self._looks.get(key, 0) + 1
        return bool(state.files) or state.ended != "completed" or self._looks[key] >= self.pace.file_looks

    def _collected(self, key: str, state: State, waiting: list[str], bodies: Mapping[str, Body]) -> Iterator[Collected]:
        kept, bill = self._open.pop(key)
        if state.is_full and (self._open or len(kept.names) > 1):
            # It waits until others have ended, or is cut in two.
            self._one_at_a_time = True
            self.most_lines = min(self.most_lines, max(1, len(kept.names) // (1 if self._open else 2)))
            self._drop(kept)
            waiting[:0] = [name for name in kept.names if name in bodies]
            return
        if state.ended == "failed" and not state.files:
            self._drop(kept)
            words = "; ".join(state.problems[:3]) or "it does not say why"
            raise UserError(f"the server refuses the batch: {words}", where=bill.where)
        results: dict[str, Result] = {}
        for file in state.files:
            for name, result in read_results(self.provider.fetch(file)).items():
                if name not in results or results[name].status != 200:
                    results[name] = result
        gone = f"the batch was not answered to its end ({state.said or state.ended})"
        problem = "it is in none of the batch's files" if state.ended == "completed" else gone
        yield Collected(kept=kept, results=results, bill=bill, problem=problem, files=state.files)


def _in_words(every: Sequence[State], sizes: Sequence[int], seconds: float) -> str:
    """`in queue 12 min, 340 of 1,500 done`."""
    done, total = sum(state.done for state in every), sum(max(state.total, size) for state, size in zip(every, sizes, strict=True))
    said = next((state.said for state in every if not state.ended), "")
    for_s = f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"
    return f"{said.replace('_', ' ') or 'in queue'} {for_s}, {done:,} of {total:,} done"
