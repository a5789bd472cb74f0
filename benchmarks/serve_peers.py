"""What others make of the work of `serve.py`: eight rows, an adapter each, greedy, so many tokens."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rung.cli.worlds import BASE
from rung.engine.bases.resolve import resolve


def make_adapters(home: Path, place: Path, count: int, rank: int, targets: tuple[str, ...] | None = None) -> list[Path]:
    """Adapters that change little: of every linear module where no targets are named."""
    import torch

    from rung.engine.local.adapter import Adapter, kind_of
    from rung.engine.local.architecture import DecoderConfig

    base = resolve(BASE, home).folder
    assert base is not None
    kind, shape = kind_of("lora"), DecoderConfig.read(base)
    for number in range(count):
        config = kind.Config(rank=rank, target_modules=targets)
        adapter = Adapter.initialise(kind, config, shape, number, torch.device("cpu"))
        generator = torch.Generator().manual_seed(number)
        for name, tensor in adapter.tensors.items():
            if ".lora_B." in name:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.002)
        adapter.save(place / str(number), {})
    return [place / str(number) for number in range(count)]


class Peft:
    """PEFT's mixed batch over transformers' model, a step at a time with its cache, in the precision that the engine takes here."""

    def __init__(self, base: Path, adapters: Sequence[Path], prompts: Sequence[str]) -> None:
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from rung.engine.local.model import LocalModel

        dtype = LocalModel.load(base, device="cpu").decoder.dtype
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(base, dtype=dtype), str(adapters[0]), adapter_name="0"
        )
        for number, folder in enumerate(adapters[1:], 1):
            model.load_adapter(str(folder), adapter_name=str(number))
        self.model = model.to(dtype).eval()
        chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
        rows = [tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False) for chat in chats]
        self.rows = [row[: min(map(len, rows))] for row in rows]
        self.names = [str(number) for number in range(len(adapters))]

    def run(self, tokens: int) -> tuple[int, float, float]:
        """(tokens, seconds, seconds of the processor)."""
        import torch

        began, busy = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            out = self.model(input_ids=torch.tensor(self.rows), use_cache=True, adapter_names=self.names)
            for _ in range(tokens - 1):
                chosen = out.logits[:, -1].argmax(-1, keepdim=True)
                out = self.model(input_ids=chosen, past_key_values=out.past_key_values, use_cache=True, adapter_names=self.names)
        return tokens * len(self.rows), time.perf_counter() - began, time.process_time() - busy


class Vllm:
    """vLLM's own server with the adapters loaded, asked by a client each."""

    def __init__(self, python: str, base: Path, adapters: Sequence[Path]) -> None:
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/v1"
        run = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(base), "--served-model-name", "base"]
        run += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "bfloat16", "--max-model-len", "2048"]
        run += ["--enable-lora", "--max-loras", str(len(adapters)), "--max-lora-rank", "16", "--lora-modules"]
        run += [f"{number}={folder}" for number, folder in enumerate(adapters)]
        settings = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
        own = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
        self.process = subprocess.Popen(run, env={**own, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def run(self, prompts: Sequence[str], tokens: int) -> tuple[int, float, float]:
        """(tokens, seconds, seconds of the processor)."""
        import httpx

        made: list[int] = []

        def ask(number: int) -> None:
            messages = [{"role": "user", "content": prompts[number]}]
            body = {"model": str(number), "messages": messages, "max_tokens": tokens, "temperature": 0}
            said = httpx.post(f"{self.address}/chat/completions", json=body, timeout=600).raise_for_status().json()
            made.append(said["usage"]["completion_tokens"])

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(prompts))]
        began, busy = time.perf_counter(), self._cpu_s()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(made), time.perf_counter() - began, self._cpu_s() - busy

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def _wait(self) -> None:
        import httpx

        for _ in range(600):
            assert self.process.poll() is None, "vLLM has ended"
            try:
                httpx.get(f"{self.address}/models").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.5)
        raise AssertionError("vLLM does not answer")

    def _cpu_s(self) -> float:
        """Of the server and the processes that it started."""
        stats: dict[int, list[str]] = {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                stats[int(place.parent.name)] = place.read_text().rpartition(")")[2].split()
        own = {self.process.pid}
        while more := {pid for pid, fields in stats.items() if int(fields[1]) in own} - own:
            own |= more
        return sum(int(stats[pid][11]) + int(stats[pid][12]) for pid in own if pid in stats) / os.sysconf("SC_CLK_TCK")


class Llama:
    """llama.cpp, by llama-cpp-python's low-level calls: one sequence for each row, one batch for each adapter at every step."""

    def __init__(self, site: str, home: Path, adapters: Sequence[Path], prompts: Sequence[str], threads: int) -> None:
        sys.path.insert(0, site)
        import llama_cpp

        from rung.export.ggufs.model import write_adapter, write_model
        from rung.export.subject import subject_of
        from rung.registry.home import open_home

        self.api: Any = llama_cpp
        place = adapters[0].parent / "gguf"
        place.mkdir(exist_ok=True)
        with open_home(home) as opened:
            subjects = [subject_of(opened, f"t{number}") for number in range(len(adapters))]
            write_model(subjects[0], place / "base.gguf", adapted=False)
            for number, subject in enumerate(subjects):
                write_adapter(subject, place / f"{number}.gguf")
        api = self.api
        api.llama_log_set(_quiet(api), None)
        api.llama_backend_init()
        self.model = api.llama_model_load_from_file(str(place / "base.gguf").encode(), api.llama_model_default_params())
        params = api.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = 4096 * 2, 512, 512, len(prompts)
        params.n_threads = params.n_threads_batch = threads
        self.context = api.llama_init_from_model(self.model, params)
        load = api.llama_adapter_lora_init
        self.adapters = [load(self.model, str(place / f"{number}.gguf").encode()) for number in range(len(adapters))]
        self.vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.rows = [self._tokens(f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n") for prompt in prompts]

    def run(self, tokens: int) -> tuple[int, float, float]:
        """(tokens, seconds, seconds of the processor)."""
        api = self.api
        api.llama_memory_clear(api.llama_get_memory(self.context), True)
        began, busy = time.perf_counter(), time.process_time()
        last = [self._decode(number, row, 0) for number, row in enumerate(self.rows)]
        for step in range(tokens - 1):
            last = [self._decode(number, [token], len(self.rows[number]) + step) for number, token in enumerate(last)]
        return tokens * len(self.rows), time.perf_counter() - began, time.process_time() - busy

    def _decode(self, number: int, tokens: Sequence[int], start: int) -> int:
        """The next token of a row."""
        import numpy as np

        api = self.api
        one, scale = (api.llama_adapter_lora_p_ctypes * 1)(self.adapters[number]), (ctypes.c_float * 1)(1.0)
        api.llama_set_adapters_lora(self.context, one, 1, scale)
        batch = api.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for place, token in enumerate(tokens):
            batch.token[place], batch.pos[place] = token, start + place
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, number
            batch.logits[place] = place == len(tokens) - 1
        assert api.llama_decode(self.context, batch) == 0
        logits = np.ctypeslib.as_array(api.llama_get_logits_ith(self.context, len(tokens) - 1), shape=(self.vocabulary,))
        api.llama_batch_free(batch)
        return int(logits.argmax())

    def _tokens(self, text: str) -> list[int]:
        raw = text.encode()
        room = (self.api.llama_token * (len(raw) + 8))()
        vocabulary = self.api.llama_model_get_vocab(self.model)
        count = self.api.llama_tokenize(vocabulary, raw, len(raw), room, len(room), False, True)
        return list(room[:count])


def _quiet(api: Any) -> Any:
    global _kept
    _kept = api.llama_log_callback(lambda _level, _text, _data: None)
    return _kept


_kept: Any = None
