"""A server in a process of its own, to be killed: `attack_server.py HOME` prints its port and serves until it ends."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1]), str(Path(__file__).parent)]


def main(folder: Path) -> None:
    from attacked import fill

    from rung.registry.home import open_home
    from rung.serve.app import build_app
    from rung.serve.opening import Settings, open_door
    from rung.serve.running import Plane, listen, run

    with open_home(folder, write=True) as home:
        if home.names.find("echo") is None:
            fill(home)
        door = open_door(home, Settings())
        plane = Plane(app=build_app(door), listens=listen("127.0.0.1", 0, keys=False))
        run(door, [plane], started=lambda: print(plane.listens.getsockname()[1], flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
