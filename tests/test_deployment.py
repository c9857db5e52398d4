"""The files in deploy/ are of one piece: with each other, with the image, and with the hub's settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from llm_hub.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SETTINGS = {f"LLM_HUB_{name.upper()}" for name in Settings.model_fields}
ENDING = 4
"""Seconds that a hub takes to end after its answers."""


def seconds(text: object) -> int:
    return int(str(text).removesuffix("s"))


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def hubs() -> list[dict[str, Any]]:
    return [service for name, service in compose()["services"].items() if name.startswith("hub-")]


def test_the_hubs_of_the_compose_file_are_this_repositorys_image_and_settings() -> None:
    for hub in hubs():
        assert (DEPLOY / hub["build"] / "Dockerfile").exists()
        assert f"docker build -t {hub['image']} " in (ROOT / "Dockerfile").read_text()
        assert {name for name in hub["environment"] if name.startswith("LLM_HUB_")} <= SETTINGS
        assert seconds(hub["stop_grace_period"]) > seconds(hub["environment"]["LLM_HUB_SHUTDOWN_TIMEOUT"]) + ENDING
        assert hub["depends_on"].keys() <= compose()["services"].keys()


def test_nginx_asks_every_hub_and_waits_as_long_as_a_hub_does() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    addresses = [f"{hub['networks']['hubs']['ipv4_address']}:{hub['environment']['LLM_HUB_PORT']}" for hub in hubs()]
    assert len(addresses) == 2
    for upstream in re.findall(r"upstream \w+ \{(.*?)\}", text, re.DOTALL):
        assert re.findall(r"server (\S+)", upstream) == addresses
    (read_timeout,) = re.findall(r"proxy_read_timeout (\d+)s;", text)
    assert int(read_timeout) > Settings.model_fields["total_timeout"].default
    nginx = compose()["services"]["nginx"]
    assert nginx["networks"]["hubs"]["ipv4_address"] == hubs()[0]["environment"]["FORWARDED_ALLOW_IPS"]
    assert nginx["ports"] == ["7860:80"]
    assert "listen 80;" in text


def test_the_kubernetes_file_waits_for_answers_and_asks_what_the_hub_has() -> None:
    documents = {
        (document["kind"], document["metadata"]["name"]): document
        for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    }
    pod = documents["Deployment", "llm-hub"]["spec"]["template"]["spec"]
    (hub,) = pod["containers"]
    environment = {entry["name"]: entry["value"] for entry in hub["env"]}
    assert {name for name in environment if name.startswith("LLM_HUB_")} <= SETTINGS
    before = int(hub["lifecycle"]["preStop"]["exec"]["command"][-1])
    answers = int(environment["LLM_HUB_SHUTDOWN_TIMEOUT"])
    assert pod["terminationGracePeriodSeconds"] > before + answers + ENDING
    redis = environment["LLM_HUB_REDIS_URL"].split("//")[1].split(":")[0]
    assert ("Service", redis) in documents
    for probe in ("readinessProbe", "livenessProbe"):
        assert hub[probe]["httpGet"]["port"] == hub["ports"][0]["containerPort"] == 7860
    for ingress in ("llm-hub-api", "llm-hub-page"):
        (rule,) = documents["Ingress", ingress]["spec"]["rules"]
        assert rule["host"] == environment["LLM_HUB_ALLOWED_HOSTS"]
        assert ("Service", rule["http"]["paths"][0]["backend"]["service"]["name"]) in documents
