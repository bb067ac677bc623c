"""Figures, each measured beside its raw reference: ``python -m tests.benchmarks [NAME ...] [--quick] [--write]``.

One module per group exports ``measure(rounds, quick)``. A round measures our code and the raw engine one after the
other, so that a slow minute of the machine meets both; the table shows medians and the spread over the rounds.
"""
