"""What the log knows of personal access tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from commands.tokens.decide import LONGEST_LIFE
from commands.tokens.messages import CreateToken, RevokeToken, TokenExpiryInvalid, TokenMissing, TokenNotYours
from events.event import Stream
from events.tokens import TokenCreated, TokenRevoked
from projections.reading import micros
from projections.tokens.tokens import TOKENS, good_tokens
from tests.projected import Projected
from tests.specification import ACTOR, NOW, given

TOMORROW = micros(NOW + timedelta(days=1))
CREATED = TokenCreated(token_id="5", user_id=ACTOR, expire_at=TOMORROW)


def test_a_token_is_created_for_the_caller() -> None:
    given().when(CreateToken(token_id="5", expire_at=TOMORROW)).then(CREATED)


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(seconds=-1), LONGEST_LIFE + timedelta(seconds=1)])
def test_a_token_expires_in_the_future_and_not_beyond_a_lifetime(ahead: timedelta) -> None:
    given().when(CreateToken(token_id="5", expire_at=micros(NOW + ahead))).then_refused(TokenExpiryInvalid, "expire_at")


def test_a_permanent_token_is_one_of_the_longest_life() -> None:
    given().when(CreateToken(token_id="5", expire_at=micros(NOW + LONGEST_LIFE))).then_happened(TokenCreated)


def test_the_owner_revokes_a_token_once() -> None:
    revoked = given(CREATED).when(RevokeToken(token_id="5")).then(TokenRevoked(token_id="5"))
    revoked.when(RevokeToken(token_id="5")).then_nothing_happened()


def test_nobody_else_revokes_a_token() -> None:
    given(CREATED).when(RevokeToken(token_id="5"), by="8").then_refused(TokenNotYours)


def test_a_token_that_never_was_cannot_be_revoked() -> None:
    given().when(RevokeToken(token_id="5")).then_refused(TokenMissing)


def test_a_revoked_token_is_no_longer_good() -> None:
    tokens = Projected(TOKENS).happened(Stream("_", "tokens", "5"), CREATED)
    tokens.happened(Stream("_", "tokens", "6"), CREATED.model_copy(update={"token_id": "6"}))
    assert tokens.query(good_tokens, ["5", "6", "7"]) == {"5", "6"}
    tokens.happened(Stream("_", "tokens", "5"), TokenRevoked(token_id="5"))
    assert tokens.query(good_tokens, ["5", "6", "7"]) == {"6"}
