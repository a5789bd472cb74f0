"""How text is cut into words before a byte-level vocabulary's merges act: what `tokenizer.ggml.pre` names.

Each name stands for the expressions of the model's own published tokenizer. A name that is not here is refused: the wrong cut gives
other tokens than the model was trained on, and nothing would say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LAST = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_LAST}"
_QWEN2 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_LAST}"
_QWEN35 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_LAST}"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n/]*"
_TEKKEN = rf"{_BEFORE}[{_UPPER}]*[{_LOWER}]+|{_BEFORE}[{_UPPER}]+[{_LOWER}]*|\p{{N}}|{_SIGNS}|{_LAST}"
_GPT4O = rf"{_BEFORE}[{_UPPER}]*[{_LOWER}]+{_ENDINGS}?|{_BEFORE}[{_UPPER}]+[{_LOWER}]*{_ENDINGS}?|\p{{N}}{{1,3}}|{_SIGNS}|{_LAST}"
_DEEPSEEK3_WORDS = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + _LAST
)


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Expressions, each of which isolates its matches; then, with `words`, GPT-2's own.

    whole     a word that stands in the vocabulary is a token, whether merges lead to it or not
    composed  text is brought to NFC first
    """

    expressions: tuple[str, ...] = ()
    words: bool = False
    whole: bool = False
    composed: bool = False

    def apply(self, core: Any) -> None:
        """Sets it on a tokenizer of the library `tokenizers`."""
        from tokenizers import Regex, normalizers, pre_tokenizers

        splits = [pre_tokenizers.Split(Regex(expression), behavior="isolated") for expression in self.expressions]
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=self.words)]
        )
        if self.composed:
            core.normalizer = normalizers.NFC()


_GPT2 = Cut(words=True)
_LONE_DIGITS = Cut(expressions=(r"\p{N}",), words=True)
_AS_LLAMA3 = Cut(expressions=(_LLAMA3,), whole=True)
_AS_QWEN2 = Cut(expressions=(_QWEN2,))
_AS_GPT4O = Cut(expressions=(_GPT4O,))
_DEEPSEEK3 = Cut(expressions=(r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", _DEEPSEEK3_WORDS))

CUTS: Mapping[str, Cut] = MappingProxyType(
    {
        **dict.fromkeys(("llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral", "midm-2.0", "lfm2"), _AS_LLAMA3),
        **dict.fromkeys(("dbrx", "smaug-bpe", "glm4", "chatglm-bpe"), Cut(expressions=(_LLAMA3,))),
        "qwen2": Cut(expressions=(_QWEN2,), composed=True),
        **dict.fromkeys(("deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "kormo", "solar-open", "grok-2"), _AS_QWEN2),
        "qwen35": Cut(expressions=(_QWEN35,), composed=True),
        "tekken": Cut(expressions=(_TEKKEN,), whole=True),
        **dict.fromkeys(("gpt-4o", "llama4", "kanana2", "minimax-m2"), _AS_GPT4O),
        **dict.fromkeys(("gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "exaone4", "a.x-4.0", "mellum", "gigachat"), _GPT2),
        **dict.fromkeys(("trillion", "granite-docling"), _GPT2),
        **dict.fromkeys(("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"), _LONE_DIGITS),
        **dict.fromkeys(("deepseek-v3", "hunyuan-dense", "joyai-llm"), _DEEPSEEK3),
        "deepseek-coder": Cut(expressions=(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}")),
    }
)
