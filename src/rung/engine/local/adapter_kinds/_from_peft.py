"""Low-rank adapters as PEFT writes them, with all that its LoraConfig may add to them, and AdaLoRA's, which are of low rank once
they are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from rung.engine.local.adapted import Decomposition, ModuleEffect
from rung.engine.local.ends import EndsEffect
from rung.engine.local.low_rank import Factors
from rung.engine.local.peft.files import Key, PeftFiles
from rung.engine.local.peft.keys import MERGE, Keys, Values, check_keys, is_off
from rung.engine.local.peft.reading import BasePaths, Read
from rung.engine.local.peft.targets import KEYS as TARGET_KEYS
from rung.engine.local.peft.targets import Targets, of_pattern
from rung.engine.local.shape import Module
from rung.errors import UserError

BUDGETED = "ADALORA"
LOW_RANK_PARTS = ("lora_A", "lora_B", "lora_E", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector")
_BUDGET = {"target_r", "init_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight", "total_step"}
KEYS = Keys(
    computed=TARGET_KEYS
    | {"r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "use_dora", "lora_bias", "bias", "init_lora_weights"}
    | {"trainable_token_indices", "ensure_weight_tying"},
    # How training went or would go on; PEFT looks at the module itself for how its weight lies (fan_in_fan_out).
    harmless=frozenset(
        {"lora_dropout", "fan_in_fan_out", "megatron_core", "qalora_group_size", "loftq_config", "eva_config", "corda_config"}
        | {"lora_ga_config", "velora_config", "merge_weights", *_BUDGET}
    ),
    off=frozenset(
        {"target_parameters", "layer_replication", "megatron_config", "alora_invocation_tokens", "use_qalora", "monteclora_config"}
        | {"use_bdlora", "arrow_config", "kasa_config", "enable_lora"}
    ),
)
# What training begins from, and takes nothing out of the base's weights for.
_PLAIN_STARTS = (None, True, False, "gaussian", "eva", "orthogonal", "mica")
_RESIDUAL_HINT = (
    "Save it as a plain adapter where it was trained: save_pretrained(folder, path_initial_model_for_weight_conversion=...); or "
    + MERGE[0].lower()
    + MERGE[1:]
)


def read_low_rank(files: PeftFiles, base: BasePaths) -> Read:
    """Raises UserError for what is not computed, and where tensors, settings and base do not fit each other."""
    check_keys(files.settings, KEYS, files.where)
    return _Reader(files, base).read()


@dataclass(frozen=True)
class _Sizes:
    """Of one module's update, by the settings."""

    rank: int
    scale: float


class _Reader:
    def __init__(self, files: PeftFiles, base: BasePaths) -> None:
        self._files, self._base, self._values = files, base, Values(files.settings, files.where)
        self._targets = Targets.read(files.settings, files.where)
        self._budgeted = files.settings.get("peft_type") == BUDGETED
        self._dora, self._bias = self._values.flag("use_dora"), self._values.flag("lora_bias")
        self._start = None if self._budgeted else _start(files)
        if self._budgeted and self._dora:
            raise UserError("use_dora stands beside AdaLoRA, which PEFT refuses", where=files.where, hint=MERGE)
        self._used: set[Key] = set()

    @cached_property
    def _alphas(self) -> dict[str, float]:
        return self._values.by_pattern("alpha_pattern", self._values.number_of)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        return self._values.by_pattern("rank_pattern", self._values.rank_of)

    def read(self) -> Read:
        parts = ("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B")
        paths = self._files.paths(*parts)
        self._refuse_unmeant(paths)
        effects = {path: self._module(self._base.modules[path]) for path in paths if path in self._base.modules}
        embedding = self._embedding() if self._base.embedding.path in paths else None
        head = self._module(self._base.head) if self._base.head.path in paths else None
        if head and head.begun_from and self._base.tied:
            problem = "init_lora_weights took a part out of a head that is the embedding too"
            raise UserError(problem, where=self._files.where, hint=_RESIDUAL_HINT)
        if embedding and self._base.tied and self._values.flag("ensure_weight_tying"):
            head = embedding
        every = [effect for effect in (*effects.values(), embedding, head) if effect]
        idle = (
            "every product of its factors is zero (B, or A, is zero)"
            if all(effect.is_low_rank and effect.is_null for effect in every)
            else ""
        )
        return Read(effects=effects, ends=EndsEffect(embedding=embedding, head=head), used=frozenset(self._used), idle=idle)

    def _refuse_unmeant(self, paths: tuple[str, ...]) -> None:
        """The tensors are for the modules that the settings name, and each of these has its own."""
        files, base, targets = self._files, self._base, self._targets
        known = set(base.named())
        if strange := [key for key in files.tensors if key.path in paths and key.path not in known]:
            hint = f"Put it on the base that it was trained on{_said_base(files.settings)}. " + MERGE
            raise files.refuse(strange, "the adapter does not fit the base, which has no such linear module", hint)
        tied = (
            {base.head.path}
            if self._values.flag("ensure_weight_tying") and targets.include(files.called(base.embedding.path), linear=False)
            else ()
        )
        for path in paths:
            meant = targets.wanted is None or path in tied or targets.include(files.called(path), linear=path in base.modules)
            if not meant:
                keys = [key for key in files.tensors if key.path == path]
                hint = "Write the target_modules (and exclude_modules, layers_to_transform) that it was trained with."
                raise files.refuse(keys, f"{_narrowing(files.settings)} does not name what the file holds tensors of", hint)
        meant_too = [path for path in base.modules if targets.wanted is not None and targets.include(files.called(path))]
        lacking = [path for path in meant_too if path not in paths]
        if lacking:
            problem = f"target_modules names {len(lacking)} modules of the base that the file has no tensors of: {lacking[0]}"
            hint = f"Copy or save the adapter again, or put it on the base that it was trained on{_said_base(files.settings)}."
            raise UserError(problem, where=files.tensors_where, hint=hint)
        if not paths:
            raise UserError("the adapter's tensors are for none of the base's modules", where=files.tensors_where, hint=MERGE)

    def _sizes(self, path: str) -> _Sizes:
        values, where, called = self._values, self._files.where, self._files.called(path)
        alpha = of_pattern("alpha_pattern", self._alphas, called, values.number("lora_alpha"), where)
        if self._budgeted:
            return self._budget(path, alpha)
        rank = of_pattern("rank_pattern", self._ranks, called, values.rank("r"), where)
        return _Sizes(rank, alpha / (rank**0.5 if values.flag("use_rslora") else rank))

    def _budget(self, path: str, alpha: float) -> _Sizes:
        """AdaLoRA's rank is what its file holds of the rank that it began with, which its scale goes on with (and 1e-5 beside)."""
        begun = self._values.rank("init_r")
        return _Sizes(len(self._take(path, "lora_E")), (alpha if alpha > 0 else begun) / (begun + 1e-5))

    def _module(self, module: Module) -> ModuleEffect:
        sizes = self._sizes(module.path)
        down = self._taken(module.path, "lora_A", (sizes.rank, module.width_in))
        up = self._taken(module.path, "lora_B", (module.width_out, sizes.rank))
        if self._budgeted:
            down = down * self._taken(module.path, "lora_E", (sizes.rank, 1))
        bias = self._taken(module.path, "lora_B", (module.width_out,), asked="lora_bias") if self._bias else None
        magnitude = self._taken(module.path, "lora_magnitude_vector", (module.width_out,), asked="use_dora") if self._dora else None
        if module is self._base.head and bias is not None:
            raise UserError("lora_bias on the head is not computed here", where=self._files.where, hint=MERGE)
        return ModuleEffect(
            down=down,
            up=up * sizes.scale,
            shift=None if bias is None else bias * sizes.scale,
            magnitude=magnitude,
            begun_from=self._start,
            scale=sizes.scale,
        )

    def _embedding(self) -> ModuleEffect:
        """PEFT keeps A as (rank, vocabulary) and B as (width, rank), for rows that lie the other way."""
        module = self._base.embedding
        if self._dora:
            raise UserError("use_dora on the embedding is not computed here", where=self._files.where, hint=MERGE)
        sizes = self._sizes(module.path)
        a = self._taken(module.path, "lora_embedding_A", (sizes.rank, module.width_out))
        b = self._taken(module.path, "lora_embedding_B", (module.width_in, sizes.rank))
        return ModuleEffect(down=b.T.contiguous(), up=a.T.contiguous() * sizes.scale)

    def _taken(self, path: str, part: str, size: tuple[int, ...], *, asked: str = "") -> Tensor:
        key = Key(path=path, part=part, bias=asked == "lora_bias")
        tensor = self._take(path, part, asked)
        if tuple(tensor.shape) != size:
            problem = f"{self._files.stored[key]} has shape {tuple(tensor.shape)}, the settings and the base need {size}"
            hint = f"Write the r and rank_pattern that it was trained with, or name its own base{_said_base(self._files.settings)}."
            raise UserError(problem, where=self._files.tensors_where, hint=hint)
        return tensor

    def _take(self, path: str, part: str, asked: str = "") -> Tensor:
        """`asked`: the key of the settings that asks for it, where not every adapter has it."""
        key = Key(path=path, part=part, bias=asked == "lora_bias")
        if key not in self._files.tensors:
            problem = f"the file lacks {part}{' (its bias)' if key.bias else ''} of {path}"
            problem += f", which {asked} asks for" if asked else ""
            raise UserError(problem, where=self._files.tensors_where, hint="The file is not whole: copy or save the adapter again.")
        self._used.add(key)
        return self._files.tensors[key]


def _start(files: PeftFiles) -> Decomposition | None:
    """What was taken out of the base's weights before training: they lack it where the adapter was trained, and not here."""
    value = files.settings.get("init_lora_weights")
    if any(value is plain or (isinstance(plain, str) and value == plain) for plain in _PLAIN_STARTS):
        return None
    if isinstance(value, str) and value in _DECOMPOSITIONS:
        return _DECOMPOSITIONS[value]
    problem = f"init_lora_weights: {value!r} changed the base's weights before training, in a way that cannot be repeated"
    if not isinstance(value, str) or value.partition("_")[0] not in ("pissa", "corda", "loftq", "lora"):
        problem = f"init_lora_weights: {value!r} is not known here, and might have changed the base's weights"
    raise UserError(problem, where=files.where, hint=_RESIDUAL_HINT)


def _principal(weight: Tensor, rank: int, scale: float) -> Factors:
    """The first singular values and vectors (PiSSA: Meng et al., arXiv 2404.02948); up down is 1 / scale of that part of W."""
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    root = (values[:rank] / scale).sqrt()
    return Factors(root[:, None] * right[:rank], left[:, :rank] * root)


def _orthonormal(weight: Tensor, rank: int, scale: float) -> Factors:
    """The first columns of Q and rows of R (OLoRA: Buyukakyuz, arXiv 2406.01775)."""
    q, r = torch.linalg.qr(weight)
    return Factors(r[:rank], q[:, :rank])


_DECOMPOSITIONS: Mapping[str, Callable[[Tensor, int, float], Factors]] = {"pissa": _principal, "olora": _orthonormal}


def _narrowing(settings: Mapping[str, Any]) -> str:
    keys: Iterable[str] = ("target_modules", "exclude_modules", "layers_to_transform", "modules_to_save")
    return " with ".join(key for key in keys if not is_off(settings.get(key)))


def _said_base(settings: Mapping[str, Any]) -> str:
    name = settings.get("base_model_name_or_path")
    return f" ({name})" if isinstance(name, str) and name else ""
