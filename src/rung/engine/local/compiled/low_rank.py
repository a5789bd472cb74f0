"""Each token's own adapters, each of them read once: y_i += sum over the ranks r of token i of w_r (x_i . down_r) up_r.

What Punica's kernels compute (Chen et al., arXiv 2310.18547), both products of a token in one go: the few numbers between them are
never written to memory, and columns of `up` that a rank does not reach are not read. Sums are of float32, rounded once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rung.engine.local.compiled import team
from rung.engine.local.compiled.numbers import Array, carray, claimed, compiled, entry, fetched, narrow, pointer, sources, wide
from rung.engine.local.token_ranks import RUN_TOKENS, TokenRanks

# Columns of y that are summed at once: in float32 they stay in the innermost cache.
COLUMNS = 1024
LINE_BYTES = 64

# A task is an array of int64: sizes, and the addresses of arrays. OWN is the task's own.
FIELDS = 18
NEXT, OWN, TOKENS, WIDTH_IN, WIDTH_OUT, RANKS, X, Y, DOWN, UP, BEGIN, END, RUNS, RUN, ENTRIES, FIRST, LAST, WEIGHT = range(FIELDS)


@compiled
def _widened(to: Array, numbers: Array) -> None:
    for j in range(len(to)):
        to[j] = wide(numbers[j])


@compiled
def _narrowed(to: Array, numbers: Array) -> None:
    for j in range(len(to)):
        to[j] = narrow(numbers[j], to[j])


@compiled
def _dot(x: Array, row: Array) -> Array:
    total = np.float32(0)
    for k in range(len(x)):
        total += x[k] * wide(row[k])
    return total


@compiled
def _dots(x: Array, low: Array, rows: Array) -> None:
    """Of four rows: x is read once for them."""
    row0, row1, row2, row3 = rows[0], rows[1], rows[2], rows[3]
    total0, total1, total2, total3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for k in range(len(x)):
        value = x[k]
        total0 += value * wide(row0[k])
        total1 += value * wide(row1[k])
        total2 += value * wide(row2[k])
        total3 += value * wide(row3[k])
    low[0], low[1], low[2], low[3] = total0, total1, total2, total3


@compiled
def _add(y: Array, low: Array, row: Array) -> None:
    for j in range(len(y)):
        y[j] += low * wide(row[j])


@compiled
def _add_eight(y: Array, low: Array, rows: Array, first: Array, stop: Array) -> None:
    """Of these columns of eight rows: y is read and written once for them."""
    row0, row1, row2, row3 = rows[0, first:stop], rows[1, first:stop], rows[2, first:stop], rows[3, first:stop]
    row4, row5, row6, row7 = rows[4, first:stop], rows[5, first:stop], rows[6, first:stop], rows[7, first:stop]
    low0, low1, low2, low3, low4, low5, low6, low7 = low[0], low[1], low[2], low[3], low[4], low[5], low[6], low[7]
    for j in range(len(y)):
        first = low0 * wide(row0[j]) + low1 * wide(row1[j]) + low2 * wide(row2[j]) + low3 * wide(row3[j])
        y[j] += first + low4 * wide(row4[j]) + low5 * wide(row5[j]) + low6 * wide(row6[j]) + low7 * wide(row7[j])


@compiled
def _four_dots(x: Array, low: Array, row: Array) -> None:
    """Of four tokens: the row is read once for them."""
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    total0, total1, total2, total3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for k in range(len(row)):
        value = wide(row[k])
        total0 += value * x0[k]
        total1 += value * x1[k]
        total2 += value * x2[k]
        total3 += value * x3[k]
    low[0], low[1], low[2], low[3] = total0, total1, total2, total3


@compiled
def _four_adds(y: Array, at: Array, low: Array, rows: Array, first: Array, stop: Array) -> None:
    """To four tokens' columns from `at` on, of these columns of four rows."""
    row0, row1, row2, row3 = rows[0, first:stop], rows[1, first:stop], rows[2, first:stop], rows[3, first:stop]
    y0, y1, y2, y3 = y[0, at:], y[1, at:], y[2, at:], y[3, at:]
    a0, a1, a2, a3 = low[0, 0], low[0, 1], low[0, 2], low[0, 3]
    b0, b1, b2, b3 = low[1, 0], low[1, 1], low[1, 2], low[1, 3]
    c0, c1, c2, c3 = low[2, 0], low[2, 1], low[2, 2], low[2, 3]
    d0, d1, d2, d3 = low[3, 0], low[3, 1], low[3, 2], low[3, 3]
    for j in range(stop - first):
        up0, up1, up2, up3 = wide(row0[j]), wide(row1[j]), wide(row2[j]), wide(row3[j])
        y0[j] += a0 * up0 + a1 * up1 + a2 * up2 + a3 * up3
        y1[j] += b0 * up0 + b1 * up1 + b2 * up2 + b3 * up3
        y2[j] += c0 * up0 + c1 * up1 + c2 * up2 + c3 * up3
        y3[j] += d0 * up0 + d1 * up1 + d2 * up2 + d3 * up3


@compiled
def _lows(x: Array, low: Array, down: Array, weight: Array) -> None:
    """low_tr = weight x_t . down_r."""
    tokens, ranks = len(x), len(down)
    if tokens == RUN_TOKENS:
        for rank in range(ranks):
            _four_dots(x, low[:, rank], down[rank])
    else:
        fours = ranks - ranks % 4
        for token in range(tokens):
            for rank in range(0, fours, 4):
                _dots(x[token], low[token, rank : rank + 4], down[rank : rank + 4])
            for rank in range(fours, ranks):
                low[token, rank] = _dot(x[token], down[rank])
    for token in range(tokens):
        for rank in range(ranks):
            low[token, rank] *= weight


@compiled
def _adds(y: Array, at: Array, low: Array, up: Array, first: Array, stop: Array) -> None:
    """To y_t, from `at` on, the sum of low_tr up_r, of these columns of up: the ranks all reach them."""
    tokens, ranks = len(low), len(up)
    r = 0
    while r < ranks:
        if tokens == RUN_TOKENS and r + 4 <= ranks:
            _four_adds(y, at, low[:, r : r + 4], up[r : r + 4], first, stop)
            r += 4
        elif r + 8 <= ranks:
            for token in range(tokens):
                _add_eight(y[token, at : at + stop - first], low[token, r : r + 8], up[r : r + 8], first, stop)
            r += 8
        else:
            for token in range(tokens):
                _add(y[token, at : at + stop - first], low[token, r], up[r, first:stop])
            r += 1


@compiled
def _adds_where_they_reach(y: Array, start: Array, low: Array, factors: Array) -> None:
    """To y, which are the columns from `start` on, of all ranks: those that reach the same columns together."""
    up, begin, end = factors
    r, ranks = 0, len(up)
    while r < ranks:
        last = r + 1
        while last < ranks and begin[last] == begin[r] and end[last] == end[r]:
            last += 1
        first, stop = max(begin[r], start), min(end[r], start + COLUMNS)
        if first < stop:
            _adds(y, first - start, low[:, r:last], up[r:last], first, stop)
        r = last


@compiled
def _fetch(rows: Array) -> None:
    """Have all of them brought near: they are read but once, and waited for line by line otherwise."""
    for row in range(len(rows)):
        at = rows[row].ctypes.data
        for offset in range(0, rows.shape[1] * rows.itemsize, LINE_BYTES):
            fetched(at + offset)


@compiled
def _fetch_entries(factors: Array, firsts: Array, lasts: Array) -> None:
    down, up, begin, end = factors
    for number in range(len(firsts)):
        _fetch(down[firsts[number] : lasts[number]])
    for number in range(len(firsts)):
        for rank in range(firsts[number], lasts[number]):
            _fetch(up[rank : rank + 1, begin[rank] : end[rank]])


@compiled
def _run(x: Array, y: Array, factors: Array, entries: Array, room: Array) -> None:
    """A few tokens of the same entries: x (tokens, in), y (tokens, out), and room for the numbers between."""
    (down, up, begin, end), (firsts, lasts, weights), (room_x, room_low, room_y) = factors, entries, room
    tokens, width_out = y.shape
    wide_x, low = room_x[:tokens], room_low[:tokens]
    for token in range(tokens):
        _widened(wide_x[token], x[token])
    at = 0
    for number in range(len(firsts)):
        first, last = firsts[number], lasts[number]
        _lows(wide_x, low[:, at : at + last - first], down[first:last], weights[number])
        at += last - first
    for start in range(0, width_out, COLUMNS):
        stop = min(start + COLUMNS, width_out)
        for token in range(tokens):
            _widened(room_y[token, : stop - start], y[token, start:stop])
        at = 0
        for number in range(len(firsts)):
            first, last = firsts[number], lasts[number]
            own = up[first:last], begin[first:last], end[first:last]
            _adds_where_they_reach(room_y, start, low[:, at : at + last - first], own)
            at += last - first
        for token in range(tokens):
            _narrowed(y[token, start:stop], room_y[token])


@compiled
def _work(task: Array, x: Array, y: Array, down: Array, up: Array) -> None:
    """Runs of tokens as long as there are some that no other thread has taken."""
    runs, ranks = task[RUNS], task[RANKS]
    begin, end = carray(pointer(task[BEGIN]), (ranks,), np.int64), carray(pointer(task[END]), (ranks,), np.int64)
    run = carray(pointer(task[RUN]), (runs, 2), np.int64)
    entries = carray(pointer(task[ENTRIES]), (runs + 1,), np.int64)
    count = entries[runs]
    firsts, lasts = carray(pointer(task[FIRST]), (count,), np.int64), carray(pointer(task[LAST]), (count,), np.int64)
    weights = carray(pointer(task[WEIGHT]), (count,), np.float32)
    most = 0
    for number in range(count):
        most += lasts[number] - firsts[number]
    room_x, room_low = np.empty((RUN_TOKENS, task[WIDTH_IN]), np.float32), np.empty((RUN_TOKENS, most), np.float32)
    room = room_x, room_low, np.empty((RUN_TOKENS, COLUMNS), np.float32)
    near = -1
    while True:
        number = claimed(task[OWN])
        if number >= runs:
            break
        a, b = entries[number], entries[number + 1]
        if firsts[a] != near:
            _fetch_entries((down, up, begin, end), firsts[a:b], lasts[a:b])
            near = firsts[a]
        first, last = run[number]
        _run(x[first:last], y[first:last], (down, up, begin, end), (firsts[a:b], lasts[a:b], weights[a:b]), room)


def begin(stored: Any) -> Any:
    """What a thread begins with, for numbers that are stored as this type of numpy's."""
    code = sources()

    def _begin(address: Array) -> None:
        task = carray(address, (FIELDS,), np.int64)
        tokens, width_in, width_out, ranks = task[TOKENS], task[WIDTH_IN], task[WIDTH_OUT], task[RANKS]
        x, y = carray(pointer(task[X]), (tokens, width_in), stored), carray(pointer(task[Y]), (tokens, width_out), stored)
        down, up = carray(pointer(task[DOWN]), (ranks, width_in), stored), carray(pointer(task[UP]), (ranks, width_out), stored)
        if code:
            _work(task, x, y, down, up)

    return entry(_begin)


_STORED = {torch.bfloat16: np.uint16, torch.float32: np.float32}
_ENTRIES: dict[torch.dtype, Any] = {}


def ready(dtype: torch.dtype) -> bool:
    """Compile it, where it was not yet; whether there is one for such numbers."""
    if dtype in _STORED and dtype not in _ENTRIES:
        _ENTRIES[dtype] = begin(_STORED[dtype])
    return dtype in _ENTRIES


class GatheredFactors:
    """A product's factors of many adapters: down (ranks, in) and up (ranks, out), which may change where they lie.

    Asked by one thread at a time.
    """

    def __init__(self, down: Tensor, up: Tensor) -> None:
        self._factors = down, up
        self._entry: int = _ENTRIES[down.dtype].address
        self._columns = np.zeros((2, len(down)), np.int64)
        self._columns[1] = up.shape[1]
        self._task = task = (ctypes.c_int64 * FIELDS)()
        self._address = task[OWN] = ctypes.addressof(task)
        task[WIDTH_IN], task[WIDTH_OUT], task[RANKS] = down.shape[1], up.shape[1], len(down)
        task[DOWN], task[UP] = down.data_ptr(), up.data_ptr()
        task[BEGIN], task[END] = (row.ctypes.data for row in self._columns)
        self._tokens: TokenRanks | None = None

    def reach(self, first: int, ranges: Sequence[tuple[int, int, int]]) -> None:
        """Of the ranks from `first` on: (so many of them, the first and the last column of y that they reach)."""
        for ranks, begin, end in ranges:
            self._columns[:, first : first + ranks] = [[begin], [end]]
            first += ranks

    def add(self, y: Tensor, x: Tensor, tokens: TokenRanks) -> None:
        """To y (n, out), in place and without gaps, what its adapters make of each token of x (n, in).

        Raises ValueError for other sizes and numbers: compiled code would read and write past them.
        """
        down, up = self._factors
        if x.shape[1] != down.shape[1] or y.shape != (len(x), up.shape[1]) or not x.dtype == y.dtype == down.dtype:
            raise ValueError(f"{x.dtype} {tuple(x.shape)} and {y.dtype} {tuple(y.shape)}, for {down.dtype} {tuple(up.shape)}")
        if not y.is_contiguous():
            raise ValueError("y has gaps")
        x = x.contiguous()
        task = self._task
        if tokens is not self._tokens:
            self._tokens, task[TOKENS] = tokens, len(x)
            task[RUNS] = tokens.runs
            task[RUN], task[ENTRIES], task[FIRST], task[LAST], task[WEIGHT] = tokens.addresses
        task[NEXT], task[X], task[Y] = 0, x.data_ptr(), y.data_ptr()
        team.run(self._entry, self._address)
