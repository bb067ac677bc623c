"""What the read models of the log itself hold."""

from __future__ import annotations

from events.event import Event, Stream, Unrecognised
from projections.log import COMMANDS, OBJECTS
from projections.log.commands import Handled, find_command
from projections.log.objects import position_of, space_of
from tests.projected import Projected


class Noted(Event):
    """Stands for any event."""

    text: str = ""


def test_an_objects_space_is_that_of_its_first_event() -> None:
    seen = Projected(OBJECTS).happened(Stream("7", "prompts", "100"), Noted(), Noted())
    assert seen.query(space_of, "prompts", "100") == "7"
    assert seen.query(position_of, "prompts", "100") == 1


def test_the_same_id_in_another_capability_is_another_object() -> None:
    seen = Projected(OBJECTS).happened(Stream("7", "prompts", "100"), Noted())
    assert seen.query(space_of, "datasets", "100") is None


def test_an_object_whose_first_event_is_of_a_type_unknown_here_still_has_its_space() -> None:
    seen = Projected(OBJECTS).happened(Stream("7", "prompts", "100"), Unrecognised(type="Later", version=1))
    assert seen.query(space_of, "prompts", "100") == "7"


def test_streams_of_a_kind_are_no_objects() -> None:
    Projected(OBJECTS).happened(Stream("7", "datasets", "100", "rows"), Noted()).then_rows()


def test_a_command_is_known_by_the_position_of_its_last_event() -> None:
    seen = Projected(COMMANDS).happened(Stream("7", "prompts", "100"), Noted(), Noted(), actor="42")
    assert seen.query(find_command, f"{1:032x}") == Handled(position=2, digest="dddddddd", actor="42")
    assert seen.query(find_command, "another") is None


def test_outcomes_of_steps_are_not_looked_up_by_command() -> None:
    Projected(COMMANDS).happened(Stream("7", "experiments", "5", "step", "1-1-0"), Noted()).then_rows()
