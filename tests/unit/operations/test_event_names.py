"""A name of an event that was mistyped is told, and not answered with silence alone."""

from __future__ import annotations

from cozeloop.cli.events import unheard_of


def test_a_mistyped_event_is_named_with_those_that_are_close() -> None:
    assert "PromptCommitted" in unheard_of("PromptCommited")


def test_a_name_that_is_close_to_none_is_named_alone() -> None:
    assert unheard_of("Zzz") == "this release has no event 'Zzz'"


def test_nothing_is_said_of_events_that_there_are_and_where_none_is_named() -> None:
    assert unheard_of("PromptCommitted") == unheard_of("") == ""
