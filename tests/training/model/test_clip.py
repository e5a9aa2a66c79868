import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.config import MODELS, ClipConfig, ResNetConfig, VitConfig
from training.model.clip import Clip
from training.model.packing import STEP, pack

B_32 = MODELS["ViT-B/32"]
TINY = replace(MODELS["ViT-Ti/8-64"], text=replace(MODELS["ViT-Ti/8-64"].text, vocab_size=600, context=16))


@pytest.fixture
def tiny() -> Clip:
    torch.manual_seed(0)
    return Clip(TINY).eval()


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("RN50", 102.01),
        ("RN101", 119.69),
        ("RN50x4", 178.30),
        ("RN50x16", 290.98),
        ("RN50x64", 623.26),
        ("ViT-B/32", 151.277313),
        ("ViT-B/16", 149.62),
        ("ViT-L/14", 427.62),
        ("ViT-L/14@336px", 427.94),
    ],
)
def test_parameters_are_as_many_as_in_the_published_models(name: str, millions: float) -> None:
    with torch.device("meta"):
        model = Clip(MODELS[name])
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.005)


def test_vit_b_32_has_the_state_dict_of_openai() -> None:
    with torch.device("meta"):
        state = Clip(B_32).state_dict()
    assert sum(value.numel() for value in state.values()) == 151_277_313
    assert {name: tuple(value.shape) for name, value in state.items()} == expected_shapes()
    assert len(state) == 302


def expected_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "logit_scale": (),
        "positional_embedding": (77, 512),
        "text_projection": (512, 512),
        "token_embedding.weight": (49_408, 512),
        "ln_final.weight": (512,),
        "ln_final.bias": (512,),
        "visual.class_embedding": (768,),
        "visual.positional_embedding": (50, 768),
        "visual.proj": (768, 512),
        "visual.conv1.weight": (768, 3, 32, 32),
        "visual.ln_pre.weight": (768,),
        "visual.ln_pre.bias": (768,),
        "visual.ln_post.weight": (768,),
        "visual.ln_post.bias": (768,),
    }
    for prefix, width in (("", 512), ("visual.", 768)):
        for layer in range(12):
            block = f"{prefix}transformer.resblocks.{layer}"
            shapes |= {
                f"{block}.ln_1.weight": (width,),
                f"{block}.ln_1.bias": (width,),
                f"{block}.ln_2.weight": (width,),
                f"{block}.ln_2.bias": (width,),
                f"{block}.attn.in_proj_weight": (3 * width, width),
                f"{block}.attn.in_proj_bias": (3 * width,),
                f"{block}.attn.out_proj.weight": (width, width),
                f"{block}.attn.out_proj.bias": (width,),
                f"{block}.mlp.c_fc.weight": (4 * width, width),
                f"{block}.mlp.c_fc.bias": (4 * width,),
                f"{block}.mlp.c_proj.weight": (width, 4 * width),
                f"{block}.mlp.c_proj.bias": (width,),
            }
    return shapes


def test_initial_deviations_are_those_of_openai() -> None:
    """Table in section 1.3 of the specification: text by design, vision mostly PyTorch's own."""
    torch.manual_seed(0)
    vision = VitConfig(image_size=224, patch_size=32, layers=2, width=768)
    two_layers = ClipConfig(embed_dim=512, vision=vision, text=replace(B_32.text, layers=2))
    state = Clip(two_layers).state_dict()
    residual = 512**-0.5 * 4**-0.5
    deviations = {
        "token_embedding.weight": 0.02,
        "positional_embedding": 0.01,
        "transformer.resblocks.0.attn.in_proj_weight": 512**-0.5,
        "transformer.resblocks.1.attn.out_proj.weight": residual,
        "transformer.resblocks.1.mlp.c_proj.weight": residual,
        "transformer.resblocks.0.mlp.c_fc.weight": 1024**-0.5,
        "text_projection": 512**-0.5,
        "visual.class_embedding": 768**-0.5,
        "visual.positional_embedding": 768**-0.5,
        "visual.proj": 768**-0.5,
        "visual.conv1.weight": (3 * 3 * 32 * 32) ** -0.5,  # kaiming_uniform(a=√5) is ±1/√fan_in
        "visual.transformer.resblocks.0.attn.in_proj_weight": math.sqrt(2 / (4 * 768)),  # xavier
        "visual.transformer.resblocks.0.attn.out_proj.weight": (3 * 768) ** -0.5,
        "visual.transformer.resblocks.1.mlp.c_proj.weight": (3 * 4 * 768) ** -0.5,
    }
    for name, deviation in deviations.items():
        tolerance = 0.1 if name == "visual.class_embedding" else 0.02
        assert state[name].std().item() == pytest.approx(deviation, rel=tolerance), name
    for name, value in state.items():
        if name.endswith(("in_proj_bias", "out_proj.bias", "ln_1.bias", "ln_final.bias")):
            assert not value.any(), name
    assert state["logit_scale"].exp().item() == pytest.approx(1 / 0.07)


def test_embeddings_are_unit_vectors(tiny: Clip) -> None:
    image_BD, text_BD, scale = tiny(torch.randn(2, 3, 64, 64), tokens([5, 6], [7]))
    assert image_BD.shape == text_BD.shape == (2, 128)
    torch.testing.assert_close(image_BD.norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(text_BD.norm(dim=-1), torch.ones(2))
    assert scale.item() == pytest.approx(1 / 0.07)


def tokens(*rows: list[int], longest: int = 16) -> Tensor:
    text_BT = torch.zeros(len(rows), longest, dtype=torch.int64)
    for row, ids in zip(text_BT, rows, strict=True):
        row[: len(ids) + 2] = torch.tensor([598, *ids, 599])
    return text_BT


def test_cropping_texts_to_the_longest_changes_nothing(tiny: Clip) -> None:
    text_BT = tokens([5, 6, 7], [8])
    torch.testing.assert_close(tiny.encode_text(text_BT[:, :5]), tiny.encode_text(text_BT))


def test_what_stands_after_the_end_is_not_read_and_what_stands_before_is(tiny: Clip) -> None:
    before = tiny.encode_text(tokens([5, 6]))
    after = tokens([5, 6])
    after[0, 4:] = 77
    torch.testing.assert_close(tiny.encode_text(after), before)
    assert not torch.allclose(tiny.encode_text(tokens([6, 5])), before)


def test_attention_is_that_of_torch(tiny: Clip) -> None:
    block = tiny.get_submodule("visual.transformer.resblocks.0")
    reference = torch.nn.MultiheadAttention(128, 2, batch_first=True)
    reference.load_state_dict(block.get_submodule("attn").state_dict())
    x_BTW = torch.randn(2, 9, 128)
    expected, _ = reference(x_BTW, x_BTW, x_BTW, need_weights=False)
    torch.testing.assert_close(block.get_submodule("attn")(x_BTW), expected, atol=1e-5, rtol=1e-5)


def test_quick_gelu_is_x_times_sigmoid(tiny: Clip) -> None:
    x = torch.linspace(-6, 6, 101)
    gelu = tiny.get_submodule("visual.transformer.resblocks.0").get_submodule("mlp.gelu")
    torch.testing.assert_close(gelu(x), x * torch.sigmoid(1.702 * x))


@pytest.mark.parametrize(("before", "after"), [(99.0, 99.0), (100.0, 100.0), (101.0, 100.0), (0.5, 0.5)])
def test_the_scale_is_clipped_at_100(tiny: Clip, before: float, after: float) -> None:
    tiny.logit_scale.data.fill_(math.log(before))
    tiny.clip_scale()
    assert tiny.logit_scale.exp().item() == pytest.approx(after, rel=1e-5)


def test_initial_deviations_of_a_resnet_are_those_of_openai() -> None:
    torch.manual_seed(0)
    vision = ResNetConfig(image_size=64, layers=(1, 2, 1, 1), width=64)
    state = Clip(ClipConfig(embed_dim=1024, vision=vision, text=replace(B_32.text, layers=1))).state_dict()
    for part in ("k_proj", "q_proj", "v_proj", "c_proj"):
        assert state[f"visual.attnpool.{part}.weight"].std().item() == pytest.approx(2048**-0.5, rel=0.02)
    places = state["visual.attnpool.positional_embedding"]
    assert places.shape == (5, 2048)
    assert places.std().item() == pytest.approx(2048**-0.5, rel=0.05)
    last = [name for name in state if name.endswith("bn3.weight") and "layer" in name]
    assert len(last) == 5
    assert not any(state[name].any() for name in last)
    assert state["visual.bn3.weight"].all()  # the stem's


def test_a_resnet_sees_places_and_not_their_mean_alone() -> None:
    torch.manual_seed(0)
    vision = ResNetConfig(image_size=64, layers=(1, 1, 1, 1), width=8)
    model = Clip(ClipConfig(embed_dim=32, vision=vision, text=TINY.text)).eval()
    image_BCHW = torch.randn(2, 3, 64, 64)
    both = model.encode_image(torch.cat([image_BCHW, image_BCHW.flip(3)]))
    assert both.shape == (4, 32)
    assert not torch.allclose(both[:2], both[2:], atol=1e-3)


def test_texts_of_any_lengths_are_computed_as_if_each_were_alone(tiny: Clip) -> None:
    rows = [[5], list(range(2, 16)), [9, 8], [7] * 7, [6] * 6, [5, 5], [3] * 8]
    text_BT = tokens(*rows)
    alone = torch.cat([tiny.embed_text(text_BT[i : i + 1]) for i in range(len(rows))])
    torch.testing.assert_close(tiny.embed_text(text_BT), alone, atol=1e-5, rtol=0)
    padded = tiny.embed_packed(pack(text_BT, step=16))
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=0)


@given(st.lists(st.integers(0, 76), min_size=1, max_size=40), st.sampled_from([1, STEP, 77]))
def test_a_packed_text_is_whole_and_little_longer(ends: list[int], step: int) -> None:
    text_BT = torch.zeros(len(ends), 77, dtype=torch.int64)
    for row, end in enumerate(ends):
        text_BT[row, : end + 1] = 100 * row + torch.arange(1, end + 2)
        text_BT[row, end] = 10_000 + row
    packed = pack(text_BT, step)
    assert packed.ids_N[packed.end_B].tolist() == [10_000 + row for row in range(len(ends))]
    for row, (at, end) in enumerate(zip(packed.end_B.tolist(), ends, strict=True)):
        assert torch.equal(packed.ids_N[at - end : at + 1], text_BT[row, : end + 1])
        assert packed.place_N[at - end : at + 1].tolist() == list(range(end + 1))
    assert sum(count * length for count, length in packed.groups) == len(packed.ids_N)
    lengths = [length for count, length in packed.groups for _ in range(count)]
    spare = [length - end - 1 for length, end in zip(lengths, sorted(ends), strict=True)]
    assert all(0 <= left < step for left in spare)
    assert len({length for _, length in packed.groups}) == len(packed.groups)
