"""Users: they register, each with an e-mail of their own and a personal space, and choose names that are unique."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.command import Command, Decider
from commands.users.decide import decide
from commands.users.messages import ChangeUserProfile, RegisterUser, ReleaseUserNames
from commands.users.profile import NOBODY, change_streams, decide_change, decide_release, release_streams
from commands.users.profile import evolve as evolve_profile
from commands.users.user import UNKNOWN, evolve, streams

DECIDERS: Mapping[type[Command], Decider[Any, Any]] = {
    RegisterUser: Decider(UNKNOWN, streams, evolve, decide, blind=True),
    ChangeUserProfile: Decider(NOBODY, change_streams, evolve_profile, decide_change),
    ReleaseUserNames: Decider(NOBODY, release_streams, evolve_profile, decide_release),
}
