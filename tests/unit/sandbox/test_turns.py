import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sandbox import turns


@pytest.fixture(autouse=True)
def own_streams():
    """`run_turn` takes the process's streams, for it owns its process."""
    kept = sys.stdin, sys.stdout, sys.stderr
    yield
    sys.stdin, sys.stdout, sys.stderr = kept


@given(st.text(st.characters(), max_size=400), st.integers(16, 300))
def test_a_text_is_cut_to_storable_json_of_the_size(text, most):
    cut = turns.fit(text, most)
    assert len(json.dumps(cut, ensure_ascii=False).encode()) <= most + 2
    assert "\0" not in cut
    assert cut.encode().decode() == cut


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_a_short_storable_text_stays_as_it_is(text):
    assert turns.fit(text, 1000) == text


def test_twenty_full_answers_stay_under_the_line():
    code, _ = turns.compiled(
        "def exec_evaluation(turn):\n    print('\\x01' * 10**6)\n    return EvalOutput(1, '\\x01' * 10**6)"
    )
    answer = turns.run_turn(code, turns.namespace_of(frozenset()), {})
    assert 20 * len(json.dumps(answer, ensure_ascii=False)) + 100 < 1024 * 1024


def test_the_answer_to_a_turn_names_score_reason_output_and_time():
    code, wrong = turns.compiled("def exec_evaluation(turn):\n    print('x')\n    return EvalOutput(turn['n'], 'why')")
    answer = turns.run_turn(code, turns.namespace_of(frozenset()), {"n": 2})
    assert (wrong, answer.pop("ms") >= 0) == ("", True)
    assert answer == {"score": 2.0, "reason": "why", "stdout": "x\n"}


def test_a_parent_of_a_published_module_can_be_imported():
    importing = turns.guarded_import(frozenset({"xml.dom.minidom"}))
    assert importing("xml.dom.minidom").__name__ == "xml"
    with pytest.raises(ModuleNotFoundError):
        importing("xml.sax")
    with pytest.raises(ModuleNotFoundError):
        importing("xml", level=1)
