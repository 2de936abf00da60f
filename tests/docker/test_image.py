"""The Dockerfile, compose.yaml, the pinned requirements and the program agree."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import PurePosixPath

import pytest
import typer.main
import yaml
from docker.files import COMPOSE, DEMANDED, ROOT, VARIABLE, instructions, only, services, variables, words

from speaker_search.cli.commands.serve import serve
from speaker_search.cli.program import app
from speaker_search.settings import Settings


def pins(part: str) -> dict[str, set[str]]:
    """The hashes of each requirement of a part of the image, by name, version and marker."""
    program = [sys.executable, ROOT / "docker" / "pins.py", part]
    return hashes(subprocess.run(program, capture_output=True, check=True, encoding="utf-8").stdout)


def hashes(requirements: str) -> dict[str, set[str]]:
    found = re.findall(r"^(\w[^\\]*?) \\\n((?:    --hash.*\n)+)", requirements, re.M)
    return {pin: set(re.findall(r"--hash=(sha256:\w{64})", lines)) for pin, lines in found}


def names(pinned: dict[str, set[str]]) -> set[str]:
    return {pin.split("==")[0] for pin in pinned}


def test_images_are_pinned_by_tag_and_digest() -> None:
    """But for Milvus, whose tag names a release."""
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM" and ":" in rest]
    images = [*bases, services()["db"]["image"]]
    assert len(bases) == 1
    assert [image for image in images if not re.fullmatch(r"\w+:[\d.]+-[\w-]+@sha256:[0-9a-f]{64}", image)] == []


def test_the_pins_of_both_images_are_those_of_a_checkout() -> None:
    """And of the extras for servers. The CPU image has other builds of torch and FAISS, the same releases, and nothing
    of CUDA.
    """
    run, image = (hashes((ROOT / f"scripts/requirements/{kind}.txt").read_text("utf-8")) for kind in ("run", "image"))
    cuda, cpu, build = (pins(part) for part in ("cuda", "cpu", "build"))
    assert {pin.split(" ")[0] for pin in run} < {pin.split(" ")[0] for pin in image}
    assert names(image) - names(run) >= {"pymilvus", "s3fs"}
    assert image == cuda | build
    assert all(image.values())
    assert names(cuda) & names(build) == {"packaging"}
    release = {pin.split(" ")[0] for pin in image}
    assert {pin.split(" ")[0].removesuffix("+cpu") for pin in cpu} <= release
    left_out = names(cuda) - names(cpu)
    assert {name for name in left_out if not name.startswith(("nvidia-", "cuda-"))} == {"triton", "faiss-gpu"}
    changed = {pin for pin, found in cpu.items() if cuda.get(pin) != found}
    assert names({pin: set() for pin in changed}) == {"torch", "torchaudio", "faiss-cpu"}
    assert all(cpu[pin] for pin in changed)
    assert "faiss-cpu" in {pin.split("==")[0] for pin in changed if ";" not in pin}


def test_no_image_holds_what_builds_the_package() -> None:
    group = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]["build"]
    builders = [*group, *(line for line in metadata.requires("hatchling") or [] if "python_version" not in line)]
    assert names(pins("build")) == {re.split(r"[^\w-]", line)[0] for line in builders}


def test_what_is_copied_into_the_image_exists_and_reaches_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert copied == sent
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_the_image_ends_as_a_user_without_rights_that_owns_the_home() -> None:
    user = only("USER").split(":")[0]
    made = next(rest for word, rest in instructions() if word == "RUN" and "useradd" in rest)
    assert user == "1000"
    assert f"useradd --uid {user} --create-home spksearch" in made
    assert f"install -d -o spksearch -g spksearch {variables()['SPKSEARCH_HOME']}" in made


def test_image_compose_file_and_program_name_the_same_places_and_settings() -> None:
    environment, wanted = variables(), services()
    known = {f"SPKSEARCH_{name.upper()}" for name in Settings.model_fields}
    named = {name for name in [*environment, *wanted["server"]["environment"]] if name.startswith("SPKSEARCH_")}
    assert named <= known
    home = environment["SPKSEARCH_HOME"]
    assert words("VOLUME") == [home]
    assert PurePosixPath(home) in PurePosixPath(environment["HF_HOME"]).parents
    volumes = yaml.safe_load(COMPOSE)["volumes"]
    for name in ("server", "worker", "gpu-worker"):
        kept, voices = wanted[name]["volumes"]
        assert kept.split(":")[1] == home
        assert kept.split(":")[0] in volumes
        assert (voices["target"], voices["read_only"]) == (environment["SPKSEARCH_INGEST_ROOTS"], True)
        build = wanted[name]["build"]
        stages = [rest.split()[-1] for word, rest in instructions() if word == "FROM"]
        assert build["target"] in stages
        assert (ROOT / "docker" / build["context"] / build["dockerfile"]).resolve() == ROOT / "docker" / "Dockerfile"
        assert wanted[name]["image"].split(":")[1] == build["target"]


def test_a_server_is_reached_from_its_own_machine_only() -> None:
    """Inside its container it listens on all interfaces; nothing else does, and the database publishes no port."""
    port = inspect.signature(serve).parameters["port"].default
    (published,) = services()["server"]["ports"]
    assert (published["host_ip"], published["target"]) == ("127.0.0.1", port)
    assert only("EXPOSE") == str(port)
    assert f"'127.0.0.1', {port}" in words("HEALTHCHECK")[-1]
    assert {name for name, service in services().items() if "ports" in service} == {"server"}
    assert words("CMD") == ["serve"]
    assert services()["server"]["command"][1:] == ["--host", "0.0.0.0"]  # noqa: S104 - within the container
    assert services()["worker"]["command"] == services()["gpu-worker"]["command"] == ["worker"]


def test_the_commands_are_those_of_the_program() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert words("ENTRYPOINT") == ["spksearch"]
    assert {services()[name]["command"][0] for name in ("server", "worker")} == {"serve", "worker"} <= known
    assert services()["worker"]["restart"] == "unless-stopped"


def test_no_key_and_no_password_has_a_default() -> None:
    asked = {name for name, kind, _ in VARIABLE.findall(COMPOSE) if kind == ":?"}
    assert asked == set(DEMANDED)
    for name in DEMANDED:
        with pytest.raises(AssertionError, match=name):
            services({other: value for other, value in DEMANDED.items() if other != name})
    served, database = services()["server"], services()["db"]
    assert served["environment"]["PGPASSWORD"] == database["environment"]["POSTGRES_PASSWORD"] == "sesame"
    assert served["environment"]["SPKSEARCH_API_KEYS"] == "a-key"
    user, name = (database["environment"][f"POSTGRES_{part}"] for part in ("USER", "DB"))
    assert served["environment"]["SPKSEARCH_DATABASE_URL"] == f"postgresql://{user}@db/{name}"


def test_no_file_names_a_package_index() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "docker").iterdir() if path.is_file()]
    assert set(re.findall(r"\w+://", "".join(texts))) == {"postgresql://", "milvus://", "http://"}
    assert set(re.findall(r"http://([\w.]+)", "".join(texts))) == {"127.0.0.1"}


def test_the_compose_file_keeps_to_its_schema() -> None:
    checked = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*checked, ROOT / "docker" / "compose.yaml"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_profiles_add_a_worker_on_gpus_and_milvus() -> None:
    profiles = {name: service["profiles"] for name, service in services().items() if "profiles" in service}
    assert profiles == {"gpu-worker": ["gpu"], "milvus": ["milvus"]}
    (devices,) = services()["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert (devices["driver"], devices["capabilities"]) == ("nvidia", ["gpu"])
    url = {**DEMANDED, "SPKSEARCH_INDEX_URL": "milvus://milvus:19530"}
    for name in ("server", "worker", "gpu-worker"):
        assert services()[name]["environment"]["SPKSEARCH_INDEX_URL"] == ""
        assert services(url)[name]["environment"]["SPKSEARCH_INDEX_URL"] == "milvus://milvus:19530"
    assert services({**DEMANDED, "SPKSEARCH_WORKERS": "4"})["worker"]["deploy"]["replicas"] == 4
