import asyncio
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop

from infra.sandbox import ALLOWED_MODULES, SandboxCodeRunner
from infra.sandbox.protocol import ANSWER_BYTES
from tests.integration.sandbox.walls import needs_linux

pytestmark = needs_linux

ROOT = Path(__file__).parents[3]
EQUALS = """
def exec_evaluation(turn):
    want = turn["evaluate_dataset_fields"]["reference_output"]["text"]
    got = turn["evaluate_target_output_fields"]["actual_output"]["text"]
    print("compared", got)
    return EvalOutput(score=1.0 if want == got else 0.0, reason=f"{want} / {got}")
"""


def turn(want: str, got: str) -> dict:
    def text(value):
        return {"content_type": "Text", "text": value}

    return {
        "evaluate_dataset_fields": {"reference_output": text(want)},
        "evaluate_target_output_fields": {"actual_output": text(got)},
        "ext": {},
    }


def body(*lines: str) -> str:
    return "\n    ".join(["def exec_evaluation(turn):", *lines])


async def answer(runner, code, given=None, timeout=5.0):
    (result,) = await runner.evaluate("1", "2", code, [given or {}], timeout)
    return result


async def test_each_turn_gets_its_score_reason_and_output_in_order(runner):
    results = await runner.evaluate("1", "2", EQUALS, [turn("a", "a"), turn("早", "b")] * 25)
    assert [(r.score, r.reason, r.stdout) for r in results] == [
        (1.0, "a / a", "compared a\n"),
        (0.0, "早 / b", "compared b\n"),
    ] * 25
    assert {(r.error_code, r.error) for r in results} == {(0, "")}


async def test_no_turns_need_no_worker(runner):
    assert await runner.evaluate("1", "2", EQUALS, []) == []


@pytest.mark.parametrize(
    "returned",
    [
        "EvalOutput(1, 'why')",
        "EvalOutput(score=1.0, reason='why')",
        "{'score': 1, 'reason': 'why'}",
        """'{"score": 1, "reason": "why"}'""",
        '''"{'score': 1, 'reason': 'why'}"''',
        "type('Own', (), {'score': 1, 'reason': 'why'})()",
        "EvalOutput(__import__('fractions').Fraction(1), 'why')",
        "EvalOutput(__import__('decimal').Decimal('1.00'), 'why')",
    ],
)
async def test_a_score_with_a_reason_is_understood_in_several_forms(runner, returned):
    result = await answer(runner, body(f"return {returned}"))
    assert (result.score, result.reason, result.error) == (1.0, "why", "")


@pytest.mark.parametrize(
    "returned",
    [
        "None",
        "1.0",
        "'words'",
        "[]",
        "{}",
        "{'reason': 'why'}",
        "EvalOutput(None, 'why')",
        "EvalOutput('1', 'why')",
        "EvalOutput(True, 'why')",
        "EvalOutput(float('nan'), 'why')",
        "EvalOutput(float('inf'), 'why')",
        "EvalOutput(10 ** 400, 'why')",
        "EvalOutput(1j, 'why')",
        "EvalOutput([1], 'why')",
        "(yield 1)",
    ],
)
async def test_what_is_no_finite_score_is_a_parse_error(runner, returned):
    result = await answer(runner, body(f"return {returned}"))
    assert (result.score, result.error_code) == (None, 601205034)
    assert result.error


async def test_an_exception_names_itself_and_its_line(runner):
    result = await answer(runner, body("values = {}", "return values['score']"))
    assert result.error_code == 601205032
    assert result.error == "KeyError: 'score'\n  line 3, in exec_evaluation"


async def test_code_without_the_function_is_an_error_of_its_own(runner):
    assert (await answer(runner, "score = 1")).error_code == 601205053


async def test_code_that_is_no_python_is_a_syntax_error(runner):
    result = await answer(runner, "def exec_evaluation(turn:\n  return 1")
    assert (result.error_code, "line 1" in result.error) == (601205047, True)


async def test_what_a_script_writes_to_stderr_becomes_a_warning_beside_its_score(runner):
    code = body("print('said')", "import warnings", "warnings.warn('careful')", "return EvalOutput(1, 'why')")
    result = await answer(runner, code)
    assert (result.score, result.stdout) == (1.0, "said\n\n[warning] <evaluator>:4: UserWarning: careful\n")


async def test_what_a_script_writes_to_stderr_is_part_of_its_error(runner):
    result = await answer(runner, body("import logging", "logging.error('careful')", "raise ValueError('no')"))
    assert result.error_code == 601205032
    assert "careful" in result.error


async def test_output_and_reason_are_cut_to_what_a_line_holds(runner):
    code = body("print('早\\x01' * 10_000_000)", "return EvalOutput(1, '\\x01' * 10_000_000)")
    results = await runner.evaluate("1", "2", code, [{}] * 20)
    assert [r.score for r in results] == [1.0] * 20
    assert 0 < sum(6 * (len(r.stdout) + len(r.reason)) for r in results) < 2 * ANSWER_BYTES


async def test_text_that_cannot_be_stored_is_mended(runner):
    result = await answer(runner, body("return EvalOutput(1, 'a\\0b\\ud800c')"))
    assert result.reason == "a\ufffdb?c"


async def test_every_published_module_can_be_imported(runner):
    code = "\n".join(f"import {module}" for module in ALLOWED_MODULES) + "\n" + body("return EvalOutput(1, '')")
    assert (await answer(runner, code)).error == ""


async def test_any_other_module_is_not_found(runner):
    others = ["os", "sys", "subprocess", "socket", "ctypes", "builtins", "posix", "numpy", "gc", "lockdown", "os.path"]
    code = body("name = turn['module']", "__import__(name)", "return EvalOutput(1, '')")
    results = await runner.evaluate("1", "2", code, [{"module": name} for name in others])
    for name, result in zip(others, results, strict=True):
        assert result.error.startswith(f"ModuleNotFoundError: No module named '{name}'")


LIBRARY = """
import collections, copy, datetime, decimal, difflib, hashlib, json, logging, random, re, secrets, statistics, time
import uuid, xml.dom.minidom, xml.etree.ElementTree as ET
from dataclasses import dataclass

@dataclass
class Point:
    x: int = 0

def exec_evaluation(turn):
    return EvalOutput(1, str(eval(turn["expression"])))
"""
EXPRESSIONS = {
    "datetime.datetime.strptime('2024-02-29', '%Y-%m-%d').day": "29",
    "time.strptime('2024', '%Y').tm_year": "2024",
    "copy.deepcopy(datetime.date(2024, 2, 29)).day": "29",
    "copy.deepcopy(Point(3))": "Point(x=3)",
    "len('中文'.encode('gbk'))": "4",
    "'ü.example'.encode('idna')": "b'xn--tda.example'",
    "ET.fromstring('<a><b/></a>').find('b').tag": "b",
    "xml.dom.minidom.parseString('<a/>').documentElement.tagName": "a",
    "round(decimal.Decimal('1.5') * 100)": "150",
    "statistics.median([1, 2, 3])": "2",
    "difflib.SequenceMatcher(None, 'ab', 'ab').ratio()": "1.0",
    "len(hashlib.sha256(b'x').hexdigest())": "64",
    "int(random.random()) + secrets.randbelow(1)": "0",
    "len(uuid.uuid4().hex)": "32",
    "json.loads('[1]')": "[1]",
    "collections.namedtuple('P', 'x')(1).x": "1",
    "re.sub(r'\\d+', '', 'a1')": "a",
    "len(str(10 ** 4000))": "4001",
}


async def test_the_library_works_though_nothing_can_be_opened(runner):
    results = await runner.evaluate("1", "2", LIBRARY, [{"expression": e} for e in EXPRESSIONS], timeout=20)
    assert {e: r.reason or r.error for e, r in zip(EXPRESSIONS, results, strict=True)} == EXPRESSIONS


async def test_a_logger_writes_to_the_turn_at_hand(runner):
    code = body("import logging", "logging.error(turn['n'])", "return EvalOutput(1, '')")
    results = await runner.evaluate("1", "2", code, [{"n": n} for n in range(3)])
    assert [r.stdout for r in results] == [f"[warning] ERROR:root:{n}\n" for n in range(3)]


async def test_a_turns_globals_are_gone_with_the_next_turn(runner):
    code = "seen = []\n" + body("seen.append(1)", "return EvalOutput(len(seen), '')")
    assert [r.score for r in await runner.evaluate("1", "2", code, [{}] * 3)] == [1.0] * 3


async def test_a_turn_that_is_no_json_is_an_error_and_the_others_are_scored(runner):
    loop: dict = {}
    loop["self"] = loop
    turns = [turn("a", "a"), {"evaluate_dataset_fields": loop}, turn("b", "b")]
    results = await runner.evaluate("1", "2", EQUALS, turns)
    assert [(r.score, r.error_code) for r in results] == [(1.0, 0), (None, 601205029), (1.0, 0)]


async def test_turns_of_odd_texts_and_numbers_arrive_as_they_are(runner):
    odd = {"text": "早\ud800\0\n\u2028", "number": 2**80}
    code = body("return EvalOutput(turn['number'] == 2 ** 80 and 1.0, ascii(turn['text']))")
    assert (await answer(runner, code, odd)).reason == ascii(odd["text"])


async def test_large_turns_are_split_over_calls(runner):
    code = body("return EvalOutput(len(turn['text']), '')")
    results = await runner.evaluate("1", "2", code, [{"text": "x" * 1_000_000}] * 12)
    assert [r.score for r in results] == [1_000_000.0] * 12


async def test_a_turn_larger_than_a_worker_can_hold_is_refused(runner):
    result = await answer(runner, EQUALS, {"text": "x" * 9_000_000})
    assert result.error_code == 601205029


async def test_many_calls_at_once_are_each_answered(runner):
    calls = [runner.evaluate(str(n % 3), str(n % 7), EQUALS, [turn(str(n), str(n))] * 3) for n in range(40)]
    for n, results in enumerate(await asyncio.gather(*calls)):
        assert [r.reason for r in results] == [f"{n} / {n}"] * 3


async def test_another_space_version_or_source_gets_another_worker():
    """What a script leaves in a module is seen by the same script only."""
    code = body("import json", "json.seen = getattr(json, 'seen', 0) + 1", "return EvalOutput(json.seen, '')")
    runner = SandboxCodeRunner(idle=8)
    owners = [("1", "1", code), ("1", "2", code), ("2", "1", code), ("1", "1", code + "\n")]
    for _ in range(2):
        for owner in owners:
            await runner.evaluate(*owner, [{}])
    counted = [(await runner.evaluate(*owner, [{}]))[0].score for owner in owners]
    await runner.close()
    assert counted == [3.0] * 4


async def test_only_so_many_idle_workers_are_kept():
    runner = SandboxCodeRunner(idle=2)
    code = body("import json", "json.seen = getattr(json, 'seen', 0) + 1", "return EvalOutput(json.seen, '')")
    for version in ("1", "2", "3", "2", "3"):
        await runner.evaluate("1", version, code, [{}])
    counted = {v: (await runner.evaluate("1", v, code, [{}]))[0].score for v in ("3", "2", "1")}
    await runner.close()
    assert counted == {"3": 3.0, "2": 3.0, "1": 1.0}


@pytest.mark.parametrize("seconds", [0, 0.03, 0.2, 0.6])
async def test_a_call_that_is_given_up_leaves_no_busy_worker(seconds):
    """Whether it is in the self-test, at the start of its worker, or in the script."""
    runner = SandboxCodeRunner(busy=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await runner.evaluate("1", "2", body("while 1: pass"), [{}], timeout=600)
    assert (await answer(runner, EQUALS, turn("a", "a"))).score == 1.0
    await runner.close()


async def test_after_close_every_answer_is_an_error(runner):
    await runner.close()
    assert (await answer(runner, EQUALS, turn("a", "a"))).error_code == 601205043


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("x = 1", ""),
        ("def f(:\n  pass", "line 1"),
        ("(" * 100_000 + ")" * 100_000, "too many nested"),
        ("-" * 500_000 + "1", "nested too deeply"),
        ("x = '\0'", "null bytes"),
        ("'\ud800'", "surrogates"),
        ("x" * 2_000_000, "longer than"),
        ("return 1", "outside function"),
    ],
)
async def test_the_syntax_check_says_what_is_wrong(runner, code, wrong):
    said = await runner.check_syntax(code)
    assert bool(said) == bool(wrong)
    assert wrong in said
    assert await runner.check_syntax("def exec_evaluation(turn): pass") == ""


async def test_the_syntax_check_runs_nothing(runner):
    assert await runner.check_syntax("raise SystemExit\nwhile True: pass") == ""


@pytest.fixture
def elsewhere(tmp_path):
    """The child on a system that has no allow-list."""
    child = shutil.copytree(ROOT / "infra" / "sandbox", tmp_path / "sandbox") / "child.py"
    lockdown = child.with_name("lockdown.py")
    text = lockdown.read_text().replace('"x86_64": (', '"other": (').replace('"aarch64": (', '"another": (')
    lockdown.write_text(text)
    return child


async def test_without_isolation_every_answer_is_a_clear_error(elsewhere):
    runner = SandboxCodeRunner(child=elsewhere)
    assert "no isolation on linux" in await runner.self_test()
    result = await answer(runner, EQUALS, turn("a", "a"))
    assert (result.score, result.error_code) == (None, 601205043)
    assert "no isolation on linux" in result.error
    assert "no isolation on linux" in await runner.check_syntax("x = 1")
    await runner.close()


async def test_without_isolation_scripts_run_when_that_was_asked_for(elsewhere):
    runner = SandboxCodeRunner(child=elsewhere, unsafe=True)
    assert (await answer(runner, EQUALS, turn("a", "a"))).score == 1.0
    await runner.close()


async def test_an_interpreter_that_is_not_there_is_a_clear_error():
    runner = SandboxCodeRunner(python="/nonexistent/python")
    assert (await answer(runner, EQUALS, turn("a", "a"))).error_code == 601205043
    await runner.close()


ENDLESS = """
import asyncio, sys
from infra.sandbox import SandboxCodeRunner

async def main():
    runner = SandboxCodeRunner()
    await runner.self_test()
    call = asyncio.create_task(runner.evaluate("1", "2", "def exec_evaluation(turn):\\n    while 1: pass", [{}], 600))
    while not runner._isolated._at_work:
        await asyncio.sleep(0)
    print(next(iter(runner._isolated._at_work)).pid, flush=True)
    await call

asyncio.run(main())
"""


def test_a_worker_dies_with_the_platform():
    platform = subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=ROOT, stdout=subprocess.PIPE)
    assert platform.stdout
    worker = os.pidfd_open(int(platform.stdout.readline()))
    platform.send_signal(signal.SIGKILL)
    platform.communicate()
    ended, _, _ = select.select([worker], [], [], 20)
    os.close(worker)
    assert ended


def test_under_uvloop_it_is_the_same():
    async def scored() -> list[float | None]:
        runner = SandboxCodeRunner()
        code = body("while turn['n'] == 1: pass", "return EvalOutput(turn['n'], turn['text'])")
        turns = [{"n": n, "text": "x" * 1_000_000} for n in range(4)]
        results = await runner.evaluate("1", "2", code, turns, timeout=0.8)
        await runner.close()
        return [r.score for r in results]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as uv:
        assert uv.run(scored()) == [0.0, None, 2.0, 3.0]


async def test_the_demos_evaluator_is_allowed_and_scores(runner):
    code = (ROOT / "cozeloop" / "demo" / "evaluator.py").read_text()
    assert runner.check_static(code) is None
    assert await runner.check_syntax(code) == ""
    results = await runner.evaluate("1", "2", code, [turn("a", "a"), turn("a", "b")])
    assert [r.score for r in results] == [1.0, 0.0]
