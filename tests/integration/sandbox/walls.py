"""Where the sandbox can be tested at all."""

import os
import platform
import sys

import pytest

MACHINES = ("x86_64", "aarch64")
needs_linux = pytest.mark.skipif(
    sys.platform != "linux" or (platform.machine() not in MACHINES and os.environ.get("CI") != "true"),
    reason="the sandbox's walls are the Linux kernel's, on x86-64 and aarch64; elsewhere code evaluators are refused",
)
