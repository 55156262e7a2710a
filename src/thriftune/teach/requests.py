"""What is sent to a live teacher: the messages of a question, of a second try, and the bill of it all."""

from typing import Any

from thriftune.prompts import Prompt
from thriftune.recipe import Teacher as Settings
from thriftune.records import Reject

Examples = list[tuple[str, str]]
Request = dict[str, Any]

RULES = """
First reason in two or three sentences: name the fields, the operators, the values and why.
Then give the answer alone. Write exactly:
<rationale>your reasoning</rationale>
<answer>the answer</answer>"""
MENDED = "That answer cannot be used ({reason}: {detail}). Answer the question again, whole, in the same form."


def question(settings: Settings, prompt: Prompt, examples: Examples) -> Request:
    """Return the request for an answer; `examples` are (question, response) pairs shown before it."""
    messages = [{"role": "system", "content": prompt.instructions + RULES}]
    for asked, response in examples:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": response}]
    messages.append({"role": "user", "content": prompt.question})
    return chat(settings, messages, settings.temperature)


def again(before: Request, response: str, fault: Reject) -> Request:
    """Return the request that shows a teacher its answer and what is wrong with it."""
    told = MENDED.format(reason=fault.reason, detail=fault.detail[:500])
    turns = [{"role": "assistant", "content": response[:4000]}, {"role": "user", "content": told}]
    return before | {"messages": [*before["messages"], *turns]}


def chat(settings: Settings, messages: list[dict[str, str]], temperature: float) -> Request:
    """Return a request of OpenAI's chat completions."""
    return {
        "model": settings.model,
        "messages": messages,
        "max_tokens": settings.max_tokens,
        "temperature": temperature,
    }
