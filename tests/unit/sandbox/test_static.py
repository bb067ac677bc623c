import pytest

from infra.sandbox.static import static_refusal

GOOD = "def exec_evaluation(turn):\n    return EvalOutput(1, '')\n"


def refused(line: str) -> int:
    found = static_refusal(f"{line}\n{GOOD}")
    return found[0] if found else 0


@pytest.mark.parametrize(
    "line",
    [
        "exec('1')",
        "x = eval ('1')",
        "__import__('os')",
        "f = open(\n'x')",
        "input()",
        "compile('', '', 'exec')",
        "globals()",
        "def f(): return locals()",
        "@eval('f')\nclass A: pass",
        "if x: open('x')",
        "(eval)(1) or eval(1)",
    ],
)
def test_a_dangerous_call_is_refused(line):
    assert refused(line) == 601205051


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import sys, json",
        "import json, sys",
        "import os.path",
        "import os as o",
        "from os import path",
        "from urllib.parse import quote",
        "import subprocess; x = 1",
        "x = 1; import socket",
        "if True: import requests",
        "try: import builtins\nexcept Exception: pass",
    ],
)
def test_a_dangerous_import_is_refused(line):
    assert refused(line) == 601205052


@pytest.mark.parametrize(
    "line", ["while True: pass", "while (True): pass", "while  True :\n    break", "exit(1)", "quit()", "x.exit(0)"]
)
def test_a_malicious_pattern_is_refused(line):
    assert refused(line) == 601205035


@pytest.mark.parametrize("code", ["", "x = 1", "# def exec_evaluation", "'def exec_evaluation'", "def other(): pass"])
def test_code_without_the_function_is_refused(code):
    assert static_refusal(code) == (601205053, "required function not found: exec_evaluation")


@pytest.mark.parametrize(
    "line",
    [
        "import re, json",
        "p = re.compile('open(')",
        "# exec('1') and import os",
        "text = 'while True: exit(1)'",
        '"""\nimport os\n"""',
        "model.eval()",
        "from json import loads as sys",
        "import oslo, system",
        "def open(path): return path",
        "x = {'a': [i for i in range(3)]}\nx.open('')",
        "while x is True: break",
        "reopen(1)",
        "sentence = 'straße' ; exits = 1",
    ],
)
def test_what_only_looks_like_it_passes(line):
    assert refused(line) == 0


def test_the_function_may_be_a_lambda_or_asked_for_anywhere_in_the_text():
    assert static_refusal("exec_evaluation = lambda turn: EvalOutput(1, '')") is None
    assert static_refusal("if 1:\n  def exec_evaluation(turn): pass") is None


@pytest.mark.parametrize("code", ["def f(:\n 'x", "'''", "(" * 10_000, "\\", "\0", "  x\n y", "\ud800 = 1"])
def test_text_that_cannot_be_read_is_left_to_the_syntax_check(code):
    found = static_refusal(code)
    assert found is None or found[0] == 601205053


def test_the_message_names_word_and_line():
    assert static_refusal(f"x = 1\nimport os\n{GOOD}") == (601205052, "dangerous import detected: os in line 2")
