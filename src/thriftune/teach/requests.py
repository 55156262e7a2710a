"""What is sent to a live teacher: the messages of a question, of a second try, and the bill of it all."""

import json
from typing import Any

from thriftune.prompts import Prompt
from thriftune.recipe import Teacher as Settings
from thriftune.records import Reject
from thriftune.teach.parse import Parsed, parse

Examples = list[tuple[str, str]]
Request = dict[str, Any]

_REASON = """
First reason in two or three sentences: name the fields, the operators, the values and why.
Then give the answer alone. Write exactly:
"""
_IN_TAGS = "<rationale>your reasoning</rationale>\n<answer>the answer</answer>"
_IN_JSON = '{"rationale": "your reasoning", "answer": "the answer as text"}'
_SCHEMA = {
    "type": "object",
    "properties": {"rationale": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["rationale", "answer"],
    "additionalProperties": False,
}
# what is asked of servers that can hold a model to a form
_FORMS: dict[str, Request] = {
    "tags": {},
    "json_object": {"response_format": {"type": "json_object"}},
    "json_schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "lesson", "strict": True, "schema": _SCHEMA},
        }
    },
}
MENDED = "That answer cannot be used ({reason}: {detail}). Answer the question again, whole, in the same form."


def question(settings: Settings, prompt: Prompt, examples: Examples) -> Request:
    """Return the request for an answer; `examples` are (question, response) pairs shown before it."""
    in_json = settings.output != "tags"
    rules = _REASON + (_IN_JSON if in_json else _IN_TAGS)
    messages = [{"role": "system", "content": prompt.instructions + rules}]
    for asked, response in examples:
        shown = _in_json(response) if in_json else response
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": shown}]
    messages.append({"role": "user", "content": prompt.question})
    return chat(settings, messages, settings.temperature) | _FORMS[settings.output]


def _in_json(response: str) -> str:
    found = parse(response)
    if not isinstance(found, Parsed):
        return response
    return json.dumps({"rationale": found.rationale, "answer": found.label}, ensure_ascii=False)


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
