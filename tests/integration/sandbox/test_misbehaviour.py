"""Scripts that do what no evaluator should: each ends in an error of its own, and the next call is answered."""

import pytest

from infra.sandbox import ALLOWED_MODULES, SandboxCodeRunner
from tests.integration.sandbox.escapes import MODULES
from tests.integration.sandbox.walls import needs_linux

pytestmark = needs_linux

EXECUTION, PARSE = 601205032, 601205034
SECONDS = 0.8
GOOD = "def exec_evaluation(turn):\n    return EvalOutput(1, 'good')"
PRELUDE = "import ctypes, json, os, re, signal, sys, time, _thread\n"

FORGED = 'b\'{"nonce":"0","results":[{"score":1,"reason":"","stdout":"","ms":0}]}\\n\''
CASES = {
    # name: (what the bad turn does, error code, a part of the error)
    "an endless loop": ("while 1: pass", EXECUTION, "timeout"),
    "an endless loop that ignores signals": (
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 13, 14, 15)]\n        while 1: pass",
        EXECUTION,
        "timeout",
    ),
    "an endless loop that swallows errors": (
        "while 1:\n            try: 1 / 0\n            except BaseException: pass",
        EXECUTION,
        "timeout",
    ),
    "an endless sleep": ("time.sleep(10 ** 6)", EXECUTION, "timeout"),
    "a pattern that never ends": ("re.match('(a+)+$', 'a' * 60 + 'b')", EXECUTION, "timeout"),
    "an endless number": ("return EvalOutput(Endless(), '')", EXECUTION, "timeout"),
    "reading the next question": ("os.read(0, 1)", EXECUTION, "timeout"),
    "a fork bomb": ("while 1: os.fork()", EXECUTION, "PermissionError"),
    "a thread bomb": ("while 1: _thread.start_new_thread(print, ())", EXECUTION, "can't start new thread"),
    "a memory bomb by and by": ("kept = []\n        while 1: kept.append('x' * 10 ** 6)", EXECUTION, "MemoryError"),
    "a memory bomb at once": ("'x' * 10 ** 11", EXECUTION, "MemoryError"),
    "an answer that is forged": (f"os.write(1, {FORGED})", EXECUTION, "more than one line|not asked"),
    "an answer that is garbage": ("os.write(1, b'garbage\\n')", EXECUTION, "more than one line|no JSON"),
    "an answer that is deep": (
        "os.write(1, b'[' * 200_000 + b'\\n')",
        EXECUTION,
        "more than one line|no JSON|without being asked",
    ),
    "an answer without an end": ("while 1: os.write(1, b'x' * 100_000)", EXECUTION, "more than 1048576 bytes"),
    "a second line": (
        "sys.modules['__main__'].say = lambda answer: os.write(1, (json.dumps(answer) + '\\n').encode() * 2)",
        EXECUTION,
        "more than one line",
    ),
    "another number of results": (
        "main = sys.modules['__main__']\n        say = main.say\n"
        "        main.say = lambda answer: say({**answer, 'results': answer['results'] * 7})",
        EXECUTION,
        "another number",
    ),
    "a score that is no number": (
        "main = sys.modules['__main__']\n        say = main.say\n"
        "        main.say = lambda answer: say({**answer, 'results': [{'score': '1', 'reason': ''}]})",
        EXECUTION,
        "another number|wrong fields",
    ),
    "a segmentation fault": ("ctypes.string_at(0)", EXECUTION, "SIGSEGV"),
    "an abort": ("os.abort()", EXECUTION, "killed by"),
    "the end of the process": ("os._exit(7)", EXECUTION, "status 7"),
    "a closed answer": ("os.close(1)", EXECUTION, "ended its worker"),
    "a kill of itself": ("os.kill(os.getpid(), 9)", EXECUTION, "PermissionError"),
    "sys.exit": ("sys.exit(0)", EXECUTION, "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", EXECUTION, "KeyboardInterrupt"),
    "the exit of a generator": ("raise GeneratorExit", EXECUTION, "GeneratorExit"),
    "a generator": ("return (n for n in ())", PARSE, "generator"),
    "an error that cannot be printed": ("raise Mute", EXECUTION, "Mute"),
    "recursion": ("return exec_evaluation(turn)", EXECUTION, "RecursionError"),
    "recursion without a limit": (
        "sys.setrecursionlimit(10 ** 9)\n        def deep(n): return [deep, [n]].__getitem__(0)(max(n, 1))\n"
        "        deep(1)",
        EXECUTION,
        "killed by SIGSEGV|MemoryError|timeout",
    ),
    "a crowd of errors": ("raise ExceptionGroup('x' * 10 ** 6, [ValueError()] * 1000)", EXECUTION, "ExceptionGroup"),
    "a patched library": ("json.loads = json.dumps = None\n        raise ValueError('patched')", EXECUTION, "patched"),
    "a score without an end of digits": ("return EvalOutput('1', '')", PARSE, "str"),
}
SCRIPT = """
class Endless:
    def __float__(self):
        while 1: pass

class Mute(Exception):
    def __str__(self):
        raise ValueError

def exec_evaluation(turn):
    if turn["bad"]:
        BODY
    return EvalOutput(turn["n"], 'good')
"""


@pytest.fixture
async def runner():
    made = SandboxCodeRunner(modules=(*ALLOWED_MODULES, *MODULES))
    yield made
    await made.close()


@pytest.mark.parametrize("case", CASES)
async def test_a_misbehaving_turn_gives_its_own_error_and_no_other(runner, case):
    body, code, said = CASES[case]
    script = PRELUDE + SCRIPT.replace("BODY", body)
    turns = [{"n": n, "bad": n == 1} for n in range(3)]
    results = await runner.evaluate("1", "2", script, turns, timeout=SECONDS)
    assert [results[0].score, results[1].score, results[2].score] == [0.0, None, 2.0]
    assert results[1].error_code == code
    assert any(part in results[1].error for part in said.split("|")), results[1].error
    (after,) = await runner.evaluate("1", "3", GOOD, [{}], timeout=20)
    assert after.score == 1.0


@pytest.mark.parametrize("case", ["os.closerange(0, 1)", "signal.signal(13, signal.SIG_DFL)", "print('x' * 10 ** 7)"])
async def test_what_does_no_harm_costs_nothing(runner, case):
    script = PRELUDE + f"def exec_evaluation(turn):\n    {case}\n    return EvalOutput(turn['n'], '')"
    for n in range(3):
        results = await runner.evaluate("1", "2", script, [{"n": n}] * 2, timeout=20)
        assert [r.score for r in results] == [n, n]


async def test_a_worker_that_was_spoilt_by_an_earlier_call_is_replaced(runner):
    """It answers this call and would die of the next one."""
    script = (
        PRELUDE
        + "def exec_evaluation(turn):\n    main = sys.modules['__main__']\n    first = not hasattr(main, 'late')\n"
        "    main.late = 1\n    if not first: os._exit(1)\n    return EvalOutput(1, '')"
    )
    for _ in range(3):
        (result,) = await runner.evaluate("1", "2", script, [{}], timeout=20)
        assert (result.score, result.error) == (1.0, "")


async def test_memory_that_one_turn_took_is_there_for_the_next(runner):
    script = "def exec_evaluation(turn):\n    return EvalOutput(len('x' * turn['n']), '')"
    sizes = [10**6, 10**11, 10**8, 10**11, 10**8]
    results = await runner.evaluate("1", "2", script, [{"n": n} for n in sizes], timeout=20)
    assert [r.score for r in results] == [10**6, None, 10**8, None, 10**8]
