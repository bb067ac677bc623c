"""compose.yaml: pinned images, health checks, settings that exist, and what is not wired says so."""

import re
from pathlib import Path

import pytest
import yaml

from cozeloop.settings import Settings
from docs.generate import environment_name

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSED = yaml.safe_load(TEXT)
SERVICES = COMPOSED["services"]
PARTS = {"nats", "postgres", "mariadb", "clickhouse", "redis", "minio", "cozeloop"}


def test_every_part_of_the_distributed_shape_is_there():
    assert {name.partition("-")[0] for name in SERVICES} == PARTS
    assert len([name for name in SERVICES if name.startswith("nats-")]) in (1, 3)


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name):
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image and re.search(r"\d+\.\d+\.\d+|\d+\.\d+|RELEASE\.\d{4}", tag), SERVICES[name]["image"]
    assert "latest" not in tag


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_that_ends(name):
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL") and len(check["test"]) > 1
    assert {"interval", "timeout", "retries"} <= set(check)


def test_what_waits_for_others_waits_until_they_are_healthy():
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"} and name in SERVICES


def test_every_setting_that_it_names_exists():
    known = {environment_name(name) for name in Settings.model_fields}
    named = {n for s in SERVICES.values() for n in s.get("environment", {}) if n.startswith("COZELOOP_")}
    named |= set(re.findall(r"\b(COZELOOP_[A-Z_]+)", TEXT)) | set(
        re.findall(r"\b(COZELOOP_[A-Z_]+)", (ROOT / "infra" / "Dockerfile").read_text())
    )
    assert named <= known


def test_every_volume_is_declared_and_used():
    used = {v.partition(":")[0] for s in SERVICES.values() for v in s.get("volumes", ())}
    assert used == set(COMPOSED["volumes"])


def test_no_password_stands_in_it():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD$|AUTH$", name) and "RANDOM" not in name:
                assert str(value).startswith("${"), name


def test_only_the_platform_listens_outside_and_only_on_this_machine():
    listening = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert listening == {"cozeloop": ["127.0.0.1:8888:8888"]}


def test_what_is_not_wired_says_so_and_does_not_start():
    assert "NOT WIRED: the log on the NATS cluster" in TEXT
    idle = [s for name, s in SERVICES.items() if name.startswith("nats-")]
    assert all(s["profiles"] == ["log"] for s in idle)
    assert not any("NATS" in name for name in SERVICES["cozeloop"]["environment"])


def test_the_image_s_python_is_pinned():
    lines = (ROOT / "infra" / "Dockerfile").read_text().splitlines()
    assert {re.sub(r" AS \w+$", "", line) for line in lines if line.startswith("FROM ")} == {
        "FROM python:3.11.13-slim-bookworm"
    }
