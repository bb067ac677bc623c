"""What a tag's commands lead to, or the rule that refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from commands.command import Context, To
from commands.reservations import claim, release
from commands.semver import is_semver
from commands.tags.messages import (
    FIRST_VERSION,
    STATUSES,
    ChangeTagStatus,
    CreateTag,
    MakeOptionTag,
    ReviseTag,
    TagFieldInvalid,
    TagMissing,
    TagNameTaken,
    TagNotOption,
    TagStatusUnchanged,
    TagValuesInvalid,
)
from commands.tags.tag import NAME, NOTHING, Tag, TagCommand
from commands.tags.values import check_content, with_fallback
from events.event import Erased, Event
from events.tags import OptionMadeTag, TagContent, TagCreated, TagRevised, TagStatusChanged

Decided = Sequence[Event | To]


def decide(state: Tag, command: TagCommand, context: Context) -> Decided:
    """Facts of the key's own stream, with the claim and release of its name."""
    match command:
        case CreateTag():
            return create(state, command)
        case ReviseTag():
            return revise(state, command)
        case ChangeTagStatus():
            return change_status(state, command)
        case MakeOptionTag():
            return make_tag(state, command)
        case _:
            assert_never(command)


def create(state: Tag, command: CreateTag) -> Decided:
    """A key; a tag claims its name, an option none."""
    content = TagContent(
        name=command.name,
        description=command.description,
        values=with_fallback(command.content_type, command.values, command.fallback_id),
        number=command.number,
    )
    check_content(content, command.content_type, command.domains, command.tag_type)
    wanted = command.name_reservation if command.tag_type == "tag" else ""
    created = TagCreated(
        tag_key_id=command.tag_key_id,
        tag_type=command.tag_type,
        content_type=command.content_type,
        content=content,
        domains=command.domains,
        version=versioned(command.version),
        name_reservation=wanted,
    )
    return (created, *renamed(state, command.space_id, command.tag_key_id, wanted, command.name))


def revise(state: Tag, command: ReviseTag) -> Decided:
    """Another version, when it says anything else."""
    before = standing(state, command.tag_key_id)
    if command.content_type not in (None, state.content_type):
        raise TagFieldInvalid(f"tag_content_type is {state.content_type} and stays so")
    values = before.values if command.values is None else command.values
    known = {v.value_id: v for v in before.values}
    if unknown := [v.value_id for v in values if v.value_id not in known and v.value_id not in command.new_ids]:
        raise TagValuesInvalid(f"tag_value_id {unknown[0]} is not one of this tag")
    kept = tuple(v.model_copy(update={"system": v.value_id in known and known[v.value_id].system}) for v in values)
    fallback = tuple(v for v in before.values if v.system and v.value_id not in {k.value_id for k in kept})
    content = TagContent(
        name=command.name,
        description=before.description if command.description is None else command.description,
        values=(*kept, *fallback),
        number=before.number if command.number is None else command.number,
    )
    domains = state.domains if command.domains is None else command.domains
    check_content(content, state.content_type, domains, state.tag_type)
    if (content, domains) == (state.content, state.domains):
        return ()
    wanted = command.name_reservation if state.tag_type == "tag" else ""
    revised = TagRevised(
        tag_key_id=command.tag_key_id,
        version_num=state.number + 1,
        version=versioned(command.version or after(state.version)),
        status=state.status,
        content=content,
        domains=domains,
        name_reservation=wanted,
    )
    return (revised, *renamed(state, command.space_id, command.tag_key_id, wanted, command.name))


def change_status(state: Tag, command: ChangeTagStatus) -> Decided:
    """A version of another status; a deprecated key gives its name back and changes no more."""
    if not state.number:
        raise TagMissing(f"tag {command.tag_key_id} does not exist")
    if command.status not in STATUSES:
        raise TagFieldInvalid(f"to_status {command.status!r} is not one of {', '.join(STATUSES)}")
    if state.status in ("deprecated", command.status):
        raise TagStatusUnchanged(f"tag {command.tag_key_id} is {state.status} already")
    changed = TagStatusChanged(
        tag_key_id=command.tag_key_id,
        version_num=state.number + 1,
        content_num=state.content_number,
        status=command.status,
    )
    if command.status == "deprecated" and state.name_reservation:
        return changed, release(command.space_id, NAME, state.name_reservation, command.tag_key_id)
    return (changed,)


def make_tag(state: Tag, command: MakeOptionTag) -> Decided:
    """The option under its name, at the first version number that people see."""
    before = standing(state, command.tag_key_id)
    if state.tag_type != "option":
        raise TagNotOption(f"tag {command.tag_key_id} is a tag already")
    content = before.model_copy(update={"name": command.name, "description": command.description})
    check_content(content, state.content_type, state.domains, "tag")
    made = OptionMadeTag(
        tag_key_id=command.tag_key_id,
        version_num=state.number + 1,
        version=FIRST_VERSION,
        status=state.status,
        content=content,
        domains=state.domains,
        name_reservation=command.name_reservation,
    )
    return (made, *renamed(state, command.space_id, command.tag_key_id, command.name_reservation, command.name))


def standing(state: Tag, tag_key_id: str) -> TagContent:
    """What the key says now; refuses one that was never there or is gone for good."""
    if not state.number or state.status == "deprecated":
        raise TagMissing(f"tag {tag_key_id} does not exist")
    return NOTHING if isinstance(state.content, Erased) else state.content


def renamed(state: Tag, space_id: str, owner: str, wanted: str, name: str) -> Decided:
    """The claim of another name and the release of the one before; nothing when it stays."""
    if wanted == state.name_reservation:
        return ()
    decided: list[To] = []
    if wanted:
        if wanted in state.held:
            raise TagNameTaken(f"tag_key_name {name!r} is taken")
        decided.append(claim(space_id, NAME, wanted, owner))
    if state.name_reservation:
        decided.append(release(space_id, NAME, state.name_reservation, owner))
    return decided


def versioned(version: str) -> str:
    """The version, when it is one."""
    if not is_semver(version):
        raise TagFieldInvalid(f"version {version!r} is not a semantic version such as 1.0.0")
    return version


def after(version: str) -> str:
    """The next patch version."""
    major, minor, patch = version.partition("-")[0].partition("+")[0].split(".")
    return f"{major}.{minor}.{int(patch) + 1}"
