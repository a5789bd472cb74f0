"""A language model of some 150 thousand random weights, made on the spot: loads wherever a real one does, answers nonsense fast."""

from __future__ import annotations

from pathlib import Path

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SENTENCES = (
    "Thank you so much, the new phone arrived today and it works great!",
    "Worst service ever. I have been on hold for two hours and nobody answers.",
    "Is the message positive or negative? Answer with one word: positive, negative.",
    "My order 48213 is late again; please refund the $19.99 to my card.",
    'Reply with the function call as JSON: {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}',
    "You are a helpful assistant. Read the question and write a short answer.",
    "The quick brown fox jumps over the lazy dog, and the dog did not mind at all.",
    "She asked for the price of three tickets from Berlin to Rome on Friday morning.",
    "system user assistant tool true false null name arguments string number object",
    "I love how quickly the team solved my problem, five stars from me.",
    "The screen is broken, the box was open and the charger is missing.",
    "What is the capital of France? The capital of France is Paris.",
)


def make_tiny_model(
    folder: Path, *, template: str | None = CHATML, seed: int = 0, layers: int = 3, marks: tuple[str, ...] = ()
) -> Path:
    """Writes a LlamaForCausalLM (hidden 64, 4 heads, 2 key-value heads, float32) and its byte-level BPE tokenizer to `folder`.

    `template` None leaves the chat template out; `marks` are more special tokens. Equal arguments give equal bytes.
    """
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer(template=None)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", *marks]}) if marks else None
    if template is not None:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        initializer_range=0.1,
        bos_token_id=tokenizer.convert_tokens_to_ids("<|im_start|>"),
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
        pad_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(torch.float32)
    model.generation_config = GenerationConfig.from_model_config(config)
    model.save_pretrained(folder)
    return folder


def tiny_tokenizer(*, template: str | None = CHATML):
    """Byte-level BPE of some 500 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(SENTENCES, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = template
    return tokenizer
