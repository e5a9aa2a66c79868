"""Sixteen pixels at a time: what a compiler makes of a plain loop depends on the machine, this does not.

numba's loops over bytes become multiplications of 32 bits, of which the oldest x86-64 has none to speak of.
So the inner steps of `resize` are written here as operations on vectors of sixteen, in LLVM's own language,
which every machine understands: x86 multiplies pairs of 16 bits and adds them up in one instruction, PMADDWD.
A weight has 22 bits, so it comes in two parts; integers that wrap around give the same sums in any order.

The functions take addresses, for compiled code alone: nothing checks that there is memory behind them.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16  # pixels, or bytes, of a block
LOW = 11  # bits of the lower part of a weight; the upper part has as many and the sign
PARTS = 4  # numbers for two weights: their lower parts, then their upper parts

BYTE, SHORT, WORD = ir.IntType(8), ir.IntType(16), ir.IntType(32)
BYTES, SUMS = ir.VectorType(BYTE, LANES), ir.VectorType(WORD, LANES)
PAIR, PAIRS, PRODUCTS = (
    ir.VectorType(SHORT, 2),
    ir.VectorType(SHORT, 2 * LANES),
    ir.VectorType(WORD, 2 * LANES),
)
PIXEL = ir.VectorType(BYTE, 4)

Builder = Any  # llvmlite's IRBuilder

written: Any = intrinsic  # numba calls what it decorates with one argument more than its callers do
variable: Any = cgutils.alloca_once_value


@written
def weigh(_typing, rows, stride, count, parts, made):  # type: ignore[no-untyped-def]
    """Write to `made` sixteen bytes, the sums of `count` rows of sixteen that begin `stride` bytes apart.

    `parts`: of each two weights their `PARTS`, int16; of an odd count the last weight is nothing.
    """

    def generate(context: Any, builder: Builder, _signature: Any, arguments: Sequence[Any]) -> Any:
        rows, stride, count, parts, made = arguments
        one, two = (ir.Constant(count.type, number) for number in (1, 2))
        last = builder.add(rows, builder.mul(stride, builder.sub(count, one)))
        at, part = variable(builder, rows), variable(builder, parts)
        low, high = (variable(builder, _all(SUMS, 0)) for _ in range(2))
        with cgutils.for_range(builder, builder.udiv(builder.add(count, one), two)):
            here = builder.load(at)
            there = builder.add(here, stride)
            beyond = builder.icmp_unsigned(">", there, last)  # the row of no weight must be in memory too
            pair = _beside(
                builder,
                _load(builder, here, BYTES),
                _load(builder, builder.select(beyond, last, there), BYTES),
            )
            shorts, weights = builder.zext(pair, PAIRS), builder.load(part)
            for sums, skipped in ((low, 0), (high, 4)):
                both = _load(builder, builder.add(weights, ir.Constant(weights.type, skipped)), PAIR)
                builder.store(builder.add(builder.load(sums), _weighed(builder, shorts, both)), sums)
            builder.store(builder.add(there, stride), at)
            builder.store(builder.add(weights, ir.Constant(weights.type, 2 * PARTS)), part)
        upper = builder.shl(builder.load(high), _all(SUMS, LOW))
        whole = builder.add(builder.add(builder.load(low), upper), _all(SUMS, 1 << (2 * LOW - 1)))
        _store(builder, made, _levels(builder, builder.ashr(whole, _all(SUMS, 2 * LOW))))
        return context.get_dummy_value()

    return types.void(types.uintp, types.uintp, types.uintp, types.uintp, types.uintp), generate


@written
def turn(_typing, rows, stride, made, to_stride):  # type: ignore[no-untyped-def]
    """Sixteen rows of sixteen bytes, turned: the first bytes of all become the first row of `made`."""

    def generate(context: Any, builder: Builder, _signature: Any, arguments: Sequence[Any]) -> Any:
        rows, stride, made, to_stride = arguments
        block = []
        for _ in range(LANES):
            block.append(_load(builder, rows, BYTES))
            rows = builder.add(rows, stride)
        half = LANES // 2
        for _ in range(4):  # each time all rows of the upper half meet those of the lower: 2^4 rows
            met = [_beside(builder, block[i], block[i + half]) for i in range(half)]
            block = [_part(builder, both, BYTES, start) for both in met for start in (0, LANES)]
        for row in block:
            _store(builder, made, row)
            made = builder.add(made, to_stride)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uintp, types.uintp, types.uintp), generate


@written
def move(_typing, pixel, made):  # type: ignore[no-untyped-def]
    """Four bytes moved, wherever they lie."""

    def generate(context: Any, builder: Builder, _signature: Any, arguments: Sequence[Any]) -> Any:
        _store(builder, arguments[1], _load(builder, arguments[0], PIXEL))
        return context.get_dummy_value()

    return types.void(types.uintp, types.uintp), generate


def _all(kind: ir.VectorType, number: int) -> ir.Constant:
    return ir.Constant(kind, [number] * kind.count)


def _load(builder: Builder, address: Any, kind: ir.Type) -> Any:
    loaded = builder.load(builder.inttoptr(address, kind.as_pointer()))
    loaded.align = 1
    return loaded


def _store(builder: Builder, address: Any, value: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


def _shuffled(builder: Builder, one: Any, other: Any, order: Sequence[int]) -> Any:
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(WORD, len(order)), list(order)))


def _beside(builder: Builder, one: Any, other: Any) -> Any:
    """The first of both, the second of both, …"""
    return _shuffled(builder, one, other, [i + LANES * k for i in range(LANES) for k in range(2)])


def _part(builder: Builder, both: Any, kind: ir.VectorType, start: int) -> Any:
    return _shuffled(builder, both, both, range(start, start + kind.count))


def _weighed(builder: Builder, shorts: Any, both: Any) -> Any:
    """Of each two of `shorts` the sum, weighed by `both`: in the shape that LLVM knows PMADDWD by."""
    weights = _shuffled(builder, both, both, [0, 1] * LANES)
    products = builder.mul(builder.zext(shorts, PRODUCTS), builder.sext(weights, PRODUCTS))
    first, second = (_shuffled(builder, products, products, range(start, 2 * LANES, 2)) for start in range(2))
    return builder.add(first, second)


def _levels(builder: Builder, sums: Any) -> Any:
    """Bytes, what overshoots cut off."""
    for sign, bound in ((">", 0), ("<", 255)):
        sums = builder.select(builder.icmp_signed(sign, sums, _all(SUMS, bound)), sums, _all(SUMS, bound))
    return builder.trunc(sums, BYTES)


# --- where numba compiles nothing (NUMBA_DISABLE_JIT): the same in Python ----------------------------


def _weigh(rows: int, stride: int, count: int, parts: int, made: int) -> None:
    sums = np.full(LANES, 1 << (2 * LOW - 1))
    for k in range(count):
        low, high = _memory(parts + 2 * PARTS * (k // 2), PARTS, ctypes.c_int16)[k % 2 :: 2].tolist()
        sums += ((high << LOW) + low) * _memory(rows + k * stride, LANES).astype(np.int64)
    _memory(made, LANES)[:] = (sums >> 2 * LOW).clip(0, 255)


def _turn(rows: int, stride: int, made: int, to_stride: int) -> None:
    block = np.stack([_memory(rows + k * stride, LANES) for k in range(LANES)])
    for k in range(LANES):
        _memory(made + k * to_stride, LANES)[:] = block[:, k]


def _move(pixel: int, made: int) -> None:
    _memory(made, 4)[:] = _memory(pixel, 4)


def _memory(address: int, count: int, kind: Any = ctypes.c_uint8) -> npt.NDArray[Any]:
    return np.ctypeslib.as_array((kind * count).from_address(int(address)))


if config.DISABLE_JIT:  # type: ignore[attr-defined]  # numba sets it by its name
    weigh, turn, move = _weigh, _turn, _move
