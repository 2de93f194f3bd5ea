"""From a `[[source]]` table of a site to a source: find the plug-in, read its settings, build it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from linewatch.errors import PluginError
from linewatch.plugins import Card, load
from linewatch.ports import Source, SourcePlugin
from linewatch.site.model import Site, SourceSpec
from linewatch.site.plugin_settings import read_plugin_settings
from linewatch.site.secrets import resolve_secrets


def source_plugin(name: str) -> SourcePlugin:
    """The plug-in of this name, imported and seen to be one. Raises `PluginError`."""
    plugin = load("sources", name)
    wrong = [
        f"{part} is {_kind(getattr(plugin, part, None))}; allowed: {allowed}"
        for part, allowed, holds in (
            ("card", "a linewatch.plugins.Card", isinstance(getattr(plugin, "card", None), Card)),
            ("settings_type", "a msgspec.Struct type", _is_struct_type(getattr(plugin, "settings_type", None))),
            ("build", "a function of site, settings and folder", callable(getattr(plugin, "build", None))),
        )
        if not holds
    ]
    if wrong:
        raise PluginError(f"sources: plug-in {name!r} is no source plug-in: " + "; ".join(wrong))
    found: SourcePlugin = plugin
    return found


def build_source(
    site: Site, spec: SourceSpec, environment: Mapping[str, str] | None = None, *, only_listening: bool = False
) -> Source:
    """One source of a site, ready to be polled; with `only_listening` one that leaves a watch beside it in peace.

    Raises `PluginError` where the plug-in is missing, broken or there twice, `InputError` where its settings do not
    fit or a secret is not where the site says.
    """
    plugin = source_plugin(spec.plugin)
    resolved = resolve_secrets(spec.settings, site.folder, environment)
    settings = read_plugin_settings(f"source {spec.plugin!r}", plugin.settings_type, resolved)
    build = getattr(plugin, "listening", plugin.build) if only_listening else plugin.build
    source: Source = build(site, settings, Path(site.folder))
    return source


def _is_struct_type(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)


def _kind(value: Any) -> str:
    return "missing" if value is None else f"a {type(value).__name__}"
