"""The rules of the house as functions from a module to the sentences that say where it breaks them."""

import ast
import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

_TEST = re.compile(r"^\s*(?:async )?def (test_\w+)\(", re.MULTILINE)
Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


@dataclass(frozen=True)
class Module:
    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        # A collection in the midst of it runs others' code, and another thread then spoils what CPython 3.11 counts.
        gc.disable()
        try:
            return ast.parse(self.text)
        finally:
            gc.enable()

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))


def read_modules(*roots: str) -> list[Module]:
    """Every Python file at or below the roots, named as an import names it."""
    files = (file for root in roots for file in sorted(_python_files(PROJECT / root)))
    return [Module(_name(file), file.read_text("utf-8")) for file in files]


def names_of_tests() -> list[str]:
    """The name of every test; found without parsing, which takes seconds for all of them."""
    return [name for module in read_modules("tests") for name in _TEST.findall(module.text)]


def _python_files(root: Path) -> Iterable[Path]:
    return [root] if root.is_file() else root.rglob("*.py")


def _name(file: Path) -> str:
    parts = file.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_in(name: str, home: str) -> bool:
    return name == home or name.startswith(f"{home}.")


def imports(module: Module, known: Iterable[str] = ()) -> Iterator[tuple[int, str]]:
    """Line and full name of each import; a relative one begins with a dot."""
    known = set(known)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            longer = (f"{origin}.{alias.name}" for alias in node.names)
            yield from ((node.lineno, name if name in known else origin) for name in longer)


def layer_breaches(module: Module, layers: list[str], known: Iterable[str] = ()) -> Iterator[str]:
    """Arrows that do not point to a lower line.

    A name on a line covers all modules below it; a module without code needs none.
    """
    heights = {name: height for height, line in enumerate(layers) for name in line.split()}

    def home(name: str) -> str | None:
        return max((place for place in heights if _is_in(name, place)), key=len, default=None)

    roots = {name.partition(".")[0] for name in heights}
    own = home(module.name)
    if own is None:
        if len(module.tree.body) > 1:
            yield f"{module.name} has no line in the list of layers"
        return
    for line, target in imports(module, known):
        if target.startswith("."):
            yield f"{module.name}:{line} imports {target} instead of its full name"
        elif target.partition(".")[0] in roots and not _points_down(own, home(target), heights):
            yield f"{module.name}:{line} may not import {target}"


def _points_down(own: str, target: str | None, heights: Mapping[str, int]) -> bool:
    return target is not None and (target == own or heights[target] > heights[own])


def home_breaches(module: Module, only_in: Mapping[str, str], known: Iterable[str] = ()) -> Iterator[str]:
    """Packages, others' and ours, that are imported outside the places that may know them."""
    for line, target in imports(module, known):
        homes = next((homes for package, homes in only_in.items() if _is_in(target, package)), None)
        if homes is not None and not any(_is_in(module.name, home) for home in homes.split()):
            yield f"{module.name}:{line} imports {target}, which belongs to {homes}"


def size_breaches(module: Module) -> Iterator[str]:
    """What is too long, too deep or takes too much."""
    if module.lines > 300:
        yield f"{module.name} has {module.lines} lines, more than 300"
    for function in module.functions:
        where = f"{module.name}:{function.lineno} {function.name}"
        if length(function) > 50:
            yield f"{where} has {length(function)} lines, more than 50"
        if depth(function) > 3:
            yield f"{where} is nested {depth(function)} deep, more than 3"
        if parameters(function) > 8:
            yield f"{where} takes {parameters(function)} parameters, more than 8"


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: Function) -> int:
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([one for one in every if one.arg not in {"self", "cls"}])


def depth(node: ast.AST) -> int:
    """How many blocks stand in one another; an elif is no deeper than its if, an inner function begins anew."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            continue
        elif_ = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, depth(child) + (isinstance(child, BLOCKS) and not elif_))
    return deepest


def docstring_breaches(module: Module) -> Iterator[str]:
    if not ast.get_docstring(module.tree):
        yield f"{module.name} does not say in a docstring what it is"


_FORBIDDEN_IMPORTS = ("unittest", "pickle", "marshal", "shelve", "yaml")
_FORBIDDEN_NAMES = {"skip", "skipif", "xfail", "importorskip"}
_FORBIDDEN_CALLS = {"eval", "exec"}


def safety_breaches(module: Module) -> Iterator[str]:
    """Tests that do not test, HTML that is not ours, code made out of text."""
    for line, target in imports(module):
        if target.partition(".")[0] in _FORBIDDEN_IMPORTS:
            yield f"{module.name}:{line} imports {target}"
    for node in ast.walk(module.tree):
        found = _unsafe(node)
        if found:
            yield f"{module.name}:{getattr(node, 'lineno', '?')} uses {found}"


def _unsafe(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name(id="pytest") | ast.Attribute(attr="mark"), attr=name):
            return f"pytest's {name}" if name in _FORBIDDEN_NAMES else None
        case ast.Attribute(value=ast.Name(id="st" | "streamlit" | "components"), attr="html" | "iframe" as name):
            return f"st.{name}"
        case ast.keyword(arg="unsafe_allow_html"):
            return "unsafe_allow_html"
        case ast.Call(func=ast.Name(id=name)) if name in _FORBIDDEN_CALLS:
            return name
        case _:
            return None


def broad_excepts(module: Module) -> Iterator[str]:
    """``module.function`` of each handler that would swallow every error; one that raises it again does not."""
    owners = {id(node): function.name for function in module.functions for node in ast.walk(function)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            yield f"{module.name}.{owners.get(id(node), 'module')}"


def _is_broad(caught: ast.expr | None) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(
        name is None or (isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"}) for name in names
    )


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
