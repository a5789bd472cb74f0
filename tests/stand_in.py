"""A stand-in for a server of OpenAI's chat completions, over a real socket."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(text="hello", *, calls=None, usage=True) -> dict:
    message = {"role": "assistant", "content": None if calls else text} | ({"tool_calls": calls} if calls else {})
    reply = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    counts = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 64}}
    return reply | ({"usage": counts} if usage else {})


class _Http(ThreadingHTTPServer):
    """Many may knock at once."""

    request_queue_size = 128


class Server:
    """Answers by `script`: each entry (status, body, headers, delay), the last one for ever; keeps what it was sent.

    `pages` is what may be looked at, (status, body) by path; `port` 0 takes any that is free.
    """

    def __init__(self, port=0):
        self.pages = {}
        self.script, self.bodies, self.headers, self.paths, self.times = [(200, completion(), {}, 0)], [], [], [], []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, reply = outer.pages.get(self.path, (404, {"detail": "Not Found"}))
                data = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.bodies.append(body)
                    outer.headers.append(dict(self.headers))
                    outer.paths.append(self.path)
                    outer.times.append(time.monotonic())
                    step = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                status, reply, headers, delay = step(body) if callable(step) else step
                time.sleep(delay)
                data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except BrokenPipeError:
                    pass

            def log_message(self, *_):
                pass

        self.http = _Http(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.http.server_port}/v1"
