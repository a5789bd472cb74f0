"""What tenants may take: questions and tokens a minute, questions at once, and budgets by the day and the month.

What a question may take at most is put aside when it is admitted, and what it came to take stands in its place when it is settled.
Rates and questions at once are counted by each server for itself; budgets are those of the home, whatever number of servers it has.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rung.errors import RungError
from rung.registry.budgets import Aside, UsedUp
from rung.registry.home import Home
from rung.registry.scopes import Scope
from rung.serve.tenants.scopes import Scopes
from rung.serve.tenants.windows import SPAN_S, Window
from rung.serve.tenants.writer import Pen, Writer
from rung.serve.types import Refused, Tenant
from rung.types import Answer

# Where a place is free as soon as some answer ends, nobody knows when that is.
AT_ONCE_RETRY_S = 1.0
RATE, BUDGET = "rate_limit_exceeded", "insufficient_quota"


@dataclass(kw_only=True)
class _Meter:
    """What one tenant takes of this server."""

    requests: Window = field(default_factory=Window)
    tokens: Window = field(default_factory=Window)
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, kw_only=True)
class Pressure:
    """What a tenant takes of this server: in the last minute, and at once."""

    requests: int
    tokens: int
    at_once: int


class TenantQuotas:
    """The quotas of a server's tenants."""

    def __init__(self, home: Home, writer: Writer, scopes: Scopes, clock: Callable[[], float] = time.monotonic) -> None:
        """What servers that died had put aside counts as taken from now on."""
        self._home, self._writer, self._scopes, self._clock = home, writer, scopes, clock
        self._meters: dict[str, _Meter] = {}
        self._lock = threading.Lock()
        writer.do(self._bury)
        writer.every_minute(self._bury)

    def admit(self, tenant: Tenant, *, prompt_tokens: int, max_tokens: int) -> TenantAdmission:
        """Puts aside what a question may take. Raises Refused (429) with Retry-After, without which it can never be admitted."""
        scope, tokens = self._scopes.of(tenant.id), max(prompt_tokens, 0) + max(max_tokens, 0)
        meter = self._meter(tenant.id)
        with meter.lock:
            moment = self._clock()
            _refuse_crowd(meter, scope)
            _refuse_rate(meter.requests, 1, scope.requests_per_minute, moment, "requests")
            _refuse_rate(meter.tokens, tokens, scope.tokens_per_minute, moment, "tokens")
            meter.at_once += 1
            meter.requests.add(moment, 1)
            grain = meter.tokens.add(moment, tokens)
        admission = TenantAdmission(self._writer, meter, scope, grain=grain, tokens=tokens)
        try:
            admission.aside = self._put_aside(tenant.id, scope, tokens)
        except BaseException:
            admission.take_back()
            raise
        return admission

    def pressure(self, tenant: str) -> Pressure:
        """What a tenant takes of this server now."""
        meter = self._meter(tenant)
        with meter.lock:
            moment = self._clock()
            return Pressure(
                requests=round(meter.requests.taken(moment)),
                tokens=round(meter.tokens.taken(moment)),
                at_once=meter.at_once,
            )

    def _meter(self, tenant: str) -> _Meter:
        with self._lock:
            return self._meters.setdefault(tenant, _Meter())

    def _put_aside(self, tenant: str, scope: Scope, tokens: int) -> Aside | None:
        if not scope.has_budget:
            return None
        usd = tokens * (scope.usd_per_million_tokens or 0.0) / 1e6
        try:
            found = self._writer.do(lambda pen: pen.home.budgets.put_aside(tenant, scope, pen.head.segment, tokens, usd))
        except RungError as error:
            said = "The server cannot look at budgets at the moment."
            raise Refused(503, said, type="server_error", code="budget_unavailable", retry_after_s=5.0) from error
        if isinstance(found, UsedUp):
            raise _used_up(found, tokens)
        return found

    def _bury(self, pen: Pen) -> None:
        here = {server.segment for server in pen.home.segments.all() if server.alive}
        pen.home.budgets.bury({*here, pen.head.segment})


class TenantAdmission:
    """A question's place within its tenant's quotas."""

    def __init__(self, writer: Writer, meter: _Meter, scope: Scope, *, grain: float, tokens: int) -> None:
        self._writer, self._meter, self._scope, self._grain, self._tokens = writer, meter, scope, grain, tokens
        self._open = True
        self.aside: Aside | None = None

    def settle(self, answer: Answer | None) -> None:
        """What it came to take, in the place of what was put aside. Only the first time counts.

        Of an answer whose tokens are not known all that was put aside counts as taken; without an answer nothing does.
        """
        tokens = self._came_to(answer)
        if not self._leave(tokens - self._tokens) or self.aside is None:
            return
        usd = answer.cost_usd if answer is not None else 0.0
        if usd is None:
            usd = tokens * (self._scope.usd_per_million_tokens or 0.0) / 1e6
        aside, spent, questions = self.aside, usd, int(answer is not None)
        self._writer.later(lambda pen: pen.home.budgets.settle(aside, questions=questions, tokens=tokens, usd=spent))

    def take_back(self) -> None:
        """As if it had never been asked for."""
        self._leave(-self._tokens, requests=-1)

    def _leave(self, tokens: int, *, requests: int = 0) -> bool:
        with self._meter.lock:
            if not self._open:
                return False
            self._open = False
            self._meter.at_once -= 1
            self._meter.tokens.correct(self._grain, tokens)
            self._meter.requests.correct(self._grain, requests)
        return True

    def _came_to(self, answer: Answer | None) -> int:
        if answer is None:
            return 0
        if answer.prompt_tokens is None or answer.completion_tokens is None:
            return self._tokens
        return answer.prompt_tokens + answer.completion_tokens


def _refuse_crowd(meter: _Meter, scope: Scope) -> None:
    if scope.at_once is not None and meter.at_once >= scope.at_once:
        said = f"Too many questions at once: {meter.at_once} are under way, and your limit is {scope.at_once}."
        raise Refused(429, said, type="rate_limit_error", code=RATE, retry_after_s=AT_ONCE_RETRY_S)


def _refuse_rate(window: Window, amount: int, bound: int | None, moment: float, what: str) -> None:
    if bound is None:
        return
    wait_s = window.wait_s(moment, amount, bound)
    if wait_s == 0.0:
        return
    if wait_s is None:
        said = f"This question may take {amount:,} {what}, and your limit is {bound:,} {what} a minute: ask for fewer (max_tokens)."
    else:
        taken = round(window.taken(moment))
        said = f"Rate limit reached: {taken:,} of {bound:,} {what} in the last {SPAN_S:g} s, and this question may take {amount:,}."
    raise Refused(429, said, type="rate_limit_error", code=RATE, retry_after_s=wait_s)


def _used_up(found: UsedUp, tokens: int) -> Refused:
    unit, _, period = found.setting.partition("_per_")
    taken, bound = (f"{amount:,.4f}" if unit == "usd" else f"{amount:,.0f}" for amount in (found.taken, found.bound))
    said = f"Your budget of {bound} {unit} a {period} does not reach: {taken} are taken or put aside, "
    said += f"and this question may take {tokens:,} tokens."
    return Refused(429, said, type="rate_limit_error", code=BUDGET, retry_after_s=found.until_s)
