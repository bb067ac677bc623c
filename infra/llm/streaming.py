"""One streamed answer, piece by piece, with a limit from each piece to the next; closing it ends the call upstream."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from infra.llm.answers import delta, finish_reason, tokens
from infra.llm.attempt import FIXED, Failed, Noted, loaded, step
from infra.llm.port import ANSWER_INVALID, CALL_FAILED, Delta

_END = object()


class Upstream:
    """What the endpoint says. ``next`` until it gives a failure, or the last piece; then, or earlier, ``close``."""

    def __init__(self, client: Any, keywords: Mapping[str, Any], seconds: float) -> None:
        self._client = client
        self._keywords = keywords
        self._seconds = seconds
        self._noted = Noted(streamed=True)
        self._begun = False
        self._chunks: Any = None
        self._reason = ""
        self._tokens = (0, 0)

    async def next(self) -> Delta | Failed:
        """The next piece; the last one has a finish reason. Never raises but for cancellation."""
        if self._chunks is None:
            litellm = await loaded()
            options = {"stream": True, "stream_options": {"include_usage": True}}
            work = litellm.acompletion(client=self._client, timeout=self._seconds, **options, **FIXED, **self._keywords)
            opened = await step(self._noted, work, self._seconds)
            if isinstance(opened, Failed):
                return opened
            self._chunks = opened
        while True:
            chunk = await step(self._noted, anext(aiter(self._chunks), _END), self._seconds)
            if isinstance(chunk, Failed):
                return chunk
            if chunk is _END:
                return self._last()
            self._reason = finish_reason(chunk) or self._reason
            self._tokens = tokens(chunk) or self._tokens
            if piece := delta(chunk):
                self._begun = True
                return piece

    def _last(self) -> Delta | Failed:
        """A reason that litellm made up, because the endpoint gave none, is none."""
        given = getattr(self._chunks, "received_finish_reason", None) or getattr(
            self._chunks, "intermittent_finish_reason", None
        )
        if not given and self._begun:
            return Failed("the answer broke off before its end", CALL_FAILED, retryable=True)
        if not given:
            return Failed("the endpoint's answer is no chat completion", ANSWER_INVALID)
        return Delta(finish_reason=self._reason or "stop", input_tokens=self._tokens[0], output_tokens=self._tokens[1])

    async def close(self) -> None:
        """Ends the call at the endpoint, if it still goes on."""
        with suppress(Exception):
            if self._chunks is not None:
                await self._chunks.aclose()
        for response in self._noted.responses:
            with suppress(Exception):
                await response.aclose()
