"""How much work a frame is, and how much the machine could do."""

import dataclasses

import torch
from videorm_shapes import Shape

# Dense bf16 tensor-core peaks in 1e12 operations per second, from NVIDIA's data sheets. The first name
# that the device's own name contains is taken.
PEAKS = {
    "B200": 2250.0,
    "H200 NVL": 835.0,
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100 NVL": 835.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L40": 181.0,
    "RTX 4090": 165.0,
    "A30": 165.0,
    "A10G": 70.0,
    "A10": 125.0,
    "L4": 121.0,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Operations of one frame, a multiplication and an addition being two."""

    entrance: int  # patches to tokens
    blocks: int
    exit: int  # the class token into the joint space

    @property
    def forward(self) -> int:
        """Through the tower once."""
        return self.entrance + self.blocks + self.exit

    @property
    def step(self) -> int:
        """Forward and backward with a frozen entrance: each product comes twice more, once for the
        gradient of its input and once for that of its weights."""
        return self.forward + 2 * (self.blocks + self.exit)


def work_of(shape: Shape) -> Work:
    """Matrix products alone, as ``torch.utils.flop_counter`` counts them.

    A block of L tokens, width W and MLP M: four W x W projections, 8 L W^2; attention scores and
    their sum, 4 L^2 W; up and down, 4 L W M.
    """
    tokens, width = shape.tokens, shape.width
    block = 8 * tokens * width**2 + 4 * tokens**2 * width + 4 * tokens * width * shape.mlp
    return Work(
        entrance=2 * (tokens - 1) * 3 * shape.patch**2 * width,
        blocks=shape.layers * block,
        exit=2 * width * shape.joint,
    )


def known_peak(device: torch.device) -> float | None:
    """Operations per second that the maker states for bf16; None for a CPU or an unknown device."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak * 1e12 for known, peak in PEAKS.items() if known in name), None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Matmul:
    """A product of two square matrices: what the machine reaches when it does nothing else."""

    size: int
    device: torch.device
    dtype: torch.dtype

    @property
    def flops(self) -> int:
        """Operations."""
        return 2 * self.size**3

    def prepared(self) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        """Two factors and where their product goes."""
        shape = (self.size, self.size)
        one, other = (torch.randn(shape, device=self.device).to(self.dtype) for _ in range(2))
        return one, other, torch.empty(shape, device=self.device, dtype=self.dtype)
