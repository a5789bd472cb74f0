"""How far weights that were written anew may change answers, in nats a token, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rung.export.agree import Registered, base_folder, distance, effect
from rung.export.base import Agreement
from rung.export.subject import Options, Subject

if TYPE_CHECKING:
    from torch import Tensor

MEASURE = "nats a token that answers change by"
# The most for weights of each precision, where nobody says; and how much finer than what the adapters do it has to be in any case:
# weights that were merged to no effect would pass else, where the adapters do little.
NATS: Mapping[str, float] = {"float32": 1e-4, "float16": 2e-3, "bfloat16": 1e-2}
FINER = 4.0


def agreement(subject: Subject, said: Sequence[Tensor], reader: str, dtype: str) -> Agreement:
    """Of what a reader said next to the subject's questions, from weights of this precision."""
    found, options = subject.registered, subject.options
    apart = distance(found.logits, said)
    does = f"; the adapters move their base by {effect(found):.3g} nats" if found.base else ""
    same = f"{apart.same:.1%} of {apart.tokens:,} tokens keep their likeliest next one, the worst changes by {apart.worst:.3g}"
    return Agreement(
        reader=reader,
        measure=MEASURE,
        value=apart.nats,
        limit=_bound(found, options, dtype),
        rows=len(found.probes),
        about=f"as {dtype}, on {found.about}; {same}{does}",
        hint=_mend(dtype, options),
    )


def stored_as(subject: Subject) -> str:
    """As what matrices are written."""
    from rung.engine.local.weights import stored_dtype

    return subject.options.dtype or str(stored_dtype(base_folder(subject))).removeprefix("torch.")


def judged_in_int8(subject: Subject) -> list[str]:
    """That weights as they were published answer a little otherwise than those that were judged, where these were others."""
    kept = subject.candidate.base_reference.weights
    return [f"It was judged with its base in {kept}: what is compared here are its weights as they were published."] if kept else []


def _bound(found: Registered, options: Options, dtype: str) -> float:
    """What was asked for; else the usual one, and in any case much finer than what the adapters do."""
    return options.max_nats if options.max_nats is not None else min(NATS[dtype], effect(found) / FINER)


def _mend(dtype: str, options: Options) -> str:
    if dtype != "float32":
        return f"Rounding to {dtype} is coarser than that: --dtype float32 keeps every bit; or allow more, with --max-nats."
    return "Allow more with --max-nats." if options.max_nats is not None else ""
