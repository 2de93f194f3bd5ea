"""From a `[[notify]]` table of a site to a notifier: find the plug-in, read its settings, look up secrets, build it."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from linewatch.errors import PluginError, Problem, SiteError
from linewatch.notify.choice import Choice, check_choice
from linewatch.notify_ports import Notifier, NotifierPlugin
from linewatch.plugins import Card, load
from linewatch.site.model import NotifierSpec, Site
from linewatch.site.plugin_settings import read_plugin_settings
from linewatch.site.problems import shown
from linewatch.site.secrets import resolve_secrets


def notifier_plugin(name: str) -> NotifierPlugin:
    """The plug-in of this name, imported and seen to be one. Raises `PluginError`."""
    plugin = load("notifiers", name)
    settings_type = getattr(plugin, "settings_type", None)
    wrong = [
        f"{part} is {'missing' if getattr(plugin, part, None) is None else 'of another kind'}; allowed: {allowed}"
        for part, allowed, holds in (
            ("card", "a linewatch.plugins.Card", isinstance(getattr(plugin, "card", None), Card)),
            ("settings_type", "a msgspec.Struct type", _is_struct_type(settings_type)),
            ("build", "a function of site, settings and folder", callable(getattr(plugin, "build", None))),
        )
        if not holds
    ]
    if wrong:
        raise PluginError(f"notifiers: plug-in {name!r} is no notifier plug-in: " + "; ".join(wrong))
    found: NotifierPlugin = plugin
    return found


def build_notifier(site: Site, spec: NotifierSpec, environment: Mapping[str, str] | None = None) -> Notifier:
    """One notifier of a site, not yet connected.

    Raises `PluginError` where the plug-in is missing, broken or there twice, `InputError` where its settings do not
    fit or a secret is not where the site says.
    """
    plugin = notifier_plugin(spec.plugin)
    resolved = resolve_secrets(spec.settings, site.folder, environment)
    settings = read_plugin_settings(f"notify {spec.plugin!r}", plugin.settings_type, resolved)
    if isinstance(settings, Choice):
        check_choice(site, spec.plugin, settings)
        if not settings.name:
            settings = msgspec.structs.replace(settings, name=spec.plugin)
    return plugin.build(site, settings, Path(site.folder))


def build_notifiers(site: Site, environment: Mapping[str, str] | None = None) -> tuple[Notifier, ...]:
    """All notifiers of a site. Raises as `build_notifier` does, and where two have one name."""
    notifiers = tuple(build_notifier(site, spec, environment) for spec in site.notifiers)
    twice = [name for name, count in Counter(notifier.name for notifier in notifiers).items() if count > 1]
    if twice:
        raise SiteError(
            [Problem("site.toml", "notify name", shown(name), "a name that no other notifier has") for name in twice]
        )
    return notifiers


def _is_struct_type(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)
