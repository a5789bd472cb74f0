"""The thread that computes one model's answers: at each step whoever waits may join, and whoever is done, late or gone has left.

All that is under way is computed in one pass (Yu et al., Orca, OSDI 2022), prompts a part at a time. What goes wrong in a pass ends
what was in it, with the reason, and nothing else; the thread goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from rung.engine.caller import Gone
from rung.engine.live import Limits
from rung.engine.local.batch import Batch
from rung.engine.local.batching import SHARED_TOKENS_AT_LEAST
from rung.engine.local.block import Computed, Made, Pace
from rung.engine.local.devices import ACCELERATOR, PROCESSOR, kind_of
from rung.engine.local.live.conversations import Begun, Conversations, common
from rung.engine.local.live.counting import Counting
from rung.engine.local.live.hands import Hands
from rung.engine.local.live.line import Line, shares
from rung.engine.local.live.plain import PlainBatch
from rung.engine.local.live.question import Question
from rung.engine.local.model import LocalModel
from rung.engine.local.plain import PlainDecoder
from rung.engine.local.prompting import Prompting
from rung.engine.local.rows import Ask, Known
from rung.errors import BrokenEnvironment

# Answers under way at once: more of them are told each more slowly, and a step of more takes longer than a newcomer should wait.
ROWS = {PROCESSOR: 32, ACCELERATOR: 128}
# Places, and tokens kept, that are left to tenants who have none, as a share of all.
NEWCOMERS = 0.25
# Of an answer, tokens that are made room for at once.
ROOM = 128
# Each unread prompt keeps its tenant's others waiting as if it had at most this share of a pass to be read.
COUNTED_AT_MOST = 0.25
# A prompt that begins like one which is being read waits for it where that saves so many tokens.
WORTH_WAITING = 64

log = logging.getLogger(__name__)


class Engine:
    """One model's batch and the line before it. Questions come from any thread."""

    def __init__(self, model: LocalModel, prompting: Prompting, limits: Limits) -> None:
        decoder = model.decoder
        self._model, self._prompting, self._limits = model, prompting, limits
        self._plain = isinstance(decoder, PlainDecoder)
        token_bytes = max(1, model.config.token_bytes(decoder.dtype.itemsize))
        self._rows = 1 if self._plain else limits.rows or ROWS[kind_of(decoder.device)]
        self._kept_tokens = max(1, limits.kept_bytes // token_bytes)
        self.conversations = Conversations(limits.known_bytes, token_bytes)
        self.counting = Counting()
        self._line: Line[Question] = Line(limits.waiting, limits.waiting_each)
        self._under: dict[int, Question] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._hands = Hands(None if kind_of(decoder.device) == PROCESSOR else 1)
        self._batch = self._fresh_batch()
        self._thread = threading.Thread(target=self._run, name="rung engine", daemon=True)

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def rows(self) -> int:
        return len(self._under)

    def ask(self, questions: Sequence[Question]) -> None:
        """Put these into the line. Raises Full, and Gone where the engine is closed."""
        with self._changed:
            if self._closed:
                raise Gone("the engine is closed")
            self._line.add(questions, self.counting.wait_s(len(self._line)))
            if not self._thread.ident:
                self._thread.start()
            self._changed.notify()

    def wait(self, questions: Sequence[Question]) -> None:
        """Until all of these are done."""
        for question in questions:
            while not question.done.wait(timeout=5.0):
                if not self._thread.is_alive():
                    question.fail(BrokenEnvironment("the engine's thread has ended"))

    def close(self) -> None:
        """End everything with Gone, and the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident and threading.current_thread() is not self._thread:
            self._thread.join(timeout=60)

    def _run(self) -> None:
        with torch.inference_mode():
            while self._has_work():
                try:
                    self._turn()
                except BaseException as error:  # whatever it is, whoever waits for this pass must hear of it
                    self._fail(error)
        self._end_all()

    def _has_work(self) -> bool:
        with self._changed:
            while not (self._closed or len(self._line) or self._under):
                self._changed.wait()
            return not self._closed

    def _turn(self) -> None:
        self._drop()
        self._join()
        if self._batch:
            for made in self._step():
                self._hear(made)

    def _step(self) -> Sequence[Made]:
        reads = not all(question.read for question in self._under.values())
        with self._hands.computing(len(self._under), reads=reads):
            return self._batch.step()

    def _drop(self) -> None:
        """Let those go whom nobody waits for."""
        with self._changed:
            gone = self._line.remove(lambda question: question.left is not None)
        for question in gone:
            self._fails(question, question.left or Gone("who asked has left"))
        for question in [question for question in self._under.values() if question.left]:
            self._leaves(question, question.left)

    def _join(self) -> None:
        """Those that have a place now, those who were served least first."""
        joining: list[Question] = []
        with self._changed:
            while question := self._line.next(lambda one: self._may(one, joining)):
                joining.append(question)
        if joining:
            asks = [self._begun(question) for question in joining]
            for question, number in zip(joining, self._batch.add(asks), strict=True):
                question.number = number
                self._under[number] = question
                self._line.serve(question.tenant, read=len(question.ask.ids) - question.known)
                self.counting.read(len(question.ask.ids), question.known)

    def _may(self, question: Question, joining: Sequence[Question]) -> bool:
        """Whether it has a place: newcomers are left some, a tenant's prompts are not all read at once, and one that begins as
        another does waits until that is read."""
        under = [*self._under.values(), *joining]
        if not under:
            return True
        own = [one for one in under if one.tenant == question.tenant]
        part = 1.0 if own else 1.0 + NEWCOMERS
        if len(under) >= int(self._rows * part) or self._plain:
            return False
        kept = question.needs + sum(one.needs for one in under)
        if kept > self._kept_tokens * (1.0 if not own else 1.0 - NEWCOMERS):
            return False
        most = int(self._limits.pass_tokens * COUNTED_AT_MOST)
        if sum(min(len(one.ask.ids) - one.known, most) for one in own if not one.read) >= self._limits.pass_tokens:
            return False
        return not self._should_wait(question, [one for one in own if one.whose == question.whose])

    def _should_wait(self, question: Question, own: Sequence[Question]) -> bool:
        """Whether one of these, its tenant's under the same adapters, is reading what it begins with. What one of them has read is
        kept for it now.
        """
        if question.waits_for and not question.waits_for.read and not question.waits_for.done.is_set():
            return True
        ids = torch.tensor(question.ask.ids[:-1])
        _, known = self.conversations.find(question.whose, question.ask.ids)
        length = known.length if known else 0
        for other in own:
            alike = common(ids, torch.tensor(other.ask.ids))
            if alike - length < WORTH_WAITING:
                continue
            if not other.read:
                other.wanted, question.waits_for = max(other.wanted, alike), other
                return True
            if isinstance(self._batch, Batch) and (computed := self._batch.computed(other.number)):
                self._keep(other, computed, alike, together=False)
                length = alike
        return False

    def _begun(self, question: Question) -> Ask:
        """What it asks, behind what is known of its prompt."""
        ask = question.ask
        if self._plain:
            return ask
        shared, best = self.conversations.find(question.whose, ask.ids)
        known = [one for one in (shared, best) if one]
        question.known = max((one.length for one in known), default=0)
        copied = best if best and (shared is None or best.length > shared.length) else None
        return _behind(ask, shared, copied)

    def _kept(self, number: int, computed: Computed) -> None:
        """A prompt was read, or a row is about to leave: what may be asked again stays."""
        question = self._under.get(number)
        if question is None:
            return
        question.read = True
        tokens = computed.tokens
        length = len(tokens) if computed.ended else min(question.wanted, len(tokens))
        if question.shared >= SHARED_TOKENS_AT_LEAST and question.known < question.shared <= len(tokens):
            self._keep(question, computed, question.shared, together=True)
        if length > question.known and length > computed.shared:
            self._keep(question, computed, length, together=False)

    def _keep(self, question: Question, computed: Computed, length: int, *, together: bool) -> None:
        if length > computed.shared:
            tokens = computed.tokens[:length]
            self.conversations.keep(question.whose, tokens, lambda: computed.taken(length), together=together)

    def _hear(self, made: Made) -> None:
        """Tell who waits for a row what was made of it."""
        question = self._under.get(made.row)
        if question is None:
            return
        question.read = True
        if left := question.left:
            self._leaves(question, left)
            return
        self._line.serve(question.tenant, made=len(made.tokens))
        self.counting.made(len(made.tokens))
        try:
            ended = question.take(made)
        except BaseException as error:  # a hearer's own, which ends its own answer
            self._leaves(question, error)
            return
        if ended:
            if not made.finish_reason:
                self._batch.remove([made.row])
            self.counting.end(question)
            self._forget(question)

    def _leaves(self, question: Question, error: BaseException | None) -> None:
        self._batch.remove([question.number])
        self._fails(question, error or Gone("who asked has left"))
        self._forget(question)

    def _fails(self, question: Question, error: BaseException) -> None:
        question.fail(error)
        self.counting.end(question)

    def _forget(self, question: Question) -> None:
        if self._under.pop(question.number, None):
            with self._changed:
                self._line.leave(question.tenant)

    def _fail(self, error: BaseException) -> None:
        """What was under way cannot go on; what is kept may be half written, and is not trusted."""
        log.error("a pass of the engine failed", exc_info=error)
        said = f"the engine failed: {type(error).__name__}: {error}"
        for question in list(self._under.values()):
            mine = BrokenEnvironment(said)
            mine.__cause__ = error
            self._fails(question, mine)
            self._forget(question)
        self.conversations.clear()
        self._batch = self._fresh_batch()

    def _end_all(self) -> None:
        with self._changed:
            waiting = self._line.remove(lambda _question: True)
        for question in [*waiting, *self._under.values()]:
            self._fails(question, Gone("the engine is closed"))
        self._under.clear()
        self.conversations.clear()

    def _fresh_batch(self) -> Batch | PlainBatch:
        model, grammars = self._model, self._prompting.grammars
        if isinstance(model.decoder, PlainDecoder):
            return PlainBatch(model.decoder, model.end_tokens, grammars, self._hear)
        pace = Pace(pass_tokens=self._limits.pass_tokens, room=ROOM, share=self._shares, kept=self._kept)
        return Batch(model.decoder, model.end_tokens, grammars, pace=pace)

    def _shares(self, unread: Sequence[tuple[int, int]], tokens: int) -> Mapping[int, int]:
        rows = [(self._under[number].tenant, number, left) for number, left in unread]
        return shares(rows, tokens, self._line.served_least(tenant for tenant, _, _ in rows))


def _behind(ask: Ask, shared: Begun | None, copied: Begun | None) -> Ask:
    known = Known(prefix=copied.prefix, length=copied.length) if copied else None
    return replace(ask, prefix=shared.prefix if shared else None, known=known) if shared or known else ask
