import pytest

from infra.sandbox import SandboxCodeRunner


@pytest.fixture
async def runner():
    """What the platform would use, closed at the end."""
    made = SandboxCodeRunner()
    yield made
    await made.close()
