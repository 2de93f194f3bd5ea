"""Two instructions that the language has no word for, for use inside kernels.

`fma(a, b, c)` returns `a * b + c` of three float32, in one rounding where the processor can. Unlike the contraction
that a compiler may be allowed, it does not depend on the code around it.

`prefetch(array, row, column)` hints that this element of a two-dimensional array will be read soon.
"""

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

# numba's own tools have no types; `ir` is what it writes LLVM's language with.
ir: Any = cgutils.ir  # type: ignore[attr-defined]
_function: Any = cgutils.get_or_insert_function
_pointer: Any = cgutils.get_item_pointer


def _fma(_typing: Any, _a: Any, _b: Any, _c: Any) -> Any:
    """Tell the compiler the type of `fma` and how to write it."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        real = ir.FloatType()
        kind = ir.FunctionType(real, [real, real, real])
        return builder.call(_function(builder.module, kind, "llvm.fmuladd.f32"), arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


def _prefetch(_typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Tell the compiler the type of `prefetch` and how to write it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        value = context.make_array(kind)(context, builder, arguments[0])
        pointer = _pointer(context, builder, kind, value, list(arguments[1:]), wraparound=False)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        takes = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        instruction = _function(builder.module, takes, "llvm.prefetch.p0")
        # For reading; keep it in the second-level cache; data, not instructions.
        builder.call(instruction, [builder.bitcast(pointer, byte), number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(array, row, column), generate


# What a kernel calls has other arguments than what the compiler calls, hence `Any`.
fma: Any = intrinsic(_fma)
prefetch: Any = intrinsic(_prefetch)
