"""A student without weights: the same modules as `students.load` makes, of tensors that have shapes alone."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import masking_utils

from thriftune.plan.values import Values
from thriftune.recipe import Train
from thriftune.students.load import Kind, Student, checkpoint_activations, keep_training_kernels, nf4, with_adapters
from thriftune.train import tree
from thriftune.train.loss import unwrapped

_DEPTHS = {"causal": ("num_hidden_layers",), "seq2seq": ("num_layers", "num_decoder_layers")}


@contextmanager
def without_values(model: Any, kernels: Literal["cpu", "cuda"] = "cpu") -> Iterator[None]:
    """Let all tensors made inside the block be fake, but for the values of integers; so are a meta model's.

    Fake tensors are on the CPU. With a GPU's kernels a pack attends row by row and keeps no weights, as it does there.
    """
    # transformers leaves a mask away that hides nothing, but not where it sees fake tensors, which have no values
    by_value = _replaced(masking_utils, "is_tracing", lambda tensor=None: False)
    attention = _replaced(tree, "attend_parts", _row_by_row) if kernels == "cuda" else nullcontext()
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, by_value, attention:
        _as_if_on_cpu(model, fake)
        with Values(fake):
            yield


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _row_by_row(query: Any, key: Any, value: Any, parts: Any, scaling: float) -> torch.Tensor:
    rows = [tree.attend_row(query[None], key[None], value[None], part, scaling, 0.0) for part in parts]
    return torch.cat(rows, dim=2)[0]


def kind_of_config(config: Any) -> Kind:
    """Tell whether a model of this config is causal or seq2seq."""
    return "seq2seq" if getattr(config, "is_encoder_decoder", False) else "causal"


def depth_of(config: Any) -> int | None:
    """Return how many like layers each stack has; None where layers or stacks differ, so that all have to be run."""
    config = config.get_text_config()
    depths = {getattr(config, key) for key in _DEPTHS[kind_of_config(config)]}
    differing = len(set(getattr(config, "layer_types", None) or ["one"])) > 1
    return None if len(depths) > 1 or differing or hasattr(config, "num_experts") else int(depths.pop())


def with_depth(config: Any, layers: int) -> Any:
    """Return a copy of the config with so many layers in each stack."""
    config = copy.deepcopy(config)
    text = config.get_text_config()
    for key in _DEPTHS[kind_of_config(config)]:
        setattr(text, key, layers)
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:1] * layers
    return config


def make_student(config: Any, train: Train, precision: Literal["fp32", "bf16"]) -> Student:
    """Return a student to train, as `load_for_training` does, whose tensors are on the device `meta`.

    Raises:
        MissingPackage: QLoRA is asked for without bitsandbytes, whose layers are simulated.
    """
    kind, model = kind_of_config(config), make_model(config, torch.float32)
    with torch.device("meta"):
        if train.modality == "qlora":
            _quantise(model, nf4(train, precision))
        if train.modality != "full":
            model = with_adapters(model, train, kind)
    if train.modality == "qlora":
        keep_training_kernels(model)
    if train.checkpointing:
        checkpoint_activations(model)
    pad = SimpleNamespace(pad_token_id=0)  # all that a loss asks of a tokenizer
    student = Student(model, pad, kind, torch.device("cpu"), precision)
    student.seq2seq_task = train.seq2seq_task
    return student


def make_model(config: Any, dtype: torch.dtype) -> Any:
    """Return a model whose tensors are on the device `meta`. The config stays as it is: transformers writes into it."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    auto = AutoModelForSeq2SeqLM if kind_of_config(config) == "seq2seq" else AutoModelForCausalLM
    with torch.device("meta"):
        model = auto.from_config(copy.deepcopy(config), dtype=dtype)  # type: ignore[no-untyped-call]
        own_output_layer(model)
    return model


def own_output_layer(model: Any) -> None:
    """Untie the output layer of a model whose weights hold one of its own (see `configs`)."""
    head = model.get_output_embeddings()
    if getattr(model.config, "own_output_layer", False) and head.weight is model.get_input_embeddings().weight:
        head.weight = torch.nn.Parameter(torch.empty_like(head.weight))


def layers_of(student: Student) -> dict[str, list[Any]]:
    """Return the stacks of layers by name, in the order in which a forward pass runs them."""
    model = unwrapped(student.model)
    if student.kind == "seq2seq":
        return {"encoder": list(model.get_encoder().block), "decoder": list(model.get_decoder().block)}
    return {"decoder": list(model.get_decoder().layers)}


def first_of(student: Student) -> Any:
    """Return the module that a forward pass enters first."""
    model = unwrapped(student.model)
    return model.get_encoder() if student.kind == "seq2seq" else model.get_decoder()


def _quantise(model: Any, config: Any) -> None:
    """What transformers and bitsandbytes do while loading: NF4 in place of every matrix that they would convert."""
    from bitsandbytes.functional import quantize_4bit
    from bitsandbytes.nn.modules import Linear4bit
    from transformers.quantizers.auto import AutoHfQuantizer

    quantizer = AutoHfQuantizer.from_config(config)
    shapes = {name: module.weight for name, module in model.named_modules() if type(module) is torch.nn.Linear}
    quantizer._process_model_before_weight_loading(model, device_map=None)
    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            packed, state = quantize_4bit(
                shapes.pop(name).detach(),
                quant_type=config.bnb_4bit_quant_type,
                compress_statistics=config.bnb_4bit_use_double_quant,
            )
            weight: Any = torch.nn.Parameter(packed, requires_grad=False)
            weight.quant_state = state
            weight.compress_statistics, weight.quant_type = config.bnb_4bit_use_double_quant, "nf4"
            weight.bnb_quantized = True
            module.weight = weight
    quantizer.postprocess_model(model)


def _as_if_on_cpu(model: Any, fake: FakeTensorMode) -> None:
    """Replace tensors on `meta` by fake ones on the CPU; what was one tensor stays one."""
    made: dict[int, Any] = {}

    def faked(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            made[id(tensor)] = fake.fake_tensor_converter.from_meta_and_device(fake, tensor.data, torch.device("cpu"))
        return made[id(tensor)]  # type: ignore[no-any-return]

    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = faked(buffer)
        for name, parameter in module._parameters.items():
            if parameter is None:
                continue
            if not isinstance(made.get(id(parameter)), torch.nn.Parameter):
                fresh: Any = torch.nn.Parameter(faked(parameter), requires_grad=parameter.requires_grad)
                fresh.__dict__.update(parameter.__dict__)
                made[id(parameter)] = fresh
            module._parameters[name] = made[id(parameter)]
    for parameter in model.parameters():
        if hasattr(parameter, "quant_state"):
            _state_as_if_on_cpu(parameter.quant_state, faked)


def _state_as_if_on_cpu(state: Any, faked: Any) -> None:
    for name, value in vars(state).items():
        if isinstance(value, torch.Tensor):
            setattr(state, name, faked(value))
    if getattr(state, "state2", None) is not None:
        _state_as_if_on_cpu(state.state2, faked)


def quantisation_of(model: Any) -> list[torch.Tensor]:
    """Return the scales and code books beside the packed weights of a quantised model, real or fake."""
    found = []
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            parts = [state.absmax, state.code, getattr(state, "offset", None)]
            nested = getattr(state, "state2", None)
            parts += [nested.absmax, nested.code] if nested is not None else []
            found += [part for part in parts if isinstance(part, torch.Tensor)]
    return found
