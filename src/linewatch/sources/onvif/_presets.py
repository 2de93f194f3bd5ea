"""Presets of a camera: read from it, and gone to. Nothing here decides to move one."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from onveef import OnvifClient

from linewatch.errors import InputError

MOST: Final = 300
"""More presets than that are not listed."""
_MOST_NAME: Final = 100


class Preset(NamedTuple):
    """One."""

    name: str
    """What people call it: its own name, or its token where that is empty or stands for several."""
    token: str
    """What the camera calls it."""
    profile: str
    """Token of the media profile by which it is reached."""


def presets_of(client: OnvifClient) -> list[Preset]:
    """The camera's presets, in its order. Raises `OnvifError` where it cannot be turned."""
    profile = _profile(client)
    read = [(str(each["token"]), _named(each)) for each in client.ptz_get_presets(profile_token=profile)][:MOST]
    names = Counter(name for _, name in read)
    return [Preset(name if name and names[name] == 1 else token, token, profile) for token, name in read if token]


def go_to(client: OnvifClient, presets: Sequence[Preset], wanted: str) -> str:
    """Send the camera to a preset by name or token, and say so. Raises `InputError` for one that it does not have."""
    by_name = next((each for each in presets if each.name == wanted), None)
    found = by_name or next((each for each in presets if each.token == wanted), None)
    if found is None:
        allowed = ", ".join(each.name for each in presets[:20]) or "none, as the camera has no presets"
        raise InputError(f"preset: found {wanted!r}; allowed: {allowed}")
    client.ptz_goto_preset(profile_token=found.profile, preset_token=found.token)
    return f"sent to the preset {found.name!r}"


def _profile(client: OnvifClient) -> str:
    """The first media profile by which the camera can be turned, else the first."""
    profiles = client.get_profiles()
    turning = [profile for profile in profiles if profile.get("ptz")]
    return str(next((profile["token"] for profile in (*turning, *profiles)), ""))


def _named(preset: dict[str, Any]) -> str:
    return str(preset.get("name") or "").strip()[:_MOST_NAME]
