"""How a U-Net is put together, said once and read two ways.

Keras layers come out when `layers.Layers` reads it; the number of parameters, the cost and the
receptive field come out when `receptive_field.CostModel` reads it, without any backend. So these
cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Size = tuple[int, ...]


class Shape(Protocol):
    """What must be known of a U-Net to put it together; see `unet.UNet` for what each means."""

    @property
    def filters(self) -> int: ...  # noqa: D102
    @property
    def convs(self) -> int: ...  # noqa: D102
    @property
    def depth(self) -> int: ...  # noqa: D102
    @property
    def kernel(self) -> int: ...  # noqa: D102
    @property
    def residual(self) -> bool: ...  # noqa: D102
    @property
    def norm(self) -> str: ...  # noqa: D102
    @property
    def dropout(self) -> float: ...  # noqa: D102
    @property
    def upsampling(self) -> str: ...  # noqa: D102
    @property
    def refine(self) -> bool: ...  # noqa: D102
    @property
    def ndim(self) -> int: ...  # noqa: D102
    @property
    def strides(self) -> tuple[Size, ...]: ...  # noqa: D102


def wire(net: Shape, ops: Any, image: Any, heads: Mapping[str, int]) -> dict[str, Any]:
    """Put a U-Net together from the operations of `ops`.

    Parameters
    ----------
    net : UNet or what has its fields
        What to put together; its `strides` must be final.
    ops : Layers or CostModel
        What each operation does, and on what.
    image : tensor or Trace
        The input.
    heads : dict of str to int
        Output channels by head.

    Returns
    -------
    dict
        One output per head, of `ops`' kind.
    """
    stem, *pooling = net.strides
    x, ways = image, []
    if max(stem) > 1:
        wide = tuple(2 * s if s > 1 else 1 for s in stem)
        # a kernel of twice the stride: each input pixel is seen by the same number of outputs
        x = _unit(net, ops, x, "stem", net.filters, wide, stem)
    for level, pool in enumerate(pooling):
        x = _block(net, ops, x, f"down{level}", level)
        ways.append(x)
        x = ops.pool(x, f"down{level}_pool", pool)
    x = _block(net, ops, x, "bottom", net.depth)
    for level in reversed(range(net.depth)):
        x = _up(net, ops, x, f"up{level}", net.filters << level, pooling[level])
        # outlines come from the way down, what they belong to from below
        x = ops.concatenate([ways[level], x], f"up{level}_skip")
        x = _block(net, ops, x, f"up{level}", level)
    # at full size every filter costs four times (2-D) what it does behind the stem
    few = max(1, net.filters // 2)
    if max(stem) > 1 and net.refine:
        x = ops.concatenate([image, _up(net, ops, x, "full", few, stem)], "full_skip")
        x = _unit(net, ops, x, "full", few, (net.kernel,) * net.ndim)
    elif max(stem) > 1:
        # repeated pixels would stay as coarse as they are
        x = ops.transposed(x, "full_transposed", few, stem)
    return {name: ops.head(x, name, width) for name, width in heads.items()}


def _block(net: Shape, ops: Any, x: Any, name: str, level: int) -> Any:
    filters, kernel, start = net.filters << level, _kernel(net, level), x
    for i in range(1, net.convs):
        x = _unit(net, ops, x, f"{name}_{i}", filters, kernel)
    if net.residual:
        # Two summands of LeCun's variance make one of He's, so depth does not blow up the signal.
        x = _convolve(net, ops, x, f"{name}_{net.convs}", filters, kernel, initial="LecunNormal")
        one = (1,) * net.ndim
        short = _convolve(net, ops, start, f"{name}_short", filters, one, initial="LecunNormal")
        x = ops.relu(ops.add([short, x], f"{name}_add"), f"{name}_relu")
    else:
        x = _unit(net, ops, x, f"{name}_{net.convs}", filters, kernel)
    return ops.dropout(x, f"{name}_dropout", net.dropout) if level and net.dropout else x


def _unit(
    net: Shape, ops: Any, x: Any, name: str, filters: int, kernel: Size, strides: Size = ()
) -> Any:
    return ops.relu(_convolve(net, ops, x, name, filters, kernel, strides), f"{name}_relu")


def _convolve(
    net: Shape,
    ops: Any,
    x: Any,
    name: str,
    filters: int,
    kernel: Size,
    strides: Size = (),
    initial: str = "HeNormal",
) -> Any:
    bias, strides = net.norm == "none", strides or (1,) * net.ndim
    x = ops.convolve(x, f"{name}_conv", filters, kernel, strides, bias, initial)
    return x if bias else ops.normalise(x, f"{name}_norm")


def _up(net: Shape, ops: Any, x: Any, name: str, filters: int, size: Size) -> Any:
    if net.upsampling == "transposed":
        return ops.transposed(x, f"{name}_transposed", filters, size)
    # A 1 x 1 convolution commutes with repetition: first it is cheaper by the factor of the size.
    one = (1,) * net.ndim
    x = ops.convolve(x, f"{name}_resize", filters, one, one, True, "LecunNormal")
    return ops.repeat(x, f"{name}_up", size)


def _kernel(net: Shape, level: int) -> Size:
    """Width 1 along an axis that only a deeper level starts to pool."""
    seen, deeper = net.strides[: level + 2], net.strides[level + 2 :]
    late = [all(s[a] == 1 for s in seen) and any(s[a] > 1 for s in deeper) for a in range(net.ndim)]
    return tuple(1 if is_late else net.kernel for is_late in late)
