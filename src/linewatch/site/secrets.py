"""Secrets: a site refers to them, by `{ env = "NAME" }` or `{ file = "PATH" }`, and never holds one.

References go through a site as they are written. Only `resolve_secrets` looks behind them, for the one plug-in that
needs what is there.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from linewatch.errors import SiteError
from linewatch.site.problems import Findings, read_text

REFERENCE: Final = '{ env = "NAME" } or { file = "PATH" }, never the secret itself'
_HIDDEN: Final = "a literal value (not shown)"
_SECRET_KEY: Final = re.compile(
    r"(^|_)(password|passwd|passphrase|pwd|secret|token|credential|bearer|authorization|psk|apikey)s?(_file)?\d*$"
    r"|(^|_)(api|access|private|secret|signing|client|server|ssh|tls|ssl|encryption|shared)_keys?(_file)?\d*$"
    r"|(^|_)key_?file$"
)
# A user with a password, or a secret parameter, inside an address; a private key; an Authorization header.
_SECRET_TEXT: Final = re.compile(
    r"^[a-z][a-z0-9+.-]*://[^/?#@\s]*:[^/?#@\s]+@"
    r"|[?&;](password|passwd|pwd|secret|token|access_token|api_?key|auth|sig|signature)=[^&;\s]"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|^(Bearer|Basic)\s+\S",
    re.IGNORECASE,
)
_LONGEST_BYTES: Final = 65_536


class Secret(str):
    """A secret in memory: the text itself for whoever needs it, but nothing in a traceback, a list or a log of one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(not shown)"


def is_reference(value: Any) -> bool:
    """Whether a value is a reference to a secret: a table of exactly `env` or `file`, with a name."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    ((key, name),) = value.items()
    return key in ("env", "file") and isinstance(name, str) and bool(name)


def is_secret_key(key: str) -> bool:
    """Whether something of this name is taken for a secret: password, api_key, accessToken, key_file, ..."""
    return _SECRET_KEY.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").lower()) is not None


def holds_secret(text: str) -> bool:
    """Whether a text itself gives a secret away: an address with a password, a private key, an authorisation."""
    return _SECRET_TEXT.search(text) is not None


def find_literal_secrets(findings: Findings, file: str, prefix: str, settings: Mapping[str, Any]) -> None:
    """Report each secret that stands in the settings as such. What it is goes into no report."""
    for path in _literal_secrets(settings, secret=False):
        findings.add(file, prefix + path, _HIDDEN, REFERENCE)


def _literal_secrets(value: Any, *, secret: bool) -> Iterator[str]:
    """Keys of literal secrets; `secret` where a key further up says that everything below is one."""
    if is_reference(value):
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            for path in _literal_secrets(inner, secret=secret or is_secret_key(key)):
                yield key + path if path.startswith("[") or not path else f"{key}.{path}"
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            for path in _literal_secrets(inner, secret=secret):
                yield f"[{number}]" + (f".{path}" if path and not path.startswith("[") else path)
    elif secret or (isinstance(value, str) and holds_secret(value)):
        yield ""


def resolve_secrets(
    settings: Mapping[str, Any], folder: str | Path, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A copy of the settings in which each reference is replaced by what it refers to, as a `Secret`.

    Files are looked for from `folder`; the line end after their text is not part of the secret. Raises `SiteError`
    with every reference that leads nowhere.
    """
    findings = Findings()
    looked_up = os.environ if environment is None else environment
    # The table itself is no reference, though a source may well have one setting and call it "file".
    resolved = {key: _resolved(value, Path(folder), looked_up, findings) for key, value in settings.items()}
    if findings.problems:
        raise SiteError(findings.problems)
    return resolved


def _resolved(value: Any, folder: Path, environment: Mapping[str, str], findings: Findings) -> Any:
    if is_reference(value):
        ((kind, name),) = value.items()
        return _from_environment(name, environment, findings) if kind == "env" else _from_file(name, folder, findings)
    if isinstance(value, Mapping):
        return {key: _resolved(inner, folder, environment, findings) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, folder, environment, findings) for inner in value]
    return value


def _from_environment(name: str, environment: Mapping[str, str], findings: Findings) -> Secret | None:
    text = environment.get(name, "")
    if not text:
        found = "an empty variable" if name in environment else "no such variable"
        findings.add("environment", name, found, "a variable that holds the secret")
        return None
    return Secret(text)


def _from_file(name: str, folder: Path, findings: Findings) -> Secret | None:
    what = "a file that holds the secret"
    path = folder / name
    if path.is_file() and path.stat().st_size > _LONGEST_BYTES:
        findings.add(name, "file", f"{path.stat().st_size} bytes", f"{what}, of at most {_LONGEST_BYTES} bytes")
        return None
    text = read_text(findings, path, name, what)
    if text is None:
        return None
    if not (secret := text.rstrip("\r\n")):
        findings.add(name, "file", "an empty file", what)
        return None
    return Secret(secret)


def without_references(value: Any) -> Any:
    """A copy in which references to secrets are left out: for hashes, which must not change with where one lies."""
    if isinstance(value, Mapping):
        return {key: without_references(inner) for key, inner in value.items() if not is_reference(inner)}
    if isinstance(value, list | tuple):
        return [without_references(inner) for inner in value if not is_reference(inner)]
    return value
