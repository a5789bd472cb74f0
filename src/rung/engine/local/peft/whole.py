"""What an adapter's file holds in place of the base's own: whole modules (`modules_to_save`), biases, and some tokens' rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from rung.engine.local.adapted import ModuleEffect
from rung.engine.local.ends import EndsEffect, Rows
from rung.engine.local.peft.files import Key, PeftFiles
from rung.engine.local.peft.keys import MERGE, Values
from rung.engine.local.peft.reading import BasePaths, Read
from rung.engine.local.shape import Module
from rung.errors import UserError

_ENLARGED = (
    "Its vocabulary was changed in training. Resize the base, put the adapter on it, merge_and_unload() and save both it and the "
    "tokenizer into one folder; name that folder as the base."
)
_WHOLE = ("module", "base")


def with_whole(read: Read, files: PeftFiles, base: BasePaths) -> Read:
    """The same, and what the rest of the file puts in place of the base's own. Raises UserError for what has no meaning here."""
    reader = _Whole(read, files, base)
    reader.biases()
    reader.modules()
    reader.tokens()
    reader.refuse_rest()
    idle = read.idle if len(reader.used) == len(read.used) else ""
    return Read(effects=reader.effects, own=read.own, ends=reader.ends, used=frozenset(reader.used), idle=idle)


class _Whole:
    def __init__(self, read: Read, files: PeftFiles, base: BasePaths) -> None:
        self._files, self._base, self._values = files, base, Values(files.settings, files.where)
        self.effects: dict[str, ModuleEffect] = dict(read.effects)
        self.ends: EndsEffect = read.ends
        self.used = set(read.used)

    def biases(self) -> None:
        """`bias: all` and `lora_only` save each bias of the base as training left it."""
        kind = self._files.settings.get("bias", "none")
        if kind not in ("none", "all", "lora_only", None):
            raise UserError(
                f"bias is {kind!r}, not none, all or lora_only", where=self._files.where, hint="Save the adapter again."
            )
        if kind in ("none", None):
            return
        for key in self._left():
            if key.bias and key.part in _WHOLE and key.path in self._base.modules:
                bias = self._sized(key, (self._base.modules[key.path].width_out,))
                self.effects[key.path] = replace(self.effects.get(key.path, ModuleEffect()), bias=bias)

    def modules(self) -> None:
        saved = self._values.names("modules_to_save")
        for key in self._left():
            if key.bias or key.part not in _WHOLE:
                continue
            if key.path in (self._base.embedding.path, self._base.head.path):
                self._end(key, in_base=not any(key.path.endswith(name) for name in saved))
            elif key.path in self._base.modules and key.part == "module" and any(key.path.endswith(name) for name in saved):
                self._linear(key, self._base.modules[key.path])
        ends = [module.path for module in (self._base.embedding, self._base.head)]
        for name in saved:
            paths = [path for path in (*self._base.modules, *ends) if path.endswith(name)]
            lacking = [path for path in paths if not self._has(path)]
            if lacking and not (lacking == [self._base.head.path] and self._is_one_with_embedding()):
                problem = f"modules_to_save names {name}, and the file holds no tensor of {lacking[0]}"
                raise UserError(
                    problem, where=self._files.tensors_where, hint="The file is not whole: copy or save the adapter again."
                )

    def tokens(self) -> None:
        """PEFT puts them into a tied head too."""
        asked = self._files.settings.get("trainable_token_indices")
        if not asked:
            return
        by_name: Mapping[str, object] = asked if isinstance(asked, dict) else {self._base.embedding.path: asked}
        for name, tokens in by_name.items():
            module = next((end for end in (self._base.embedding, self._base.head) if end.path.endswith(name)), None)
            if module is None:
                problem = f"trainable_token_indices names {name}, which is neither the base's embedding nor its head"
                raise UserError(problem, where=self._files.where, hint=MERGE)
            if module is self._base.head and self._base.tied and len(by_name) > 1:
                if tokens != by_name.get(next(iter(by_name))) or Key(path=module.path, part="tokens") in self._files.tensors:
                    raise UserError(
                        "trainable_token_indices differ for an embedding and a head that are one",
                        where=self._files.where,
                        hint=MERGE,
                    )
                continue
            self._rows(module, tokens)

    def refuse_rest(self) -> None:
        """Nothing in the file goes unread."""
        left = self._left()
        if not left:
            return
        if any(key.part == "unknown" for key in left):
            raise self._files.refuse(
                [key for key in left if key.part == "unknown"], "the file holds tensors that are no part of an adapter", MERGE
            )
        key = left[0]
        if key.part not in _WHOLE:
            said = {"lora_magnitude_vector": "use_dora", "tokens": "trainable_token_indices", "lora_B": "lora_bias"}.get(
                key.part, "target_modules"
            )
            raise self._files.refuse(
                [key], f"the file holds what {said} says nothing of", "Write the settings that it was trained with."
            )
        problem = "the file holds tensors in place of the base's own that are not computed here"
        raise self._files.refuse(left, problem, MERGE)

    def _end(self, key: Key, *, in_base: bool) -> None:
        """`in_base`: the base's own matrix was saved beside the adapter, not a copy that training changed alone."""
        module = self._base.embedding if key.path == self._base.embedding.path else self._base.head
        matrix = self._sized(key, (module.width_out, module.width_in))
        shared = self._base.tied and (in_base or self._values.flag("ensure_weight_tying"))
        if module is self._base.embedding or shared:
            self.ends = replace(self.ends, embedding=replace(self.ends.embedding or ModuleEffect(), weight=matrix))
        if module is self._base.head or shared:
            self.ends = replace(self.ends, head=replace(self.ends.head or ModuleEffect(), weight=matrix))

    def _linear(self, key: Key, module: Module) -> None:
        weight = self._sized(key, (module.width_out, module.width_in))
        bias_key = key._replace(bias=True)
        bias = self._sized(bias_key, (module.width_out,)) if bias_key in self._files.tensors else None
        self.effects[key.path] = ModuleEffect(weight=weight, bias=bias)

    def _rows(self, module: Module, tokens: object) -> None:
        if not isinstance(tokens, list) or not all(isinstance(token, int) and not isinstance(token, bool) for token in tokens):
            problem = "trainable_token_indices is not a list of whole numbers"
            raise UserError(problem, where=self._files.where, hint="Write the tokens that it was trained with.")
        if len(set(tokens)) < len(tokens) or not all(0 <= token < module.width_out for token in tokens):
            problem = f"trainable_token_indices names a token twice, or one outside of the base's {module.width_out}"
            raise UserError(problem, where=self._files.where, hint=_ENLARGED)
        key = Key(path=module.path, part="tokens")
        if key not in self._files.tensors:
            problem = f"the file lacks the rows of {module.path} that trainable_token_indices names"
            raise UserError(problem, where=self._files.tensors_where, hint="The file is not whole: copy or save the adapter again.")
        own = self._sized(key, (len(tokens), module.width_in))
        rows = Rows(tokens=torch.tensor(tokens, device=own.device), rows=own)
        if module is self._base.embedding or self._base.tied:
            self.ends = replace(self.ends, embedding_rows=rows)
        if module is self._base.head or self._base.tied:
            self.ends = replace(self.ends, head_rows=rows)

    def _sized(self, key: Key, size: tuple[int, ...]) -> Tensor:
        tensor = self._files.tensors[key]
        if tuple(tensor.shape) != size:
            ends = (self._base.embedding.path, self._base.head.path)
            enlarged = key.path in ends and len(size) == 2 and tensor.shape[1:] == size[1:]
            problem = f"{self._files.stored[key]} has shape {tuple(tensor.shape)}, the base needs {size}"
            raise UserError(
                problem,
                where=self._files.tensors_where,
                hint=_ENLARGED if enlarged else "Put it on the base that it was trained on.",
            )
        self.used.add(key)
        return tensor

    def _has(self, path: str) -> bool:
        return any(Key(path=path, part=part) in self.used for part in _WHOLE)

    def _is_one_with_embedding(self) -> bool:
        """Whether a head that is not in the file is the embedding that is."""
        return self._base.tied and self._values.flag("ensure_weight_tying") and self._has(self._base.embedding.path)

    def _left(self) -> list[Key]:
        return [key for key in self._files.tensors if key not in self.used]
