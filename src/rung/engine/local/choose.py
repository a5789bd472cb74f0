"""One answer out of a closed set, by the probability that the model gives each.

Tokens that all choices begin with are read as part of the prompt: they cannot tell the choices apart. Then

- where every choice goes on with a token of its own, its probability is that token's, among those tokens alone: exactly what
  decoding under a grammar of the choices would give, from one pass over the prompt;
- where some share more tokens, a choice's log-probability is the sum over its tokens and the end of the turn, over the whole
  vocabulary, not divided by length; all choices are read as one tree behind the prompt, in one more pass, each shared token once;
  then normalised over the choices.

Scores are products of the last hidden states with the choices' own rows of the head, in float32 whatever the model's precision:
a bfloat16 logit of 20 knows steps of 0.125 only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from rung.engine.chat import training_tokens
from rung.engine.local.adapters import BASE, Stack
from rung.engine.local.batching import common_length
from rung.engine.local.cache import Part, RowCache, extend_together
from rung.engine.local.decoder import Decoder, Head
from rung.engine.local.prefix import Prefix

# Vocabulary rows multiplied at once for a normaliser, tree nodes in one pass, and places scored at once: they bound memory.
VOCABULARY_AT_ONCE = 8192
NODES_AT_ONCE = 1024
SCORED_AT_ONCE = 16384


@dataclass(frozen=True)
class Choices:
    """Each choice's answer tokens, the end of the turn included."""

    tokens: tuple[tuple[int, ...], ...]

    @cached_property
    def common(self) -> tuple[int, ...]:
        """Tokens that all begin with, one left over for each choice."""
        return self.tokens[0][: common_length([row[:-1] for row in self.tokens])]

    @cached_property
    def rests(self) -> tuple[tuple[int, ...], ...]:
        return tuple(row[len(self.common) :] for row in self.tokens)

    @cached_property
    def distinct(self) -> bool:
        """Whether the first token after the common ones tells."""
        return len({rest[0] for rest in self.rests}) == len(self.rests)

    @cached_property
    def trees(self) -> tuple[Tree, ...]:
        """The choices' continuations, neighbours in one tree, as many trees as NODES_AT_ONCE asks for."""
        order = sorted(range(len(self.rests)), key=lambda index: self.rests[index])
        trees: list[Tree] = []
        block: list[int] = []
        nodes = 0
        for index in order:
            if block and nodes + len(self.rests[index]) > NODES_AT_ONCE:
                trees.append(Tree.of(block, self.rests))
                block, nodes = [], 0
            block.append(index)
            nodes += len(self.rests[index])
        return (*trees, Tree.of(block, self.rests))

    @cached_property
    def most_nodes(self) -> int:
        """Tokens that one row adds to a pass over the largest tree."""
        return 0 if self.distinct else max(len(tree.tokens) for tree in self.trees)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Continuations as a tree. An edge is (state, token): a state is 0 for the prompt's last token, else 1 + a node.

    choices     which of the choices are in it
    tokens      of each node: every token but the choices' last ones, which are only ever predicted
    parents     of each node; -1 is the prompt
    paths       of each choice, the places of its edges in `edges`
    """

    choices: tuple[int, ...]
    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    paths: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, block: Sequence[int], rests: Sequence[Sequence[int]]) -> Tree:
        nodes: dict[tuple[int, ...], int] = {(): -1}
        edges: dict[tuple[int, int], int] = {}
        tokens: list[int] = []
        parents: list[int] = []
        paths: list[tuple[int, ...]] = []
        for rest in (rests[index] for index in block):
            path: list[int] = []
            for place, token in enumerate(rest):
                before = tuple(rest[:place])
                if before not in nodes:
                    nodes[before] = len(tokens)
                    tokens.append(before[-1])
                    parents.append(nodes[before[:-1]])
                path.append(edges.setdefault((nodes[before] + 1, token), len(edges)))
            paths.append(tuple(path))
        return cls(choices=tuple(block), tokens=tuple(tokens), parents=tuple(parents), edges=tuple(edges), paths=tuple(paths))


def choice_tokens(tokenizer: Any, choices: Sequence[str]) -> Choices:
    """What training would teach for each choice. It follows the prompt's end alone, so that any conversation shows it."""
    asked = [{"role": "user", "content": "?"}]
    rows = (training_tokens(tokenizer, asked, (), choice) for choice in choices)
    return Choices(tuple(tuple(ids[start:]) for ids, start in rows))


def choose(
    decoder: Decoder, prompts: Sequence[Sequence[int]], choices: Choices, prefix: Prefix | None = None, stack: Stack = BASE
) -> Tensor:
    """Log-probabilities, (rows, choices), float32, each row summing to one in probability. `prompts` include the shared prefix."""
    skip = len(prefix.tokens) if prefix else 0
    rows = [[*ids[skip:], *choices.common] for ids in prompts]
    cache = RowCache(decoder, len(rows), max(map(len, rows)), prefix)
    last = extend_together([Part.of(cache, rows)], stack.update)
    return scored(decoder.head_under(stack.update), last, choices, partial(_nodes, cache, stack))


def scored(head: Head, last: Tensor, choices: Choices, nodes: Callable[[Tree], Tensor]) -> Tensor:
    """Log-probabilities, as `choose` gives them.

    last   hidden states of the prompts' ends, (rows, width), behind what all choices begin with
    nodes  those of a tree's nodes behind each prompt, (rows, nodes, width)
    """
    if choices.distinct:
        first = torch.tensor([rest[0] for rest in choices.rests], device=last.device)
        return torch.log_softmax(head.exact(last, first), dim=-1)
    scores = torch.empty(len(last), len(choices.tokens), device=last.device)
    for tree in choices.trees:
        scores[:, list(tree.choices)] = _tree_scores(head, last, tree, nodes(tree))
    return torch.log_softmax(scores, dim=-1)


def _nodes(cache: RowCache, stack: Stack, tree: Tree) -> Tensor:
    return cache.branch(tree.tokens, tree.parents, stack.update)


def _tree_scores(head: Head, last: Tensor, tree: Tree, nodes: Tensor) -> Tensor:
    """Summed log-probabilities, (rows, choices of the tree), from the hidden states of the prompt's end and of the tree's nodes."""
    states = torch.cat((last[:, None], nodes), dim=1)
    normalisers = _log_normalisers(head, states.flatten(0, 1)).view(states.shape[:2])
    edges = torch.tensor(tree.edges, device=last.device)
    parts = []
    for block in edges.split(max(1, SCORED_AT_ONCE // len(last))):
        at, token = block.T
        parts.append(head.each(states[:, at], token) - normalisers[:, at])
    of_edge = torch.cat(parts, dim=1)
    return torch.stack([of_edge[:, list(path)].sum(1) for path in tree.paths], dim=1)


def _log_normalisers(head: Head, states: Tensor) -> Tensor:
    """log sum exp of each state's logits over the whole vocabulary, (n,), float32, a slice of the vocabulary at a time."""
    total = torch.full((len(states),), float("-inf"), device=states.device)
    for start in range(0, len(head.weight), VOCABULARY_AT_ONCE):
        tokens = slice(start, start + VOCABULARY_AT_ONCE)
        parts = [torch.logsumexp(head.exact(block, tokens), dim=-1) for block in states.split(NODES_AT_ONCE)]
        total = torch.logaddexp(total, torch.cat(parts))
    return total
