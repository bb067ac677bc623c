"""What commands say to the person who typed them."""

from __future__ import annotations

import os
import sys

import pytest

from cozeloop.cli.demo import own_name
from cozeloop.cli.events import unheard_of
from cozeloop.cli.running import in_a_sentence, sentence


def test_a_mistyped_event_is_named_with_those_that_are_close() -> None:
    assert "PromptCommitted" in unheard_of("PromptCommited")


def test_a_name_that_is_close_to_none_is_named_alone() -> None:
    assert unheard_of("Zzz") == "this release has no event 'Zzz'"


def test_nothing_is_said_of_events_that_there_are_and_where_none_is_named() -> None:
    assert unheard_of("PromptCommitted") == unheard_of("") == ""


def test_a_running_platform_says_what_the_directory_alone_says() -> None:
    assert sentence("bad request,nobody has registered with this e-mail") == "nobody has registered with this e-mail"


@pytest.mark.parametrize("msg", ["not available now", "Service Internal Error, log id 12", ""])
def test_an_answer_without_a_detail_is_said_as_it_is(msg: str) -> None:
    assert sentence(msg) == msg


def test_what_a_system_or_a_library_says_is_shortened_to_what_a_person_needs() -> None:
    assert in_a_sentence(FileExistsError(17, "File exists", "/tmp/there")) == "/tmp/there: File exists"
    assert in_a_sentence(RuntimeError("no such database\n(Background on this error at: …)")) == "no such database"


def test_a_command_that_is_on_no_path_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert os.path.abspath(own_name()) == os.path.join(os.path.dirname(sys.executable), "cozeloop")
