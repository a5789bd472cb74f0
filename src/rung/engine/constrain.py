"""JSON-schema-constrained decoding: which tokens may come next, by llguidance's grammars (github.com/guidance-ai/llguidance).

JSON comes compact, its keys in the schema's order. Where only one token can come next it is forced, without asking the model.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rung.engine.backend import Unaskable

if TYPE_CHECKING:
    from torch import Tensor

KEPT_GRAMMARS = 256
_FORM = {"param": "response_format", "code": "invalid_schema"}


class Constraint:
    """Where one answer stands in its grammar."""

    def __init__(self, matcher: Any) -> None:
        self.matcher = matcher

    @property
    def complete(self) -> bool:
        """Nothing but the end of the answer can follow."""
        return bool(self.matcher.is_stopped())

    def take(self, token: int) -> None:
        """Move on by a token that the mask allowed. Raises UserError where the grammar became too much to follow."""
        if not self.matcher.consume_token(token):
            raise Unaskable(
                f"the output could not be held to its JSON schema: {_reason(self.matcher)}",
                hint="Simplify the schema (patterns, deep nesting, large enums), or drop the constraint.",
                **_FORM,
            )

    def allowed(self, tokens: Sequence[int]) -> int:
        """How many of these could follow, one after the other."""
        return int(self.matcher.validate_tokens(list(tokens))) if tokens else 0

    def forced(self, limit: int) -> list[int]:
        """The tokens, at most `limit`, that alone can follow; taken already."""
        tokens = list(self.matcher.compute_ff_tokens()[:limit])
        for token in tokens:
            self.take(token)
        return tokens


class Grammars:
    """Compiles each schema once for one tokenizer."""

    def __init__(self, tokenizer: Any, vocabulary: int, end_tokens: Sequence[int]) -> None:
        """`vocabulary` is the width of the model's logits, `end_tokens` may follow a complete answer."""
        from llguidance.hf import from_tokenizer

        self.vocabulary = vocabulary
        self._tokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=sorted(end_tokens))
        self._compiled: OrderedDict[str, Any] = OrderedDict()

    def constraint(self, schema: Mapping[str, Any]) -> Constraint:
        """A fresh answer's place in the schema's grammar. Raises UserError, with the reason, for a schema that has none."""
        from llguidance import LLMatcher

        key = json.dumps(dict(schema))
        if key not in self._compiled:
            # In the order as written: it is the order in which the model will fill it in.
            written = json.dumps(schema, ensure_ascii=False)
            matcher = LLMatcher(
                self._tokenizer, LLMatcher.grammar_from_json_schema(written, overrides={"whitespace_flexible": False}), log_level=0
            )
            if matcher.is_error():
                raise Unaskable(
                    f"the JSON schema cannot be turned into a grammar: {_reason(matcher)}",
                    where=f"schema {written[:120]}",
                    hint="Leave out what it names, or drop the constraint.",
                    **_FORM,
                )
            self._compiled[key] = matcher
        self._compiled.move_to_end(key)
        if len(self._compiled) > KEPT_GRAMMARS:
            self._compiled.popitem(last=False)
        return Constraint(self._compiled[key].deep_copy())

    def mask(self, logits: Tensor, constraints: Sequence[Constraint | None]) -> None:
        """Set to minus infinity, in place, every token that a row's constraint forbids. logits (rows, vocabulary)."""
        import numpy as np
        import torch

        held = [index for index, constraint in enumerate(constraints) if constraint is not None]
        if not held:
            return
        allowed = np.zeros((len(held), -(-self.vocabulary // 32)), dtype=np.uint32)
        for row, index in zip(allowed, held, strict=True):
            constraints[index].matcher.unsafe_compute_mask_ptr(row.ctypes.data, row.nbytes)  # type: ignore[union-attr]
        forbidden = np.unpackbits((~allowed).view(np.uint8), axis=1, count=self.vocabulary, bitorder="little").view(np.bool_)
        places = torch.from_numpy(forbidden).to(logits.device)
        if len(held) == len(constraints):
            logits.masked_fill_(places, float("-inf"))
        else:
            logits[held] = logits[held].masked_fill_(places, float("-inf"))


def _reason(matcher: Any) -> str:
    """llguidance's own words, without the picture of the grammar that follows them."""
    return " ".join(matcher.get_error().split("<state>")[0].split())[:400]


def schema_fault(schema: Mapping[str, Any]) -> str:
    """Why no grammar can be made of a schema; empty where one can. No tokenizer is needed to know."""
    from llguidance import LLMatcher

    try:
        written = json.dumps(schema, ensure_ascii=False)
        grammar = LLMatcher.grammar_from_json_schema(written, overrides={"whitespace_flexible": False})
        fault = str(LLMatcher.validate_grammar(grammar))
    except (ValueError, TypeError, RecursionError) as error:
        fault = str(error)
    return " ".join(fault.split("<state>")[0].split())[:400]
