import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from infra.sandbox import ALLOWED_MODULES, SandboxCodeRunner
from tests.integration.sandbox.escapes import GATE, MODULES, cases
from tests.integration.sandbox.walls import needs_linux

pytestmark = needs_linux

ROOT = Path(__file__).parents[3]
MODES = ("root", "unprivileged", "no-user-namespaces")
CONTROL = "unconfined-sample"
LEAST = 50
CASES = list(cases()) if sys.platform == "linux" else []


@pytest.fixture(scope="module")
def public():
    """The child and an interpreter, where every user may read them."""
    with tempfile.TemporaryDirectory() as folder:
        child = shutil.copytree(ROOT / "infra" / "sandbox", Path(folder) / "sandbox") / "child.py"
        python = Path(sys.executable).resolve()
        if not all(parent.stat().st_mode & stat.S_IXOTH for parent in python.parents):
            python = copied(python, Path(folder) / "python")
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
        yield str(child), str(python)


def copied(python: Path, to: Path) -> Path:
    """The interpreter with its standard library, found by its place beside it."""
    library = Path(os.__file__).parent
    left_out = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "tkinter", "ensurepip", "config-*")
    shutil.copytree(library, to / "lib" / library.name, ignore=left_out)
    for shared in library.parent.glob("libpython*.so*"):
        shutil.copy(shared, to / "lib")
    (to / "bin").mkdir()
    return Path(shutil.copy(python, to / "bin"))


@pytest.fixture(scope="module")
def escaped(public):
    """Mode -> what got out; a mode's workers run once, whatever the number of cases asked for."""

    @cache
    def run(mode: str) -> subprocess.CompletedProcess[str]:
        if mode == "root" and os.geteuid() != 0:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("only root can run the platform as root")
        return subprocess.run(
            [sys.executable, "-m", "tests.integration.sandbox.driver", mode, *public],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )

    def found(mode: str) -> dict[str, dict[str, object]]:
        done = run(mode)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", MODES)
def test_a_script_gets_nothing_out_of_the_sandbox(escaped, mode, case):
    found = escaped(mode)[case]
    assert found["score"] == 0, found["said"]


@pytest.mark.parametrize("mode", MODES)
def test_the_self_test_finds_the_walls_standing(escaped, mode):
    assert escaped(mode)["self-test"]["said"] == ""


def test_the_suite_tries_at_least_fifty_ways_out():
    assert len(CASES) >= LEAST


@pytest.mark.parametrize("mode", [CONTROL, pytest.param("unconfined", marks=pytest.mark.slow)])
def test_without_walls_the_same_scripts_get_out(escaped, mode):
    """The control: a suite whose cases fail for another reason would prove nothing."""
    found = {case: told["score"] for case, told in escaped(mode).items() if case in CASES}
    assert len(found) >= len(CASES) // 5
    out = [case for case, score in found.items() if score != 0]
    assert len(out) >= len(found) * 3 // 4, sorted(set(found) - set(out))


def test_without_walls_the_self_test_says_what_a_worker_can_do(escaped):
    said = str(escaped(CONTROL)["self-test"]["said"])
    assert "Seccomp 0" in said


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 has the i386 gate")
async def test_a_system_call_by_the_i386_gate_kills():
    runner = SandboxCodeRunner(modules=(*ALLOWED_MODULES, *MODULES))
    (result,) = await runner.evaluate("1", "1", GATE, [{}])
    await runner.close()
    assert "SIGSYS" in result.error
