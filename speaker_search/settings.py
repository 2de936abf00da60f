"""The one place that reads the environment: SPKSEARCH_*. Flags win over it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from speaker_search.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

#: The colon of s3:// separates nothing, nor one before a secret: such an address is refused as a whole.
_PATHSEP = re.compile(rf"{re.escape(os.pathsep)}(?!//)(?![^:/\\~][^:]*@)")


class Settings(BaseSettings):
    """What a run needs to know before it starts."""

    model_config = SettingsConfigDict(env_prefix="SPKSEARCH_", env_ignore_empty=True, frozen=True)

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("spksearch", appauthor=False),
        description="Folder of the catalog and the index.",
    )
    database_url: str | None = Field(
        default=None, description="sqlite:///FILE or postgresql://USER@HOST/NAME. Default: SQLite in the home."
    )
    index_url: SecretStr = Field(
        default=SecretStr(""),
        description="milvus://USER:PASSWORD@HOST:PORT/DATABASE, or milvuss:// with TLS: the Milvus server that keeps "
        "the index. Default: files in the home.",
    )
    encoder: str | None = Field(
        default=None,
        description="Encoder to use. Default: the adopted space or the catalog's only one, else anime-va if its "
        "weights are on this machine, else campplus.",
    )
    checkpoint: Path | None = Field(
        default=None,
        description="The encoder's weights instead of the published ones: a file, or a folder laid out like the model "
        "hub's cache.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="Where encoders run: auto, cpu or cuda.")
    api_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Comma-separated keys, each NAME:SCOPE:KEY with the scope read or edit; KEY may be sha256:HEX. "
        "When set, every request under /v1 must carry one.",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key that `doctor --server` sends. Default: the first of SPKSEARCH_API_KEYS that is not a hash.",
    )
    rate_limit: str = Field(
        default="6000/minute", description="Requests that each key may send, such as 100/second. Default: 6000/minute."
    )
    hosts: str = Field(
        default="",
        description="Comma-separated host names that the server answers to, besides localhost. Default: only localhost "
        "where it listens on localhost, else all names.",
    )
    origins: str = Field(
        default="",
        description="Comma-separated origins, such as https://voices.example, whose pages may use the API (CORS).",
    )

    archive_password: SecretStr = Field(default=SecretStr(""), description="Password of .7z and .zip archives.")
    archive_password_file: Path | None = Field(
        default=None, description="File whose first line is that password, to keep it out of the environment."
    )
    ingest_roots: str = Field(
        default="",
        description=f"Folders and addresses in object storage, separated by `{os.pathsep}`, that POST /v1/ingest may "
        "read. Default: none.",
    )

    @field_validator("home", "checkpoint", "archive_password_file")
    @classmethod
    def _of_the_user(cls, path: Path | None) -> Path | None:
        return None if path is None else _expanded(path)

    @field_validator("database_url")
    @classmethod
    def _file_of_the_user(cls, url: str | None) -> str | None:
        scheme, separator, file = (url or "").partition(":///")
        if not scheme.startswith("sqlite") or not file.startswith("~"):
            return url
        return f"{scheme}{separator}{_expanded(Path(file))}"

    @field_validator("ingest_roots")
    @classmethod
    def _folders_of_the_user(cls, roots: str) -> str:
        parts = (part for part in _PATHSEP.split(roots) if part.strip())
        return os.pathsep.join(part.strip() if "://" in part else str(_expanded(Path(part))) for part in parts)

    @property
    def url(self) -> str | URL:
        """Where the catalog is. The URL is built from parts, so that special characters in the path are literal."""
        from sqlalchemy.engine import URL  # takes a fifth of a second to import

        return self.database_url or URL.create("sqlite", database=str(self.home.absolute() / "catalog.db"))

    @property
    def keys(self) -> list[str]:
        """The API keys, as they are set. Raises UsageError when there is none, which would leave the server open."""
        given = self.api_keys.get_secret_value()
        keys = _listed(given)
        if given and not keys:
            raise UsageError("SPKSEARCH_API_KEYS is set but contains no key.", "Set one or more, or unset it.")
        return keys

    @property
    def client_key(self) -> str | None:
        """The key to send to a server; None where none is set."""
        own = [
            entry.rpartition(":")[2] for entry in _listed(self.api_keys.get_secret_value()) if "sha256:" not in entry
        ]
        return self.api_key.get_secret_value() or next(iter(own), None)

    @property
    def host_names(self) -> list[str]:
        """The host names that a server answers to; [] for the default."""
        return _listed(self.hosts)

    @property
    def page_origins(self) -> list[str]:
        """The origins whose pages may use the API."""
        return _listed(self.origins)

    @property
    def password(self) -> str | None:
        """The archives' password. Raises UsageError when its file cannot be read."""
        if self.archive_password_file is None:
            return self.archive_password.get_secret_value() or None
        try:
            lines = self.archive_password_file.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"The password file {self.archive_password_file} cannot be read.",
                "Check SPKSEARCH_ARCHIVE_PASSWORD_FILE.",
            ) from error
        return lines[0].removesuffix("\r") or None

    @property
    def ingest_places(self) -> list[str]:
        """The folders and addresses that a server may ingest from, as they are written."""
        return [part for part in _PATHSEP.split(self.ingest_roots) if part]


def _listed(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _expanded(path: Path) -> Path:
    """With `~` as a shell would read it: a service's settings never go through one. Raises ValueError."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("nobody here is called so") from error


def load(**flags: object) -> Settings:
    """Read the settings from the environment; `flags` that are not None override them. Raises UsageError."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The setting {name} (SPKSEARCH_{name.upper()}) cannot be {first['input']!r}.",
            Settings.model_fields[name].description or "",
        ) from error


def share_figures(folder: str) -> None:
    """Have the processes that this one starts add up what they count in a folder, by prometheus_client's variable."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


def figures_folder() -> str | None:
    """Where this process adds what it counts to what others count; None for one that counts alone."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR")
