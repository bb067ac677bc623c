import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("cozeloop", "commands", "events", "infra", "projections")
GENERATED = "cozeloop/api/wire/"
MOST_LINES = 400
VAGUE = re.compile(r"(Manager|Service|Helper|Util)s?$")
NAMED_ELSEWHERE = re.compile(
    r"(?<!\w)/(work|farm|opt/py[p]i)/|py[t]honhosted|py[p]i\.org|registry\.n[p]mjs|deb\.d[e]bian"
)
"""Paths of one machine and hosts of package registries."""


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        return [p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts]
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def sources() -> list[Path]:
    return [p for p in tracked() if p.suffix == ".py" and p.parts[0] in SOURCES and not str(p).startswith(GENERATED)]


def test_no_source_file_is_longer_than_four_hundred_lines():
    long = {str(p): n for p in sources() if (n := len((ROOT / p).read_text().splitlines())) > MOST_LINES}
    assert not long, "split it by its reasons to change"


def test_no_class_or_module_has_a_name_that_says_nothing():
    found = []
    for path in sources():
        if VAGUE.search(path.stem.title()):
            found.append(str(path))
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            vague = isinstance(node, ast.ClassDef) and VAGUE.search(node.name)
            found.extend([f"{path}:{node.lineno} {node.name}"] if vague else [])
    assert not found, "name it for what it does"


def test_no_tracked_file_names_a_machine_or_a_registry():
    found = []
    for path in tracked():
        try:
            text = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
        found.extend(f"{path}: {m[0]}" for m in NAMED_ELSEWHERE.finditer(text))
    assert not found


def test_every_test_function_can_fail():
    """A test that asserts nothing, itself or through a function of the tests that it calls, proves nothing."""
    functions = {}
    for path in (p for p in tracked() if p.suffix == ".py" and p.parts[0] == "tests"):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.setdefault(node.name, []).append((f"{path}:{node.lineno} {node.name}", node))
    proving = {"raises", "fail", "assert_never", "optional_test_insert_subscribe"}
    while grown := {n for n, found in functions.items() if any(proves(f, proving) for _, f in found)} - proving:
        proving |= grown
    tests = [each for name, found in functions.items() if name.startswith("test_") for each in found]
    assert not [where for where, node in tests if not proves(node, proving)]


def proves(function: ast.AST, proving: set[str]) -> bool:
    """Whether a function's body asserts, or calls by name something that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in proving:
                return True
    return False


@pytest.mark.parametrize("package", ["commands", "events"])
def test_deciders_and_events_read_neither_clock_nor_chance(package):
    """W7: time, ids and facts are inputs."""
    banned = {"random", "secrets", "time", "uuid", "os", "socket", "asyncio", "threading"}
    found = []
    for path in (p for p in sources() if p.parts[0] == package):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [a.name.split(".")[0] for a in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module.split(".")[0]]
            found.extend(f"{path}: {n}" for n in names if n in banned)
    assert not found
