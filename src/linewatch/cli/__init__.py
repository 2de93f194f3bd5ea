"""The command line: one file per verb, each thin (parse, call, print).

Exit status: 0 done, 1 a check did not hold, 2 bad use or bad input (clear lines on stderr, no traceback).
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from linewatch import __version__
from linewatch.errors import LinewatchError

_VERBS: Final = {
    "demo": "a small scene, simulated and watched, with incidents as they rise",
    "check": "validate a site: every problem at once",
    "plugins": "what is installed, with its card",
    "init": "a new site: from a drawn line, or from what is heard at a broker",
    "listen": "print each message, what it became, or why not",
    "run": "watch for real, until told to stop",
    "reload": "let a running watch read its site again",
    "replay": "recordings or a store to incidents",
    "simulate": "a scene to a recording and its truth",
    "score": "a store against the truth: Pd, nuisance rate, location, latency, with intervals",
    "coverage": "which metres are watched, how well, and why not",
    "console": "the web console over the store of a watch",
    "user": "who may come in to the console",
    "plan": "where the next sensors do most",
    "settings": "which settings a store ran under, who brought them, and the way back",
    "report": "counts, rates and trends, each beside the time that nobody watched",
    "retain": "erase what has been kept as long as the rules allow",
    "backup": "copy a store while it is written",
    "restore": "a store out of a copy",
    "migrate": "bring an older version's store to the schema of this one",
    "cluster": "the same steps on a distributed engine",
    "standby": "follow another machine's journal, ready to take over",
    "takeover": "make a standby the store that is written",
    "walktest": "score a walk test against a store: found, with its interval; measured coverage",
    "verify": "check that a store's chains of records are whole",
    "lodge": "leave a store's head with somebody else, so that nobody can rewrite it",
    "export": "one incident as a bundle that others can check",
    "rederive": "derive an exported incident again",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the value is the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "-V", "--version") or words[0] not in _VERBS:
        return _about(words)
    verb = importlib.import_module(f"linewatch.cli.{words[0]}")
    parser = argparse.ArgumentParser(prog=f"linewatch {words[0]}", description=verb.__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    verb.arguments(parser)
    try:
        status: int = verb.run(parser.parse_args(words[1:]))
        sys.stdout.flush()
    except LinewatchError as error:
        for line in str(error).splitlines():
            print(f"linewatch {words[0]}: {line}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads our output has gone; point stdout elsewhere so that closing it does not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


def _about(words: list[str]) -> int:
    if words and words[0] in ("-V", "--version"):
        print(f"linewatch {__version__}")
        return 0
    asked = words and words[0] in ("-h", "--help")
    stream = sys.stdout if asked else sys.stderr
    if words and not asked:
        print(f"linewatch: there is no verb {words[0]!r}; verbs are:", file=stream)
    else:
        print("usage: linewatch VERB ...   (linewatch VERB --help tells more)\n", file=stream)
    for verb, does in _VERBS.items():
        print(f"  {verb:<10} {does}", file=stream)
    return 0 if asked else 2
