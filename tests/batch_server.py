"""A played server of batches beside chat completions, over a real socket, with all that goes wrong with them."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stand_in import completion


class BatchServer:
    """Keeps files and batches. What a test may set:

    answer      what a line's body is answered: (status, body)
    looks       how many looks a batch takes to end
    ends        what the batch then is (`completed`), and how many of its lines were answered (None for all)
    spoil       changes the lines of the output file
    refuse      (method and path) -> (status, body) for a call that fails, None for one that does not; asked before each
    most_lines  how many enqueued lines it takes; more fail the batch, as a limit of tokens would
    without     names of files that a finished batch does not tell
    """

    def __init__(self) -> None:
        self.answer: Callable[[dict], tuple[int, Any]] = lambda _body: (200, completion("yes"))
        self.looks, self.ends, self.answered = 1, "completed", None
        self.spoil: Callable[[list[str]], list[str]] = lambda lines: lines
        self.refuse: Callable[[str], tuple[int, Any] | None] = lambda _call: None
        self.most_lines: int | None = None
        self.without: tuple[str, ...] = ()
        self.files: dict[str, dict[str, Any]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.billed: Counter[str] = Counter()
        self.uploaded: Counter[str] = Counter()
        self.live: list[dict] = []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._do("GET")

            def do_POST(self) -> None:
                self._do("POST")

            def do_DELETE(self) -> None:
                self._do("DELETE")

            def _do(self, method: str) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.removeprefix("/v1")
                with outer.lock:
                    outer.calls.append(f"{method} {re.sub(r'(batch|file)_[0-9]+', r'{id}', path)}")
                    status, reply = outer.refuse(f"{method} {path}") or outer.called(method, path, data, self.headers)
                sent = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def called(self, method: str, path: str, data: bytes, headers: Any) -> tuple[int, Any]:  # noqa: PLR0911
        match method, *path.strip("/").split("/"):
            case "POST", "chat", "completions":
                self.live.append(json.loads(data))
                return self.answer(self.live[-1])
            case "POST", "files":
                return 200, self._upload(data, headers)
            case "GET", "files":
                return 200, {"data": [{"id": name, "filename": file["filename"]} for name, file in self.files.items()]}
            case "GET", "files", name, "content" if name in self.files:
                return 200, self.files[name]["text"].encode()
            case "DELETE", "files", name if name in self.files:
                del self.files[name]
                return 200, {"id": name, "deleted": True}
            case "POST", "batches":
                return 200, self._create(json.loads(data))
            case "GET", "batches":
                return 200, {"object": "list", "data": list(reversed(self.batches.values()))}
            case "GET", "batches", name if name in self.batches:
                return 200, self._look(self.batches[name])
        return 404, {"detail": "Not Found"}

    def _upload(self, data: bytes, headers: Any) -> dict[str, Any]:
        whole = b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + data
        fields = {
            part.get_param("name", header="content-disposition"): part for part in BytesParser().parsebytes(whole).get_payload()
        }
        assert fields["purpose"].get_payload() == "batch"
        text = fields["file"].get_payload(decode=True).decode()
        return self.file(text, fields["file"].get_filename())

    def file(self, text: str, filename: str) -> dict[str, Any]:
        name = f"file_{len(self.calls)}{len(self.files)}"
        self.files[name] = {"filename": filename, "text": text}
        self.uploaded.update(json.loads(line)["custom_id"] for line in text.splitlines() if filename.startswith("rung-"))
        return {"id": name, "object": "file", "filename": filename}

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["endpoint"] == "/v1/chat/completions" and asked["completion_window"] == "24h"
        lines = self.files[asked["input_file_id"]]["text"].splitlines()
        waiting = sum(batch["request_counts"]["total"] for batch in self.batches.values() if batch["status"] == "in_progress")
        made = {
            "id": f"batch_{len(self.batches)}",
            "input_file_id": asked["input_file_id"],
            "metadata": asked["metadata"],
            "status": "in_progress",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "looks": 0,
        }
        if self.most_lines is not None and waiting + len(lines) > self.most_lines:
            made["status"] = "failed"
            made["errors"] = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached for smol"}]}
        self.batches[made["id"]] = made
        return made

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["looks"] += 1
        if batch["status"] == "in_progress" and batch["looks"] >= self.looks:
            self._end(batch)
        return {name: value for name, value in batch.items() if name not in self.without}

    def _end(self, batch: dict[str, Any]) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]]["text"].splitlines()]
        good, bad = [], []
        for number, line in enumerate(lines):
            name = line["custom_id"]
            if self.answered is not None and number >= self.answered:
                gone = {
                    "code": "batch_expired",
                    "message": "This request could not be executed before the completion window expired.",
                }
                bad.append(json.dumps({"custom_id": name, "response": None, "error": gone}))
                continue
            status, body = self.answer(line["body"])
            self.billed[name] += status == 200
            entry = {
                "id": "x",
                "custom_id": name,
                "response": {"status_code": status, "request_id": "r", "body": body},
                "error": None,
            }
            (good if status == 200 else bad).append(json.dumps(entry, ensure_ascii=False))
        batch["status"] = self.ends
        batch["request_counts"] = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        for key, entries in (("output_file_id", self.spoil(list(reversed(good)))), ("error_file_id", bad)):
            if entries:
                batch[key] = self.file("\n".join(entries) + "\n", key)["id"]
