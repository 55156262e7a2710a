"""OpenAI's chat completions: from a request to a job, from what was written to a response.

A model is called `NAME/COLLECTION`; with `:explain` behind it, it writes the reason before the answer, in tags, or as
JSON where the request asks for JSON. Decoding is greedy: `temperature`, `top_p` and `seed` change nothing.
"""

import json
from typing import Annotated, Any, Literal

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from thriftune.ship.queue import Done

_EXPLAIN = ":explain"
_BOTH = {"rationale", "answer"}


class _Part(BaseModel):
    type: Literal["text"]
    text: str


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]

    @property
    def text(self) -> str:
        """The text of all parts."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class _Schema(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    schema_: Any = Field(alias="schema")


class _Format(BaseModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class Chat(BaseModel):
    """A request. Only what is here has an effect, and of the rest what would change the answer is refused."""

    model: str
    messages: Annotated[list[_Message], Field(min_length=1)]
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    max_completion_tokens: Annotated[int, Field(gt=0)] | None = None
    response_format: _Format = _Format(type="text")
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    stop: None = None

    @property
    def asked(self) -> str:
        """The question: the last message, which is the user's."""
        return self.messages[-1].text

    @property
    def explains(self) -> bool:
        """Whether the reason is wanted too."""
        return self.model.endswith(_EXPLAIN)

    @property
    def collection(self) -> str:
        """The name of the collection that is asked."""
        return self.model.removesuffix(_EXPLAIN).partition("/")[2]

    @property
    def name(self) -> str:
        """The name of the model without collection."""
        return self.model.removesuffix(_EXPLAIN).partition("/")[0]

    @property
    def schema_text(self) -> str | None:
        """The JSON Schema that the answer itself has to obey, if any."""
        chosen = self.response_format
        if chosen.type != "json_schema" or self._is_of_both():
            return None
        return json.dumps(chosen.json_schema.schema_ if chosen.json_schema else {})

    def most_tokens(self, most: int) -> int:
        """Return how many tokens may be written: what is asked for, but not more than `most`."""
        return min(most, self.max_completion_tokens or self.max_tokens or most)

    def _is_of_both(self) -> bool:
        schema = self.response_format.json_schema.schema_ if self.response_format.json_schema else None
        return self.explains and isinstance(schema, dict) and set(schema.get("properties", {})) == _BOTH


def read(value: Any) -> Chat:
    """Return the request.

    Raises:
        HTTPException: 400, it is none; or it holds a conversation, which this student has not learned.
    """
    try:
        chat = Chat.model_validate(value)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise HTTPException(400, f"{where or 'the request'}: {fault['msg']}") from error
    if chat.messages[-1].role != "user" or not chat.asked.strip():
        raise HTTPException(400, "messages: the last one is the user's question, and not empty")
    return chat


def content(chat: Chat, answer: Done, reason: Done | None) -> str:
    """Return the text of a response."""
    if reason is None:
        return answer.text
    if chat.response_format.type == "text":
        return f"<rationale>{reason.text}</rationale>\n<answer>{answer.text}</answer>"
    return json.dumps({"rationale": reason.text, "answer": answer.text}, ensure_ascii=False)


def completion(identity: str, created: int, chat: Chat, answer: Done, reason: Done | None) -> dict[str, Any]:
    """Return a whole response."""
    message = {"role": "assistant", "content": content(chat, answer, reason)}
    choice = {"index": 0, "message": message, "finish_reason": finish(answer, reason), "logprobs": None}
    head = {"id": identity, "object": "chat.completion", "created": created, "model": chat.model}
    return head | {"choices": [choice], "usage": usage(answer, reason)}


def chunk(identity: str, created: int, chat: Chat, delta: dict[str, str], end: str | None = None) -> dict[str, Any]:
    """Return one piece of a streamed response."""
    head = {"id": identity, "object": "chat.completion.chunk", "created": created, "model": chat.model}
    return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": end, "logprobs": None}]}


def finish(answer: Done, reason: Done | None) -> str:
    """Return why the text ends."""
    return "length" if answer.cut_off or (reason and reason.cut_off) else "stop"


def usage(answer: Done, reason: Done | None) -> dict[str, int]:
    """Return the tokens read and written."""
    written = answer.tokens + (reason.tokens if reason else 0)
    read_ = answer.prompt_tokens + (reason.prompt_tokens if reason else 0)
    return {"prompt_tokens": read_, "completion_tokens": written, "total_tokens": read_ + written}
