"""What the paper keeps in 16 bits: Adam's statistics, and the text tower's weights (section 2.5).

The paper gives no more than their names. Statistics follow "Jukebox" (arXiv 2005.00341), the work that it
cites: fp16 with one factor a tensor. The weights are bf16, and each step rounds them up or down by chance, so
that a change far below their last bit is not lost in the mean.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import Parameter
from torch.optim import Optimizer

from training.distributed.parallel import local, maximum, own_part
from wit_pipeline.vocabulary.chance import draw

# From fp16's largest to its smallest value is 10^12: of squares, gradients a millionth of the largest.
LARGEST = torch.finfo(torch.float16).max
SMALLEST = torch.finfo(torch.float32).tiny  # a factor to divide by where all values are 0
DROPPED = 16  # bits of a float32 that a bf16 lacks


class HalfAdamW(Optimizer):
    """AdamW with decoupled decay, tensor by tensor in float32; what it keeps between steps may be half that.

    `half_statistics`: both averages are fp16 with a factor a tensor. Weights in bf16 are rounded by chance,
    which is a function of seed, step and parameter: equal in all processes and in a run taken up again.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        betas: tuple[float, float],
        eps: float,
        half_statistics: bool,
        seed: int,
    ) -> None:
        super().__init__(groups, {"lr": 0.0, "betas": betas, "eps": eps, "weight_decay": 0.0})
        self.half_statistics = half_statistics
        self.seed = seed

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step with the gradients that the parameters hold."""
        numbered = enumerate((one, group) for group in self.param_groups for one in group["params"])
        for number, (parameter, group) in numbered:
            if parameter.grad is not None:
                self.update(parameter, number, group)

    def update(self, parameter: Parameter, number: int, group: dict[str, Any]) -> None:
        """Move one parameter, and its averages."""
        state = self.state[parameter]
        state["step"] = step = state.get("step", 0) + 1
        beta, beta_sq = group["betas"]
        assert parameter.grad is not None
        gradient = local(parameter.grad).float()
        # In place: what is kept in float32 is changed here, what is kept in fp16 by `keep` below.
        mean = self.average(parameter, "exp_avg").lerp_(gradient, 1 - beta)
        square = self.average(parameter, "exp_avg_sq").mul_(beta_sq)
        square.addcmul_(gradient, gradient, value=1 - beta_sq)
        size = group["lr"] / (1 - beta**step)
        spread = square.sqrt().div_((1 - beta_sq**step) ** 0.5).add_(group["eps"])
        weight = local(parameter).float()  # a copy, if it is bf16
        weight.mul_(1 - group["lr"] * group["weight_decay"]).addcdiv_(mean, spread, value=-size)
        # Not before the weight has moved: keeping in fp16 divides the average in place.
        self.keep(parameter, "exp_avg", mean)
        self.keep(parameter, "exp_avg_sq", square)
        if parameter.dtype == torch.bfloat16:
            chance = torch.Generator(parameter.device)
            chance.manual_seed(draw(f"{step}/{number}", seed=self.seed, purpose="rounding"))
            # Drawn for the whole parameter and then cut, so that any number of processes rounds alike.
            noise = noise_like(parameter, chance)
            local(parameter).copy_(rounded(weight, own_part(noise, parameter)))

    def average(self, parameter: Parameter, name: str) -> Tensor:
        """A statistic in float32, this process's part of it; 0 at first."""
        state = self.state[parameter]
        if name not in state:
            dtype = torch.float16 if self.half_statistics else torch.float32
            state[name] = torch.zeros_like(parameter, dtype=dtype)
            if self.half_statistics:
                state[f"{name}_scale"] = torch.ones((), device=parameter.device)
        kept = local(state[name])
        return kept.float() * state[f"{name}_scale"] if self.half_statistics else kept

    def keep(self, parameter: Parameter, name: str, value: Tensor) -> None:
        """Keep a statistic; in fp16 its largest value is the largest there is."""
        if not self.half_statistics:
            return  # `value` is what is kept
        state = self.state[parameter]
        scale = maximum(value, state[name]).div_(LARGEST).clamp_(min=SMALLEST)
        state[f"{name}_scale"] = scale
        local(state[name]).copy_(value.div_(scale))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the statistics as they are; torch's own way would give them their parameter's dtype."""
        super().load_state_dict(state_dict)
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        for number, saved in state_dict["state"].items():
            one = parameters[number]
            self.state[one] = {
                name: value.to(one.device) if isinstance(value, Tensor) else value
                for name, value in saved.items()
            }


def noise_like(parameter: Tensor, chance: torch.Generator) -> Tensor:
    """int32 from 0 to 2^16 - 1 for every value of the whole parameter."""
    return torch.randint(
        1 << DROPPED, parameter.shape, dtype=torch.int32, device=parameter.device, generator=chance
    )


def rounded(value: Tensor, noise: Tensor) -> Tensor:
    """float32 as one of the two nearest bf16, the nearer the likelier: in the mean the value itself.

    `noise` is added to the bits that are dropped, which carries in that share of cases: away from 0 on
    either side, as a float is a sign and a magnitude.
    """
    bits = value.view(torch.int32) + noise
    return (bits >> DROPPED << DROPPED).view(torch.float32).to(torch.bfloat16)
