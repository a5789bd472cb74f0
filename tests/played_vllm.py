"""A vLLM server as this program meets it, over a real socket: adapters by name and path, a cache by name, path and salt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recorded import filled
from streaming_server import Out, StreamingServer

BASE = "tiny"


class PlayedVllm(StreamingServer):
    """Answers with what it was asked with: the digest of an adapter's bytes as they were when it was loaded, or `base`.

    fallback  answers with the base for a model that it does not know, as routers before a vLLM do
    refuse    a status and words with which it refuses to load
    """

    def __init__(self, *, root: str = "/models/tiny", context: int = 4096) -> None:
        super().__init__(self._play)
        self.root, self.context, self.fallback, self.runtime = root, context, False, True
        self.refuse: tuple[int, str] | None = None
        self.adapters: dict[str, str] = {}
        self.weights: dict[str, str] = {}
        self.kept: set[tuple[str, str, str, str]] = set()
        self.calls: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.pages["/v1/models"] = self._models

    def _models(self) -> dict[str, Any]:
        base = {"id": BASE, "object": "model", "owned_by": "vllm", "root": self.root, "max_model_len": self.context}
        held = [{"id": name, "owned_by": "vllm", "root": path, "parent": BASE} for name, path in list(self.adapters.items())]
        return {"object": "list", "data": [base, *held]}

    def restart(self) -> None:
        self.adapters.clear(), self.weights.clear(), self.kept.clear()

    def _play(self, body: dict[str, Any], out: Out) -> None:
        match out.path:
            case "/v1/load_lora_adapter" if self.runtime:
                self._load(body, out)
            case "/v1/unload_lora_adapter" if self.runtime:
                self._unload(body["lora_name"], out)
            case "/v1/completions":
                self._complete(body, out)
            case _:
                out.reply(404, {"detail": "Not Found"})

    def _load(self, body: dict[str, Any], out: Out) -> None:
        name, path = body["lora_name"], body["lora_path"]
        self.calls.append(("load", name))
        assert body["load_inplace"] is False, "never in place"
        if self.refuse:
            return out.reply(self.refuse[0], _error(self.refuse[1], self.refuse[0]))
        if name in self.adapters:
            return out.reply(400, _error(f"The lora adapter '{name}' has already been loaded.", 400))
        file = Path(path) / "adapter_model.safetensors"
        if not file.is_file():
            return out.reply(404, _error(f"Loading lora {name} failed: No adapter found for {path}", 404))
        self.adapters[name], self.weights[name] = path, str(hash(file.read_bytes()))
        out.reply(200, f"Success: LoRA adapter '{name}' added successfully.".encode(), {"Content-Type": "text/plain"})

    def _unload(self, name: str, out: Out) -> None:
        self.calls.append(("unload", name))
        if self.adapters.pop(name, None) is None:
            return out.reply(404, _error(f"The lora adapter '{name}' cannot be found.", 404))
        out.reply(200, b"Success")

    def _complete(self, body: dict[str, Any], out: Out) -> None:
        model = body["model"]
        if model != BASE and model not in self.adapters:
            if not self.fallback:
                return out.reply(404, _error(f"The model `{model}` does not exist.", 404))
            model = BASE
        ids = body["prompt"]
        if len(ids) + body["max_tokens"] > self.context:
            return out.reply(400, _error(f"This model's maximum context length is {self.context} tokens.", 400))
        key = (model, self.adapters.get(model, ""), body["cache_salt"], json.dumps(ids))
        cached = len(ids) if key in self.kept else 0
        self.kept.add(key)
        self._tell(body, model, cached, out)

    def _tell(self, body: dict[str, Any], model: str, cached: int, out: Out) -> None:
        held = body.get("structured_outputs") or {}
        text = held["choice"][0] if "choice" in held else json.dumps(filled(held["json"])) if "json" in held else ""
        text = text or (self.texts[0] if self.texts else f"{self.weights.get(model, 'base')} says {'so ' * 30}")
        pieces = [text[at : at + 3] for at in range(0, len(text), 3)][: body["max_tokens"]]
        finish = "length" if "".join(pieces) != text else "stop"
        for piece in pieces:
            told: dict[str, Any] = {"index": 0, "text": piece, "finish_reason": None}
            if body.get("logprobs") is not None:
                top = {piece: -0.1} | {f"{letter}": -2.0 - n for n, letter in enumerate("xyz"[: max(0, body["logprobs"] - 1)])}
                told["logprobs"] = {"tokens": [piece], "token_logprobs": [-0.1], "top_logprobs": [top], "text_offset": [0]}
            out.event({"model": model, "choices": [told]})
        out.event({"model": model, "choices": [{"index": 0, "text": "", "finish_reason": finish}]})
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(pieces)}
        out.event({"model": model, "choices": [], "usage": usage | {"prompt_tokens_details": {"cached_tokens": cached}}})
        out.raw(b"data: [DONE]\n\n")


def _error(message: str, code: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": code}}
