"""The rules of the house, read off the source tree without importing it. A check returns its violations, `file:line: what`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

L0 = frozenset(
    {"types", "parts", "json_form", "errors", "plugins", "progress", "disk", "storage", "calls", "choices", "choice_words"}
    | {"escapes", "garbage", "line", "merkle", "reply", "sources", "user_code"}
)
# What each part may import besides itself; the parts of a layer know nothing of each other.
LAYERS: Mapping[str, frozenset[str] | None] = {
    **dict.fromkeys(L0, L0),
    "data": L0,
    "engine": L0,
    "registry": L0,
    "verify": L0 | {"data", "engine"},
    "train": L0 | {"data", "engine"},
    "task": L0 | {"data", "engine", "verify"},
    "propose": L0 | {"data", "verify", "task"},
    "rungs": L0 | {"data", "engine", "verify", "train", "task"},
    "admission": L0 | {"engine", "registry"},
    "climb": L0 | {"data", "engine", "verify", "train", "task", "rungs", "registry", "admission"},
    "promote": L0 | {"engine", "registry", "verify", "task"},
    "homes": L0 | {"registry", "promote"},
    "export": L0 | {"data", "engine", "registry", "verify", "task", "admission", "promote", "report"},
    "report": L0 | {"registry"},
    "campaign": L0 | {"data", "engine", "verify", "task", "rungs", "registry", "climb", "promote", "report"},
    "tuning": L0 | {"data", "engine", "verify", "task", "propose", "rungs", "registry", "climb"},
    # A lean image: nothing that climbs or trains.
    "serve": L0 | {"data", "engine", "registry", "verify", "task", "promote", "report"},
    "cli": None,
    "worker": None,
    "api": None,
    "__main__": None,
    # The public names, and only for type checkers: they are loaded when they are asked for.
    "__init__": frozenset({"api", "types", "errors", "registry"}),
}
HEAVY = frozenset(
    {"torch", "transformers", "tokenizers", "peft", "sklearn", "scipy", "statsmodels", "pandas", "pyarrow", "datasets"}
)
# Imported only by one another and inside functions, so that they may begin with `import torch`.
TORCH_AT_HOME = ("rung.engine.local", "rung.train", "rung.export.tensors")
# What a plug-in of each slot must define, and the first arguments of what is called; () says that it is no function of ours.
CONTRACT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "scorers": {"Config": (), "score": ("example", "output", "config")},
    "rungs": {
        "ORDER": (),
        "TITLE": (),
        "UNDO": (),
        "applies": ("task",),
        "build": ("task", "parent", "context"),
        "foresee": ("task", "parent", "context"),
    },
    "methods": {
        "Config": (),
        "LEARNING_RATE": (),
        "apply": ("model", "config"),
        "parameters": ("config", "shape"),
        "footprint": ("config", "shape", "item"),
    },
    "objectives": {
        "Config": (),
        "loss": ("decoder", "update", "batch", "total", "config"),
        "score_bytes": ("config", "shape", "item", "positions"),
    },
    "containers": {"ORDER": (), "holds": ("path", "first"), "unpack": ("path", "ask")},
    "shapes": {"TITLE": (), "ORDER": (), "EXAMPLE": (), "FIELDS": (), "fits": ("row",), "convert": ("row",)},
    "checks": {"ROWS": (), "SEVERITY": (), "Config": (), "check": ("examples", "config")},
    "backends": {"open": ("base",)},
    "architectures": {
        "MODEL_TYPES": (),
        "BLOCK": (),
        "HEAD": (),
        "IGNORED": (),
        "Layer": (),
        "read": ("raw", "where"),
        "tensors": ("config",),
        "block_tensors": ("config",),
        "angles": ("config", "device"),
        "embed": ("config", "embedding", "ids"),
        "block": ("config", "layer", "index", "x", "run"),
        "finish": ("config", "final_norm", "x"),
        "kept_bytes": ("config", "item", "seen"),
    },
    "adapter_kinds": {
        "PEFT_TYPE": (),
        "PARTS": (),
        "LEARNING_RATE": (),
        "Config": (),
        "tensors": ("config", "shape"),
        "initialise": ("config", "shape", "generator"),
        "update": ("config", "shape", "tensors", "dtype"),
        "idle": ("tensors",),
        "kept": ("config", "shape"),
        "to_peft": ("config", "shape"),
        "read": ("files", "base"),
    },
    "formats": {
        "EXTRA": (),
        "READER": (),
        "CARRIES": (),
        "fits": ("candidate",),
        "write": ("subject", "folder"),
        "check": ("subject", "folder"),
    },
    "probes": {"TITLE": (), "CAUSE": (), "Config": (), "applies": ("task",), "probe": ("case", "config")},
}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_OPTIONS = 132


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported module: who imports what, where, whether when the importer is loaded, and whether for a type checker only."""

    file: Path
    line: int
    importer: str
    target: str
    eager: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {source_line(self.file, self.line)}"


def parsed(file: Path) -> ast.Module:
    """A file's syntax tree; a copy of a file that was read before shares that one's."""
    return _tree(file.read_text("utf-8"))


@cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All of a tree: each is walked once, whatever looks through it."""
    return tuple(ast.walk(tree))


def modules(package: Path) -> dict[str, Path]:
    """Dotted name to file, of every module under a package's folder."""
    found = {}
    for file in sorted(package.rglob("*.py")):
        parts = [package.name, *file.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(package: Path) -> list[Import]:
    """Every import in the package, those inside functions and under TYPE_CHECKING too."""
    known = modules(package)
    return [found for name, file in known.items() for found in _imports_of(file, name, known)]


def layer_violations(package: Path) -> list[str]:
    """Imports that go up or sideways, and third-party imports in layer 0."""
    problems = []
    for found in imports(package):
        part = _part(found.importer)
        if part not in LAYERS:
            problems.append(f"{found.file}:1: '{part}' is in no layer")
            continue
        allowed = LAYERS[part]
        if found.target.split(".")[0] == package.name:
            target = _part(found.target)
            if allowed is not None and target not in {part, "__init__"} | allowed:
                problems.append(f"{found}  ({part} must not import {target})")
        elif part in L0 and found.target.split(".")[0] not in sys.stdlib_module_names:
            problems.append(f"{found}  (layer 0 imports the standard library only)")
    return problems


def cycles(package: Path) -> list[str]:
    """Modules that import each other round about, each circle once; imports that only a type checker sees do not count."""
    graph: dict[str, dict[str, Import]] = {name: {} for name in modules(package)}
    for found in imports(package):
        if found.target in graph and found.target != found.importer and not found.for_types:
            graph[found.importer].setdefault(found.target, found)
    return [" -> ".join([*circle, circle[0]]) + f"\n  {graph[circle[0]][circle[1]]}" for circle in _circles(graph)]


def heavy_imports(package: Path) -> list[str]:
    """Heavy packages imported when a module is loaded, outside of where torch is at home; and torch's home imported that way."""
    problems = []
    for found in imports(package):
        at_home = found.importer.startswith(TORCH_AT_HOME)
        heavy = found.target.split(".")[0] in HEAVY or found.target.startswith(TORCH_AT_HOME)
        if found.eager and heavy and not at_home and not found.for_types:
            problems.append(f"{found}  (import it inside the function that needs it)")
    return problems


def underscore_imports(package: Path) -> list[str]:
    """Names and modules that begin with an underscore, imported from another folder than their own."""
    known = modules(package)
    problems = []
    for name, file in known.items():
        for node in nodes(parsed(file)):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            source = _absolute(node, name, is_package=file.stem == "__init__") if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                whole = f"{source}.{alias.name}".strip(".")
                home = known.get(whole) or known.get(source)
                private = any(part.startswith("_") and not part.startswith("__") for part in whole.split("."))
                if whole.split(".")[0] == package.name and private and (home is None or home.parent != file.parent):
                    where = f"{file}:{node.lineno}: {source_line(file, node.lineno)}"
                    problems.append(f"{where}  ({alias.name} is its own folder's)")
    return problems


def limit_violations(folder: Path) -> list[str]:
    """Files and functions that are too long."""
    problems = []
    for file in sorted(folder.rglob("*.py")):
        text = file.read_text("utf-8")
        if (lines := text.count("\n")) > MAX_FILE_LINES:
            problems.append(f"{file}:1: {lines} lines, at most {MAX_FILE_LINES}")
        for node in nodes(_tree(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    problems.append(f"{file}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}")
    return problems


def options(package: Path) -> list[str]:
    """Every option of every command, `file:line: how it is declared`; an option that commands share counts for each."""
    found = []
    for file in sorted((package / "cli" / "commands").glob("*.py")):
        for node in nodes(parsed(file)):
            for declared in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                words = ast.unparse(declared)
                if words.startswith("click.option(") or words.endswith("_option"):
                    found.append(f"{file}:{declared.lineno}: {words}")
    return found


def option_violations(package: Path) -> list[str]:
    """The options beyond the most that all commands together may have."""
    return [f"{option}  (at most {MAX_OPTIONS} in all)" for option in options(package)[MAX_OPTIONS:]]


def plugin_violations(package: Path, slots: Mapping[str, str]) -> list[str]:
    """Plug-in files without a first docstring line that says what they do, or without what their slot's users call."""
    problems = []
    for slot, dotted in slots.items():
        if slot not in CONTRACT:
            problems.append(f"{package}: the slot '{slot}' has no contract")
            continue
        folder = package.joinpath(*dotted.split(".")[1:])
        for file in sorted(folder.glob("*.py")):
            if not file.stem.startswith("_"):
                problems += _plugin_problems(file, slot)
    return problems


def _plugin_problems(file: Path, slot: str) -> list[str]:
    tree = parsed(file)
    defined = top_level(tree)
    if not set(CONTRACT[slot]) & set(defined):
        return []  # a file that only helps the plug-ins beside it
    problems = []
    if not (ast.get_docstring(tree) or "").strip().split("\n")[0]:
        problems.append(f"{file}:1: no docstring, whose first line is the plug-in's help")
    for name, arguments in CONTRACT[slot].items():
        if name not in defined:
            problems.append(f"{file}:1: a plug-in of '{slot}' without `{name}`")
            continue
        node = defined[name]
        if arguments and isinstance(node, ast.FunctionDef):
            given = tuple(argument.arg for argument in node.args.args)[: len(arguments)]
            if given != arguments:
                problems.append(f"{file}:{node.lineno}: {name}({', '.join(given)}), not {name}({', '.join(arguments)})")
    return problems


def top_level(tree: ast.Module) -> dict[str, ast.stmt]:
    names: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.Assign):
            names |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = node
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: node for alias in node.names}
    return names


def _imports_of(file: Path, name: str, known: Mapping[str, Path]) -> Iterator[Import]:
    for node, eager, for_types in _importing(parsed(file)):
        for target in _targets(node, name, file, known):
            line: int = node.lineno  # type: ignore[attr-defined]
            yield Import(file=file, line=line, importer=name, target=target, eager=eager, for_types=for_types)


@cache
def _importing(tree: ast.Module) -> tuple[tuple[ast.AST, bool, bool], ...]:
    """What imports, or may: whether when the module is loaded, whether for type checkers alone."""
    inside = {id(node) for function in nodes(tree) if _is_function(function) for node in ast.walk(function)}
    guarded = _guarded_lines(tree)
    found = [node for node in nodes(tree) if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)]
    return tuple((node, id(node) not in inside, node.lineno in guarded) for node in found)


def _targets(node: ast.AST, name: str, file: Path, known: Mapping[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = _absolute(node, name, is_package=file.stem == "__init__")
        return [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
    if isinstance(node, ast.Call) and called(node).endswith("import_module") and node.args:
        first = node.args[0]
        return [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
    return []


def called(node: ast.Call) -> str:
    """What a call calls, dotted; a `?` stands for what is no name."""
    names, inner = [], node.func
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return ".".join([inner.id if isinstance(inner, ast.Name) else "?", *reversed(names)])


def _absolute(node: ast.ImportFrom, name: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    parents = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _guarded_lines(tree: ast.Module) -> set[int]:
    """The lines under `if TYPE_CHECKING:`."""
    guards = [node for node in nodes(tree) if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")]
    return {line for node in guards for line in range(node.lineno, (node.body[-1].end_lineno or node.lineno) + 1)}


def _part(module: str) -> str:
    """`rung.engine.local.model` is of the part `engine`; `rung` itself is `__init__`."""
    return [*module.split("."), "__init__"][1]


def _circles(graph: Mapping[str, Mapping[str, Import]]) -> list[list[str]]:
    """One circle for each strongly connected set of modules: the shortest way from its first module back to itself."""
    reach = {name: _reachable(graph, name) for name in graph}
    done: set[str] = set()
    circles = []
    for name in sorted(graph):
        knot = {other for other in reach[name] if name in reach[other]}
        if name in knot and name not in done:
            circles.append(_way_back(graph, name, knot))
            done |= knot
    return circles


def _reachable(graph: Mapping[str, Mapping[str, Import]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph[name]
    return seen


def _way_back(graph: Mapping[str, Mapping[str, Import]], start: str, knot: set[str]) -> list[str]:
    ways = [[start]]
    while True:
        for way in ways:
            if start in graph[way[-1]]:
                return way
        ways = [[*way, name] for way in ways for name in graph[way[-1]] if name in knot and name not in way]


def source_line(file: Path, line: int) -> str:
    return file.read_text("utf-8").splitlines()[line - 1].strip()
