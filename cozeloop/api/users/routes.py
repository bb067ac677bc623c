"""Users over HTTP: register, sign in and out, who am I (behaviour.md §2.1)."""

from __future__ import annotations

from typing import Any

from commands.command import Context
from commands.users.decide import decide
from commands.users.messages import RegisterUser
from commands.users.user import User
from cozeloop.api.edge import ApiError, Edge
from cozeloop.api.modules import Module
from cozeloop.api.people import user_details
from cozeloop.api.routing import Api
from cozeloop.api.users.refusals import EMAIL_UNKNOWN, WRONG_PASSWORD
from cozeloop.api.users.translate import admitted, credentials, new_person, signed_in
from cozeloop.api.wire import foundation as wire
from cozeloop.platform import Person, Unknown
from events.event import GLOBAL_SPACE
from projections.spaces.members import MEMBERS
from projections.spaces.spaces import SPACES
from projections.users.users import USERS, user_of_email

api = Api(Module.FOUNDATION)

PATH = "/api/foundation/v1/users"


@api.post(f"{PATH}/register", wire.UserRegisterRequest, wire.UserRegisterResponse, anonymous=True)
async def register(edge: Edge, req: wire.UserRegisterRequest) -> dict[str, Any]:
    """A user with a personal space, signed in. The space's key and the person are durable before the event."""
    email, password = credentials(req)
    user_id, space_id = edge.platform.ids.block(2)
    edge.user_id = user_id
    command = RegisterUser(
        user_id=user_id,
        space_id=space_id,
        email_reservation=await edge.platform.keys.digest(GLOBAL_SPACE, email),
        admitted=admitted(edge.platform.settings, email),
    )
    await refuse_early(edge, command)
    person = new_person(user_id, email)
    await edge.platform.keys.create(space_id)
    await edge.platform.people.add(person, password)
    try:
        await edge.issue(command, USERS, SPACES, MEMBERS, secret=True)
    except Unknown:
        raise  # it may have happened: the sweep decides by the log
    except Exception:
        await edge.platform.people.remove(user_id)
        raise
    return await sign_in(edge, person)


@api.post(f"{PATH}/login_by_password", wire.LoginByPasswordRequest, wire.LoginByPasswordResponse, anonymous=True)
async def login(edge: Edge, req: wire.LoginByPasswordRequest) -> dict[str, Any]:
    """A new session. An unknown e-mail takes as long as a wrong password."""
    email, password = credentials(req)
    reservation = await edge.platform.keys.digest(GLOBAL_SPACE, email)
    user_id = await edge.ask(user_of_email, reservation)
    right = await edge.platform.people.check_password(user_id or "", password)
    if user_id is None:
        raise ApiError(EMAIL_UNKNOWN, "user not exist,email is not registered")
    if not right:
        raise ApiError(WRONG_PASSWORD, "wrong password,password does not match")
    people = await edge.platform.people.get([user_id])
    return await sign_in(edge, people[user_id])


@api.post(f"{PATH}/logout", wire.LogoutRequest, wire.LogoutResponse)
async def logout(edge: Edge, req: wire.LogoutRequest) -> dict[str, Any]:
    """The session ends everywhere; its cookie is worth nothing from now on."""
    await edge.platform.sessions.close(edge.session)
    edge.sign_out()
    return {}


@api.get(f"{PATH}/session", wire.GetUserInfoByTokenRequest, wire.GetUserInfoByTokenResponse)
async def session(edge: Edge, req: wire.GetUserInfoByTokenRequest) -> dict[str, Any]:
    """Who the session belongs to."""
    [shown] = await user_details(edge, [edge.user_id])
    return {"user_info": shown}


async def refuse_early(edge: Edge, command: RegisterUser) -> None:
    """Decides on what the read side knows, before a password is hashed and anything of the person is kept."""
    holder = await edge.ask(user_of_email, command.email_reservation)
    known = User(held={command.email_reservation: holder} if holder else {})
    decide(known, command, Context(now=edge.now(), actor=command.user_id))


async def sign_in(edge: Edge, person: Person) -> dict[str, Any]:
    """Opens a session and gives the browser its cookie."""
    cookie, expires_at = await edge.platform.sessions.open(person.user_id)
    edge.sign_in(cookie, expires_at)
    return signed_in(person, cookie, expires_at, edge.now())
