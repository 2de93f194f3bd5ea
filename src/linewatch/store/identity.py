"""What a store is of: site, settings, inputs, and the software and machine whose numbers it holds.

Two runs are equal byte for byte only on one set of versions and one processor feature level (other vector units round
otherwise), so both stand in the first entry of the record chain.
"""

import hashlib
import platform
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

# What each level of the x86-64 psABI adds, in the words of /proc/cpuinfo.
_X86_LEVELS: Final = (
    frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"}),
    frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}),
    frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)


class Identity(msgspec.Struct, frozen=True, tag="open"):
    """Payload of an `open` entry: under what the record chain goes on from here."""

    site: str
    """Name of the site."""
    site_id: str
    """Hash of its geometry, sensors and sections."""
    settings_id: str
    """Hash of the settings."""
    inputs_id: str
    """Hash of the recordings replayed; empty for a live watch."""
    package_version: str
    """Version of Linewatch."""
    lock_sha256: str
    """Hash of the versions of all libraries in use (`library_lock`)."""
    cpu_level: str
    """Processor feature level (`cpu_level`)."""


def identity_of(*, site: str, site_id: str, settings_id: str, inputs_id: str, package_version: str) -> Identity:
    """The identity of a run on this machine, with these libraries."""
    return Identity(site, site_id, settings_id, inputs_id, package_version, library_lock(), cpu_level())


@cache
def cpu_level() -> str:
    """`x86-64-v1` to `x86-64-v4` as the psABI names them, or the machine's own name elsewhere."""
    machine = platform.machine()
    if machine not in {"x86_64", "AMD64"}:
        return machine
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return machine
    found = re.search(r"^flags\s*:(.*)$", text, flags=re.MULTILINE)
    flags = frozenset(found.group(1).split()) if found else frozenset()
    level = 1
    for needed in _X86_LEVELS:
        if not needed <= flags:
            break
        level += 1
    return f"x86-64-v{level}"


@cache
def library_lock() -> str:
    """Hash of Python's version and of every library that Linewatch depends on, straight or through another."""
    versions: dict[str, str] = {"python": ".".join(map(str, sys.version_info[:3]))}
    waiting = ["linewatch"]
    while waiting:
        name = _normal(waiting.pop())
        if name in versions:
            continue
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # not for this platform or Python
        # Our own version stands in a field of its own.
        versions[name] = "" if name == "linewatch" else found.version
        waiting += [_name_of(line) for line in found.requires or () if "extra ==" not in line]
    return lock_hash(versions)


def lock_hash(versions: Mapping[str, str]) -> str:
    """Hash of names and versions, one `name==version` a line, sorted by name."""
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
