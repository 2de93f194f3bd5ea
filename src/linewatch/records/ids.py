"""Ids that are the same on every replay: hashes of content, never counters or random numbers."""

import hashlib

ID_LENGTH = 16


def content_id(kind: str, *parts: str | int) -> str:
    """Hex id of these parts; every part is length-prefixed so that no two part lists collide by joining."""
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        raw = str(part).encode()
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return digest.hexdigest()[:ID_LENGTH]


def incident_id(site: str, line: str, section: str, tick_time_ns: int, first_detection: str) -> str:
    """Id of an incident, fixed when it is raised. Settings are not in it, so that replays under new rules compare."""
    return content_id("incident", site, line, section, tick_time_ns, first_detection)


def track_id(line: str, section: str, first_detection: str) -> str:
    """Id of a track, fixed at its first detection."""
    return content_id("track", line, section, first_detection)


def outage_id(line: str, cause: str, sensors: tuple[str, ...], start_ns: int) -> str:
    """Id of an outage, fixed when it is noticed."""
    return content_id("outage", line, cause, *sensors, start_ns)
