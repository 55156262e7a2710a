"""A plan as text for people and as data for machines."""

from typing import Any

from thriftune.plan.devices import GB
from thriftune.plan.make import Line, Plan, rule_of_thumb
from thriftune.plan.options import Option

NAMES = {"full": "full", "lora": "LoRA", "qlora": "QLoRA"}
_HEAD = ("modality", "micro_tokens", "checkpointing", "needs", "fits", "evaluation needs")


def table(plan: Plan) -> str:
    """Return the plan: what it was made for, a row for each option, and what to take and why."""
    head = [
        f"{plan.student} ({millions(plan.parameters)} parameters), {plan.said}",
        f"{plan.device.name}: {size(plan.device.bytes)} for training",
        "",
    ]
    rows = [_HEAD, *(cells for line in plan.lines for cells in _rows(plan, line))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*head, *shown, "", reason(plan)])


def _rows(plan: Plan, line: Line) -> list[tuple[str, ...]]:
    if line.asked.missing:
        return [(NAMES[line.asked.modality], "", "", "", f"not planned: {line.asked.missing}", "")]
    rows = [_cells(plan, line, line.asked)]
    if line.turned:
        rows.append(_cells(plan, line, line.turned))
    return rows


def _cells(plan: Plan, line: Line, option: Option) -> tuple[str, ...]:
    over = option.bytes - plan.device.bytes
    fits = f"no, {size(over)} too much" if over > 0 else f"yes, {size(-over)} left"
    if option is line.turned:
        fits += f" ({size(line.asked.bytes - option.bytes)} less)"
    evaluation = size(line.evaluation_bytes) + ("" if plan.evaluates(line) else ", too much")
    ticked = "on" if option.checkpointing else "off"
    return (NAMES[option.modality], str(option.micro_tokens), ticked, size(option.bytes), fits, evaluation)


def reason(plan: Plan) -> str:
    """Say in a sentence what to take, and where that departs from the paper's rule of thumb."""
    chosen, rule = plan.choice, rule_of_thumb(plan.device)
    if chosen is None or chosen.best is None:
        if any(line.best for line in plan.lines):
            return (
                "A training fits, and the evaluation behind it does not: set evaluate.batch lower, or take shorter "
                "prompts (task.prompt_tokens), a smaller student or more memory."
            )
        return (
            "Nothing fits, with any micro-batch and with checkpointing: take a smaller student, shorter prompts "
            f"(task.prompt_tokens) or more memory. The paper's rule of thumb would take {NAMES[rule]} here."
        )
    best = chosen.best
    why = (
        "it fits, and full fine-tuning was best in the paper"
        if best.modality == "full"
        else "what is before it does not"
    )
    keys = [f"train.modality={best.modality}"]
    keys += [f"train.micro_tokens={best.micro_tokens}"] if best.micro_tokens != chosen.asked.micro_tokens else []
    keys += ["train.checkpointing=true"] if best.checkpointing and not chosen.asked.checkpointing else []
    same = "as the paper's rule of thumb has it" if rule == best.modality else _departs(plan, rule)
    batch = f"the effective batch stays {plan.batch}, in micro-batches of at most {best.micro_tokens} tokens"
    return f"Take {' '.join(keys)}: {why}; {batch}. {same[0].upper() + same[1:]}."


def _departs(plan: Plan, rule: str) -> str:
    return (
        f"the paper's rule of thumb takes {NAMES[rule]} at {size(plan.device.bytes)}: it knows neither the student's "
        f"{millions(plan.parameters)} parameters nor the lengths, which were computed here"
    )


def data(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON data."""
    choice = plan.choice.best if plan.choice else None
    return {
        "student": plan.student,
        "parameters": plan.parameters,
        "device": {"name": plan.device.name, "bytes": plan.device.bytes, "fixed_bytes": plan.device.fixed},
        "rows": plan.said,
        "options": [_option(plan, line, each) for line in plan.lines for each in (line.asked, line.turned) if each],
        "choice": None if choice is None else _keys(choice),
        "rule_of_thumb": rule_of_thumb(plan.device),
        "reason": reason(plan),
    }


def _keys(option: Option) -> dict[str, Any]:
    return {
        "modality": option.modality,
        "micro_tokens": option.micro_tokens,
        "checkpointing": option.checkpointing,
        "precision": option.precision,
    }


def _option(plan: Plan, line: Line, option: Option) -> dict[str, Any]:
    if option.missing:
        return {**_keys(option), "missing": option.missing}
    return {
        **_keys(option),
        "fits": option.fits,
        "bytes": option.bytes,
        "tensor_bytes": option.tensor_bytes,
        "bytes_by_kind": option.kinds,
        "peak_at": option.moment,
        "evaluation_bytes": line.evaluation_bytes,
        "evaluation_fits": plan.evaluates(line),
    }


def size(count: float) -> str:
    """Return bytes as text, in the units of data sheets (10⁹)."""
    return f"{count / GB:.1f} GB" if count >= GB / 10 else f"{count / 10**6:.1f} MB"


def millions(count: int) -> str:
    """Return a number of parameters as text."""
    return f"{count / 1e9:.1f}B" if count >= 10**9 else f"{count / 1e6:.1f}M"
