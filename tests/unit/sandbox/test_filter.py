"""The filter, read as the kernel reads it: classic BPF over a `seccomp_data`."""

import struct
import sys

import pytest

if not sys.platform.startswith(("linux", "darwin")):
    pytest.skip("rlimits are Unix's", allow_module_level=True)
from infra.sandbox import lockdown

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LISTED = {
    "x86_64": "0 1 3 5 8 9 10 11 12 13 14 15 24 25 28 35 39 60 96 98 100 131 186 201 202 219 228 229 230 231 318",
    "aarch64": "63 64 57 80 62 222 226 215 214 134 135 139 124 216 233 101 172 93 169 165 153 132 178 98 128 113 114 "
    "115 94 278",
}
MAPPING = {"x86_64": (9, 10), "aarch64": (222, 226)}


def verdict(program: bytes, number: int, audit: int, third: int = 0) -> int:
    """What the program says to this call."""
    seen = struct.pack("=IIQ6Q", number, audit, 0, 0, 0, third, 0, 0, 0)
    lines = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    while True:
        code, yes, no, given = lines[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", seen, given)
        elif code == 0x15:
            at += yes if value == given else no
        elif code == 0x45:
            at += yes if value & given else no
        else:
            assert code == 0x06
            return given


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


def test_the_listed_calls_are_allowed_and_every_other_is_refused_with_eperm(machine):
    program = lockdown.program_for(machine)
    allowed = {n for n in range(1024) if verdict(program, n, MACHINES[machine]) == lockdown.ALLOW}
    refused = {n for n in range(1024) if verdict(program, n, MACHINES[machine]) == 0x00050001}
    assert allowed == {int(n) for n in LISTED[machine].split()}
    assert allowed | refused == set(range(1024))


def test_numbers_of_another_call_convention_are_refused(machine):
    program = lockdown.program_for(machine)
    assert {verdict(program, 0x40000000 | n, MACHINES[machine]) for n in range(600)} == {0x00050001}
    assert verdict(program, 0xFFFFFFFF, MACHINES[machine]) == 0x00050001


def test_a_call_of_another_architecture_kills(machine):
    program = lockdown.program_for(machine)
    others = {0x40000003, 0x40000028, 0, *MACHINES.values()} - {MACHINES[machine]}
    assert {verdict(program, n, audit) for n in range(512) for audit in others} == {0x80000000}


def test_memory_is_never_mapped_to_be_executed(machine):
    program = lockdown.program_for(machine)
    for number in MAPPING[machine]:
        by_protection = {p: verdict(program, number, MACHINES[machine], p) == lockdown.ALLOW for p in range(8)}
        assert by_protection == {p: p < 4 for p in range(8)}


def test_the_filter_fits_the_kernels_jumps():
    for machine in MACHINES:
        assert all(max(yes, no) < 256 for _, yes, no, _ in struct.iter_unpack("=HBBI", lockdown.program_for(machine)))
