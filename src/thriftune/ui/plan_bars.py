"""Memory as stacked bars, one for each modality, against the line of what there is. HTML, so that it fits a phone."""

from html import escape
from typing import TYPE_CHECKING

from thriftune.plan.text import NAMES, size

if TYPE_CHECKING:
    from thriftune.plan.make import Plan
    from thriftune.plan.options import Option

KINDS = {
    "parameters": "parameters",
    "quantisation": "constants of the 4-bit weights",
    "gradients": "gradients",
    "optimizer": "optimizer state",
    "activations": "activations",
    "temporaries": "temporaries",
    "beside": "beside tensors",
}


def bars(plan: "Plan") -> str:
    """Return the bars of a plan as HTML. What does not fit as asked has a second bar: turned until it fits."""
    options = [option for line in plan.lines for option in (line.asked, line.turned) if option]
    whole = 1.06 * max([plan.device.bytes, *(option.bytes for option in options if not option.missing)])
    at = 100 * plan.device.bytes / whole
    rows = "".join(_row(plan, option, whole, at) for option in options)
    used = [kind for kind in KINDS if any(kind in _parts(option) for option in options if not option.missing)]
    key = "".join(f'<li><i class="k-{kind}"></i>{KINDS[kind]}</li>' for kind in used)
    line = f"The line is the memory there is: {size(plan.device.bytes)}."
    return f'<div class="bars">{rows}</div><ul class="key-kinds">{key}</ul><p class="note">{line}</p>'


def _row(plan: "Plan", option: "Option", whole: float, at: float) -> str:
    name = NAMES[option.modality]
    if option.missing:
        return f'<div class="bar-row"><b>{name}</b><p class="note">not planned: {escape(option.missing)}</p></div>'
    turned = any(option is line.turned for line in plan.lines)
    how = f", micro-batches of {option.micro_tokens} tokens{', checkpointing' if option.checkpointing else ''}"
    over = option.bytes - plan.device.bytes
    fits = f"{size(over)} too much" if over > 0 else f"fits, {size(-over)} left"
    parts = "".join(
        f'<i class="k-{kind}" style="width:{100 * count / whole:.3f}%" title="{KINDS[kind]}: {size(count)}"></i>'
        for kind, count in _parts(option).items()
    )
    told = f"{name}{how if turned else ''}: {size(option.bytes)}, {fits}"
    return (
        f'<div class="bar-row {"over" if over > 0 else "fits"}"><div class="bar-head"><b>{name}</b>'
        f"<span>{how.removeprefix(', ') if turned else ''}</span>"
        f'<span class="bar-size">{size(option.bytes)} · <em>{fits}</em></span></div>'
        f'<div class="bar-stack" role="img" aria-label="{escape(told)}">{parts}'
        f'<u style="left:{at:.3f}%"></u></div></div>'
    )


def _parts(option: "Option") -> dict[str, int]:
    """The bytes by kind, in the order of the key, and last what the process takes beside its tensors."""
    found = {kind: option.kinds[kind] for kind in KINDS if option.kinds.get(kind)}
    return {**found, "beside": option.bytes - option.tensor_bytes}
