"""The same steps on Apache Flink: a plan, the work of each key, what carries ticks between them, and the way back.

Only `keyed` and `job` import the engine, and nothing else imports them.
"""

import builtins

# The engine's workers put a function of their own in the place of `print`, and numba, which registers the built-in one,
# cannot be imported then. What is printed goes to the engine's log either way.
if (_replaced := getattr(builtins.print, "__self__", None)) is not None and hasattr(_replaced, "_print"):
    builtins.print = _replaced._print  # noqa: SLF001 - the engine offers no other way to it
