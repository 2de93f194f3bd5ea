"""From a `[[source]]` table of a site to a source: find the plug-in, read its settings, build it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from linewatch.errors import PluginError, Problem, SiteError
from linewatch.plugins import Card, load
from linewatch.ports import Source, SourcePlugin
from linewatch.site.model import Site, SourceSpec
from linewatch.site.secrets import Secret, resolve_secrets
from linewatch.sources._nearest import nearest


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


def read_settings(plugin: SourcePlugin, spec: SourceSpec, resolved: Mapping[str, Any] | None = None) -> Any:
    """The settings of a source as its plug-in wants them; `resolved` are those of `spec` with secrets looked up.

    Raises `SiteError` with every key that is not one of its own, is missing, or whose value does not fit.
    """
    written = spec.settings if resolved is None else resolved
    fields = {field.encode_name: field for field in msgspec.structs.fields(plugin.settings_type)}
    where = f"source {spec.plugin!r}"
    problems = [
        Problem("site.toml", f"{where} {key}", "an unknown key", nearest(key, fields, "no key but plugin"))
        for key in spec.settings
        if key not in fields
    ]
    problems += [
        Problem("site.toml", f"{where} {name}", "nothing", "this key is required")
        for name, field in fields.items()
        if field.required and name not in spec.settings
    ]
    values = {}
    for name, field in fields.items():
        if name in written:
            try:
                values[field.name] = msgspec.convert(written[name], field.type)
            except msgspec.ValidationError as cause:
                found = "a value (not shown)" if isinstance(written[name], Secret) else repr(written[name])
                problems.append(Problem("site.toml", f"{where} {name}", found, str(cause)))
    if problems:
        raise SiteError(problems)
    try:
        return plugin.settings_type(**values)
    except ValueError as cause:
        raise SiteError([Problem("site.toml", where, "settings that do not go together", str(cause))]) from cause


def build_source(
    site: Site, spec: SourceSpec, environment: Mapping[str, str] | None = None, *, only_listening: bool = False
) -> Source:
    """One source of a site, ready to be polled; with `only_listening` one that leaves a watch beside it in peace.

    Raises `PluginError` where the plug-in is missing, broken or there twice, `InputError` where its settings do not
    fit or a secret is not where the site says.
    """
    plugin = source_plugin(spec.plugin)
    resolved = resolve_secrets(spec.settings, site.folder, environment)
    settings = read_settings(plugin, spec, resolved)
    build = getattr(plugin, "listening", plugin.build) if only_listening else plugin.build
    source: Source = build(site, settings, Path(site.folder))
    return source


def _is_struct_type(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)


def _kind(value: Any) -> str:
    return "missing" if value is None else f"a {type(value).__name__}"
