"""What docker/ says: the Dockerfile's instructions, and the services of compose.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker" / "compose.yaml").read_text("utf-8")
#: What compose.yaml demands of those who use it.
DEMANDED = {"SPKSEARCH_DATABASE_PASSWORD": "sesame", "SPKSEARCH_API_KEYS": "a-key", "SPKSEARCH_VOICES": "/some/voices"}
VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with the rest of its line, in their order."""
    lines = (ROOT / "docker" / "Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", "")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line]


def only(instruction: str) -> str:
    """The rest of an instruction that is there once."""
    (rest,) = (rest for word, rest in instructions() if word == instruction)
    return rest


def words(instruction: str) -> list[str]:
    """The list of an instruction in exec form."""
    found: list[str] = json.loads(only(instruction).split("CMD ")[-1])
    return found


def variables() -> dict[str, str]:
    """The environment of a container."""
    return dict(part.split("=", 1) for word, rest in instructions() if word == "ENV" for part in rest.split())


def services(given: Mapping[str, str] = DEMANDED) -> dict[str, Any]:
    """The services as Compose reads them in an environment."""

    def value(found: re.Match[str]) -> str:
        name, kind, otherwise = found.groups()
        assert name in given or kind == ":-", found[0]
        return given.get(name, otherwise)

    read: dict[str, Any] = yaml.safe_load(VARIABLE.sub(value, COMPOSE))
    for service in read["services"].values():  # Compose puts values in when the file has been read: empty, not null
        service["environment"] = {name: text or "" for name, text in service["environment"].items()}
    return dict(read["services"])
