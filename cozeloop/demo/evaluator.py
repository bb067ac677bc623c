"""A code evaluator: the answer must be the expected label, letter for letter."""


def exec_evaluation(turn):
    """Score 1 when the answer is exactly the expected label, else 0; the reason names both."""
    expected = turn["evaluate_dataset_fields"]["reference_output"]["text"]
    given = turn["evaluate_target_output_fields"]["actual_output"]["text"]
    if given == expected:
        return EvalOutput(score=1.0, reason=f"as expected: {expected}")  # noqa: F821 - the sandbox provides it
    return EvalOutput(score=0.0, reason=f"expected {expected!r}, given {given!r}")  # noqa: F821
