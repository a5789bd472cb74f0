"""What compiled code needs beside numba's own: bfloat16, which is stored as its 16 bits, addresses, and work that threads share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba import cfunc, njit, types
from numba.extending import intrinsic

Compiled = TypeVar("Compiled", bound=Callable[..., Any])
# Arrays, as compiled code sees them.
Array = Any
# Half of numba is typed, not for what is handed to its compiler.
instruction: Callable[[Any], Any] = intrinsic
carray: Any = vars(numba)["carray"]

# Sums may be taken in any order, as kernels do; what is not finite stays so.
_REORDERED = {"reassoc", "contract", "nsz"}
_WORD, _LONG, _FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()


def compiled(function: Compiled) -> Compiled:
    """To be called from compiled code."""
    return cast(Compiled, njit(fastmath=_REORDERED, error_model="numpy")(function))


def entry(function: Callable[[Any], None]) -> Any:
    """Of one pointer, to be called by its `address`. Kept on disk for the next process, where there is a place to write to.

    numba takes what it kept for the same where the function's own code and what it closes over are the same, whatever it calls:
    let it close over `sources()`.
    """
    signature = types.void(types.voidptr)
    try:
        return cfunc(signature, cache=True)(function)
    except Exception:  # no place, a full disk, what was left by another
        return cfunc(signature)(function)


@cache
def sources() -> int:
    """Changes with the code of this folder."""
    texts = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return int.from_bytes(hashlib.sha256(b"".join(texts)).digest()[:7], "big") or 1


@instruction
def wide(_context: Any, value: Any) -> Any:
    """A stored number in float32."""
    if value == types.uint16:
        return types.float32(types.uint16), lambda _c, b, _s, a: b.bitcast(b.shl(b.zext(a[0], _WORD), _WORD(16)), _FLOAT)
    return types.float32(types.float32), lambda _c, _b, _s, a: a[0]


@instruction
def narrow(_context: Any, value: Any, like: Any) -> Any:
    """A float32 as numbers like this one are stored: to the nearest, ties to even."""

    def rounded(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], _WORD)
        odd = builder.and_(builder.lshr(bits, _WORD(16)), _WORD(1))
        up = builder.lshr(builder.add(builder.add(bits, _WORD(0x7FFF)), odd), _WORD(16))
        no_number = builder.fcmp_unordered("uno", arguments[0], arguments[0])
        return builder.trunc(builder.select(no_number, _WORD(0x7FC0), up), ir.IntType(16))

    if like == types.uint16:
        return types.uint16(types.float32, types.uint16), rounded
    return types.float32(types.float32, types.float32), lambda _c, _b, _s, a: a[0]


@instruction
def pointer(_context: Any, address: Any) -> Any:
    """To what lies there."""
    return types.voidptr(types.int64), lambda c, b, _s, a: b.inttoptr(a[0], c.get_value_type(types.voidptr))


@instruction
def claimed(_context: Any, address: Any) -> Any:
    """The number there, which is one more from now on: no two threads are told the same."""

    def one_more(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", builder.inttoptr(arguments[0], _LONG.as_pointer()), _LONG(1), "monotonic")

    return types.int64(types.int64), one_more


@instruction
def fetched(_context: Any, address: Any) -> Any:
    """Have what lies there brought near, without waiting for it."""

    def fetch(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, _WORD, _WORD, _WORD])
        name = "llvm.prefetch.p0" if "*" not in str(place.type) else "llvm.prefetch.p0i8"
        found = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        builder.call(found, [place, _WORD(0), _WORD(3), _WORD(1)])
        return _context.get_dummy_value()

    return types.none(types.int64), fetch
