"""Load a student: the one place where full precision, LoRA and QLoRA differ."""

import logging
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from safetensors import SafetensorError

from thriftune.errors import MissingPackage, StudentError
from thriftune.prompts import Prompt, Renderer
from thriftune.recipe import Train
from thriftune.students import embedded
from thriftune.students.constrain import Constrainer

Kind = Literal["causal", "seq2seq"]


@dataclass
class Student:
    """A model with its tokenizer. `model` is a Hugging Face or PEFT model on `device`.

    `candidates` are the tokens that the softmax of training runs over (int64, ascending); None for all.
    `seq2seq_task` says where a seq2seq student is told its task: see `recipe.Train`.
    """

    model: Any
    tokenizer: Any
    kind: Kind
    device: torch.device
    precision: Literal["fp32", "bf16"]
    candidates: torch.Tensor | None = None
    seq2seq_task: Literal["encoder", "decoder"] = "encoder"
    prefix_caches: dict[tuple[int, ...], Any] = field(default_factory=dict)

    @cached_property
    def renderer(self) -> Renderer:
        """The renderer of prompts for this student's tokenizer."""
        return Renderer(self.tokenizer)

    def prompt_length(self, prompt: Prompt) -> int:
        """Return how many tokens a prompt has."""
        pieces = self.renderer.pieces(prompt)
        return len(pieces.prefix) + len(pieces.question)

    @cached_property
    def constrainer(self) -> Constrainer:
        """What keeps answers within a grammar for this student's tokenizer."""
        return Constrainer(self.tokenizer, self.model.get_output_embeddings().weight.shape[0])

    def autocast(self) -> torch.autocast:
        """Return the context of computation: bf16 autocast over the stored weights, or nothing."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def parameters(self) -> tuple[int, int]:
        """Return (trainable, all) parameters."""
        every = list(self.model.parameters())
        return sum(p.numel() for p in every if p.requires_grad), sum(p.numel() for p in every)


def model_path(name: str) -> str:
    """Return what `from_pretrained` takes for a recipe's `student.model`."""
    return str(embedded.folder()) if name == embedded.NAME else name


def kind_of(name: str, wanted: str = "auto") -> Kind:
    """Tell whether the model is causal or seq2seq from its config.

    Raises:
        StudentError: there is no such model, or no readable config in it.
    """
    if wanted in ("causal", "seq2seq"):
        return wanted  # type: ignore[return-value]
    return "seq2seq" if getattr(read_config(name), "is_encoder_decoder", False) else "causal"


def device_of() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision_of(wanted: str, device: torch.device) -> Literal["fp32", "bf16"]:
    """Resolve `auto`: bf16 where the hardware multiplies it natively, else fp32."""
    if wanted in ("fp32", "bf16"):
        return wanted  # type: ignore[return-value]
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"


def load_for_training(name: str, kind: str, train: Train) -> Student:
    """Load the student in the recipe's modality, ready to train.

    * full: fp32 master weights (a bf16 checkpoint is widened: small AdamW updates vanish on the bf16 grid).
    * lora: the same frozen base with adapters, `alpha = 4 × rank` unless set.
    * qlora: the base in NF4 (Dettmers et al. 2023) with the same adapters.

    Raises:
        StudentError: no such model, or a folder without weights.
        MissingPackage: the modality needs an extra that is not installed.
    """
    device = device_of()
    precision = precision_of(train.precision, device)
    resolved = kind_of(name, kind)
    quantization = nf4(train, precision) if train.modality == "qlora" else None
    model = from_pretrained(name, resolved, torch.float32, quantization)
    if quantization:
        let_file_go(model)
    if train.modality != "full":
        model = with_adapters(model, train, resolved)
    if train.modality == "qlora":
        keep_training_kernels(model)
    if train.checkpointing:
        checkpoint_activations(model)
    student = Student(model.to(device), load_tokenizer(name), resolved, device, precision)
    student.seq2seq_task = train.seq2seq_task
    return student


def load_for_generation(name: str, kind: str, precision: str = "auto") -> Student:
    """Load a student to generate with, its weights in the dtype of computation.

    Raises:
        StudentError: no such model, or a folder without weights.
    """
    device = device_of()
    resolved = kind_of(name, kind)
    dtype = torch.bfloat16 if precision_of(precision, device) == "bf16" else torch.float32
    model = from_pretrained(name, resolved, dtype, None)
    # no autocast: the weights need no conversion at every step
    return for_generation(model, load_tokenizer(name), resolved, device)


def for_generation(model: Any, tokenizer: Any, kind: Kind, device: torch.device) -> Student:
    """Return a student that decodes greedily and by nothing else: a model's own penalties would bend its JSON."""
    from transformers import GenerationConfig

    start = getattr(model.config, "decoder_start_token_id", None)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, decoder_start_token_id=start
    )
    return Student(model.to(device).eval(), tokenizer, kind, device, "fp32")


def load_tokenizer(name: str, *, fetch: bool = True) -> Any:
    """Load the tokenizer; a missing pad token is the end-of-text token.

    Args:
        fetch: take it from the hub where it is not on this machine.

    Raises:
        StudentError: there is none.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model_path(name), local_files_only=not fetch)
    except (OSError, ValueError, TypeError) as error:
        raise StudentError(f"student.model {name!r} has no readable tokenizer: {_first_line(error)}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def keep_training_kernels(model: Any) -> None:
    """Keep bitsandbytes from repacking 4-bit weights for an inference kernel.

    On CPUs with avx512_bf16 one forward in eval mode repacks them and every later training gradient is wrong
    (bitsandbytes 0.50.2). Called after loading and after the adapters are added.
    """
    for module in model.modules():
        if type(module).__name__ == "Linear4bit" or hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def let_file_go(model: Any) -> None:
    """Copy what was not quantised out of the mapped file of weights.

    One tensor that lies in it keeps the whole file mapped, and with it the pages that quantisation has read: 415 MB of
    SmolLM2-135M's 538.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.device.type == "cpu" and tensor.dtype != torch.uint8:
            tensor.data = tensor.data.clone()


def read_config(name: str) -> Any:
    """Return the config of a recipe's `student.model`.

    Raises:
        StudentError: there is no such model, or no readable config in it.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(model_path(name))
    except Exception as error:  # a damaged config fails in many ways, all of them the folder's fault
        raise StudentError(
            f"student.model {name!r}: {_first_line(error)} "
            "Give a local model folder, a Hugging Face id, or smollm2-135m-instruct (embedded)"
        ) from error


def from_pretrained(name: str, kind: Kind, dtype: torch.dtype, quantization: Any) -> Any:
    """Load the bare model; `quantization` is a `BitsAndBytesConfig` or None.

    Raises:
        StudentError: no such model, or a folder without weights.
    """
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.utils import logging as hf_logging

    hf_logging.disable_progress_bar()
    auto = AutoModelForSeq2SeqLM if kind == "seq2seq" else AutoModelForCausalLM
    extra = {"quantization_config": quantization} if quantization else {}
    read_config(name)  # its message is better than what loading would say
    try:
        loaded: Any = auto.from_pretrained(
            model_path(name), dtype=dtype, use_safetensors=True, output_loading_info=True, **extra
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise StudentError(f"student.model {name!r} cannot be loaded: {_first_line(error)}") from error
    model, info = loaded
    if info["missing_keys"]:  # transformers fills them with random numbers
        raise StudentError(f"student.model {name!r} lacks weights: {', '.join(sorted(info['missing_keys'])[:3])} …")
    return model


def nf4(train: Train, precision: str) -> Any:
    """Return the 4-bit configuration of QLoRA.

    Raises:
        MissingPackage: bitsandbytes is not installed.
    """
    os.environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise MissingPackage("thriftune[qlora]", "QLoRA needs bitsandbytes") from error
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=train.double_quantization,
        bnb_4bit_compute_dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
    )


def with_adapters(model: Any, train: Train, kind: Kind) -> Any:
    """Freeze the model and put LoRA's adapters into it.

    Raises:
        StudentError: `train.targets` names no module of it.
    """
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(train.seed)  # the adapters' first values
    config = LoraConfig(
        r=train.rank,
        lora_alpha=train.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=train.dropout,
        target_modules=train.targets,
        task_type="SEQ_2_SEQ_LM" if kind == "seq2seq" else "CAUSAL_LM",
    )
    model.requires_grad_(False)
    try:
        return get_peft_model(model, config, autocast_adapter_dtype=True)
    except ValueError as error:
        raise StudentError(f"train.targets: {_first_line(error)}") from error


def checkpoint_activations(model: Any) -> None:
    """Let every layer be computed a second time in the backward instead of keeping its activations.

    Packs and frozen bases need nothing else: the non-reentrant form hands keywords (a pack's layout) and autocast on,
    restores dropout's random numbers, and does not ask that a layer's input has a gradient.

    Raises:
        StudentError: the model cannot do so.
    """
    try:
        model.activation_checkpointing_enable({"use_reentrant": False})
    except ValueError as error:
        raise StudentError(f"train.checkpointing: {_first_line(error)} Leave it out for this student") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
