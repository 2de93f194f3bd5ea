"""The settings of a plug-in, from the table in which a site gives them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.site.problems import one_of, shown
from linewatch.site.secrets import Secret


def read_plugin_settings(where: str, settings_type: type[Any], resolved: Mapping[str, Any]) -> Any:
    """The table as the plug-in's own type; `where` names it in what is told, `resolved` has its secrets looked up.

    Raises `SiteError` with every key that is not one of its own, is missing, or whose value does not fit. A secret is
    never shown.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(settings_type)}
    problems = [
        Problem("site.toml", f"{where} {key}", "an unknown key", one_of(fields, key))
        for key in resolved
        if key not in fields
    ]
    problems += [
        Problem("site.toml", f"{where} {name}", "nothing", "this key is required")
        for name, field in fields.items()
        if field.required and name not in resolved
    ]
    values = {}
    for name, field in fields.items():
        if name not in resolved:
            continue
        try:
            values[field.name] = msgspec.convert(resolved[name], field.type)
        except msgspec.ValidationError as cause:
            found = "a value (not shown)" if isinstance(resolved[name], Secret) else shown(resolved[name])
            problems.append(Problem("site.toml", f"{where} {name}", found, str(cause)))
    if problems:
        raise SiteError(problems)
    try:
        return settings_type(**values)
    except ValueError as cause:
        raise SiteError([Problem("site.toml", where, "settings that do not go together", str(cause))]) from cause
