"""
The two steps of the text kernel that look at many bytes at once, as LLVM vectors of fixed width.

A processor with wide registers takes each in a few instructions, another one takes more of them: the results are the same
bits everywhere. The kernel's own loops are in `shingles.py`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK = 64
"""Bytes that `block_masks` reads."""

LANES = 16
"""Words that `hash_words` and `join_words` take at once: two registers of the widest kind, so that neither waits."""

LONGEST = 16
"""Bytes of a word that `hash_words` reads; longer words are the caller's."""

FNV_PRIME = 0x100000001B3
"""Fowler, Noll and Vo's prime of 64 bits (draft-eastlake-fnv)."""

_compiled: Any = intrinsic
"""Numba's decorator, whose types know nothing of the functions that it makes."""

_MIX = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)
_BYTES = ir.VectorType(ir.IntType(8), BLOCK)
_WORDS = ir.VectorType(ir.IntType(64), LANES)
_CODE = ir.IntType(64)


def _every(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


def _address(context: Any, builder: ir.IRBuilder, array_type: Any, array: Any, at: Any, kind: ir.VectorType) -> Any:
    held = context.make_array(array_type)(context, builder, array)
    return builder.bitcast(builder.gep(held.data, [at]), kind.as_pointer())


@_compiled  # type: ignore[untyped-decorator]
def block_masks(typing_context: Any, data: Any, at: Any) -> Any:
    """
    Return four masks of the 64 bytes from `data[at]` on, the first byte in the lowest bit.

    They say which are ASCII letters or underscores, digits, other ASCII signs, and bytes of other scripts. The caller sees
    to it that 64 bytes are there.
    """

    def code(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        block = builder.load(_address(context, builder, signature.args[0], arguments[0], arguments[1], _BYTES), align=1)

        def between(values: Any, first: int, count: int) -> Any:
            return builder.icmp_unsigned("<", builder.sub(values, _every(_BYTES, first)), _every(_BYTES, count))

        letter = builder.or_(
            between(builder.or_(block, _every(_BYTES, 0x20)), ord("a"), 26),
            builder.icmp_unsigned("==", block, _every(_BYTES, ord("_"))),
        )
        digit = between(block, ord("0"), 10)
        sign = builder.and_(between(block, 33, 94), builder.not_(builder.or_(letter, digit)))
        other = builder.icmp_signed("<", block, _every(_BYTES, 0))
        masks = [builder.bitcast(mask, _CODE) for mask in (letter, digit, sign, other)]
        return context.make_tuple(builder, signature.return_type, masks)

    return types.UniTuple(types.uint64, 4)(data, at), code  # type: ignore[no-untyped-call]


@_compiled  # type: ignore[untyped-decorator]
def hash_words(typing_context: Any, data: Any, edges: Any, number: Any, k0: Any, out: Any) -> Any:
    """
    Hash sixteen words of `data` into `out[number:]`; return a mask of those whose hash is not valid.

    Word w is `data[edges[2w]:edges[2w + 1]]`, and `number` the first. A hash is FNV-1a from `k0` on over the bytes, capitals
    of ASCII folded and each run of digits one zero, with MurmurHash3's finaliser. Not valid are words longer than 16 bytes. The
    caller sees to it that 16 bytes are there from each start on, and that there are sixteen words.
    """

    def code(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        data_type, edges_type, _, _, out_type = signature.args
        both = ir.VectorType(_CODE, 2 * LANES)
        pairs = builder.load(
            _address(
                context, builder, edges_type, arguments[1], builder.shl(arguments[2], ir.Constant(_CODE, 1)), both
            ),
            align=8,
        )
        start, stop = (
            builder.shuffle_vector(
                pairs, pairs, ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(range(odd, 2 * LANES, 2)))
            )
            for odd in (0, 1)
        )
        size = builder.sub(stop, start)
        held = context.make_array(data_type)(context, builder, arguments[0])
        state = cgutils.alloca_once_value(builder, _splat(builder, arguments[3]))  # type: ignore[no-untyped-call]
        before = cgutils.alloca_once_value(builder, _every(_WORDS, 0))  # type: ignore[no-untyped-call]
        for half in (0, 8):
            longer = builder.icmp_signed(">", size, _every(_WORDS, half))
            some = builder.icmp_unsigned(
                "!=", builder.bitcast(longer, ir.IntType(LANES)), ir.Constant(ir.IntType(LANES), 0)
            )
            with builder.if_then(some):
                folded, digit = _folded(builder, _gathered(builder, held.data, start, half))
                follows = builder.or_(
                    builder.shl(digit, _every(_WORDS, 8)), builder.lshr(builder.load(before), _every(_WORDS, 56))
                )
                builder.store(digit, before)
                counted = builder.and_(_inside(builder, size, half), builder.not_(builder.and_(digit, follows)))
                builder.store(_fnv(builder, builder.load(state), folded, counted), state)
        builder.store(
            _mixed(builder, builder.load(state)),
            _address(context, builder, out_type, arguments[4], arguments[2], _WORDS),
            align=8,
        )
        wrong = builder.icmp_signed(">", size, _every(_WORDS, LONGEST))
        return builder.zext(builder.bitcast(wrong, ir.IntType(LANES)), _CODE)

    return types.uint64(data, edges, types.int64, types.uint64, out), code


@_compiled  # type: ignore[untyped-decorator]
def join_words(
    typing_context: Any, words: Any, number: Any, base: Any, threshold: Any, joined: Any, keep: Any
) -> Any:
    """
    Join each of sixteen words, from `number` on, with the four before it, into `joined`; say in `keep` which are sampled.

    Σ_{d = 0..4} base^d word[k - d], and 1 where the finaliser of that is below `threshold`, else 0. `words` begins four
    words before the first.
    """

    def code(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        words_type, _, _, _, joined_type, keep_type = signature.args
        factor = _splat(builder, arguments[2])
        state = None
        for before in range(5):
            at = builder.add(arguments[1], ir.Constant(_CODE, before))
            word = builder.load(_address(context, builder, words_type, arguments[0], at, _WORDS), align=8)
            state = word if state is None else builder.add(builder.mul(state, factor), word)
        builder.store(state, _address(context, builder, joined_type, arguments[4], arguments[1], _WORDS), align=8)
        below = builder.icmp_unsigned("<", _mixed(builder, state), _splat(builder, arguments[3]))
        kind = ir.VectorType(ir.IntType(8), LANES)
        address = _address(context, builder, keep_type, arguments[5], arguments[1], kind)
        builder.store(builder.zext(below, kind), address, align=1)
        return context.get_dummy_value()

    return types.void(words, types.int64, types.uint64, types.uint64, joined, keep), code


@_compiled  # type: ignore[untyped-decorator]
def write_places(typing_context: Any, mask: Any, at: Any, out: Any, number: Any) -> Any:
    """
    Write the place of each one of `mask`, plus `at`, into `out[number:]`, the lowest first; return how many there are.

    Writes in eights: up to seven entries after the last are written as well.
    """

    def code(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        mask, at, out, number = arguments
        count = builder.ctpop(mask)
        held = context.make_array(signature.args[2])(context, builder, out)
        left = cgutils.alloca_once_value(builder, mask)  # type: ignore[no-untyped-call]
        done = cgutils.alloca_once_value(builder, number)  # type: ignore[no-untyped-call]
        end = builder.add(number, count)
        loop = builder.append_basic_block("eight")
        after = builder.append_basic_block("after")
        builder.cbranch(builder.icmp_unsigned("!=", mask, ir.Constant(_CODE, 0)), loop, after)
        with builder.goto_block(loop):
            rest, first = builder.load(left), builder.load(done)
            for k in range(8):
                place = builder.add(at, builder.cttz(rest, ir.Constant(ir.IntType(1), 0)))
                builder.store(place, builder.gep(held.data, [builder.add(first, ir.Constant(_CODE, k))]))
                rest = builder.and_(rest, builder.sub(rest, ir.Constant(_CODE, 1)))
            builder.store(rest, left)
            first = builder.add(first, ir.Constant(_CODE, 8))
            builder.store(first, done)
            builder.cbranch(builder.icmp_signed("<", first, end), loop, after)
        builder.position_at_end(after)
        return count

    return types.int64(types.uint64, types.int64, out, types.int64), code


@_compiled  # type: ignore[untyped-decorator]
def trailing_zeros(typing_context: Any, value: Any) -> Any:
    """Return how many zeros stand below the lowest one of an uint64: 64 when there is none."""

    def code(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


def _splat(builder: ir.IRBuilder, value: Any) -> Any:
    one = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _gathered(builder: ir.IRBuilder, data: Any, start: Any, half: int) -> Any:
    """Return eight bytes of each word, from the one numbered `half` on, as one number each."""
    loaded = ir.Constant(_WORDS, ir.Undefined)
    for lane in range(LANES):
        place = ir.Constant(ir.IntType(32), lane)
        at = builder.add(builder.extract_element(start, place), ir.Constant(_CODE, half))
        address = builder.bitcast(builder.gep(data, [at]), _CODE.as_pointer())
        loaded = builder.insert_element(loaded, builder.load(address, align=1), place)
    return loaded


def _inside(builder: ir.IRBuilder, size: Any, half: int) -> Any:
    """Return ones where a loaded byte belongs to its word."""
    left = builder.sub(size, _every(_WORDS, half))
    whole = builder.icmp_signed(">=", left, _every(_WORDS, 8))
    none = builder.icmp_signed("<=", left, _every(_WORDS, 0))
    bits = builder.select(builder.or_(whole, none), _every(_WORDS, 0), builder.shl(left, _every(_WORDS, 3)))
    some = builder.sub(builder.shl(_every(_WORDS, 1), bits), _every(_WORDS, 1))
    return builder.select(whole, _every(_WORDS, 2**64 - 1), some)


def _folded(builder: ir.IRBuilder, loaded: Any) -> tuple[Any, Any]:
    """Return the bytes with capitals of ASCII made small and digits zero, and ones where a digit is."""
    kind = ir.VectorType(ir.IntType(8), 8 * LANES)
    each = builder.bitcast(loaded, kind)
    capital = builder.icmp_unsigned("<", builder.sub(each, _every(kind, ord("A"))), _every(kind, 26))
    digit = builder.icmp_unsigned("<", builder.sub(each, _every(kind, ord("0"))), _every(kind, 10))
    small = builder.select(capital, builder.or_(each, _every(kind, 0x20)), each)
    folded = builder.select(digit, _every(kind, ord("0")), small)
    return builder.bitcast(folded, _WORDS), builder.bitcast(builder.sext(digit, kind), _WORDS)


def _fnv(builder: ir.IRBuilder, state: Any, folded: Any, counted: Any) -> Any:
    for place in range(0, 64, 8):
        byte = builder.and_(builder.lshr(folded, _every(_WORDS, place)), _every(_WORDS, 255))
        moved = builder.mul(builder.xor(state, byte), _every(_WORDS, FNV_PRIME))
        bit = builder.and_(counted, _every(_WORDS, 1 << place))
        state = builder.select(builder.icmp_unsigned("!=", bit, _every(_WORDS, 0)), moved, state)
    return state


def _mixed(builder: ir.IRBuilder, state: Any) -> Any:
    for factor in _MIX:
        state = builder.mul(builder.xor(state, builder.lshr(state, _every(_WORDS, 33))), _every(_WORDS, factor))
    return builder.xor(state, builder.lshr(state, _every(_WORDS, 33)))
