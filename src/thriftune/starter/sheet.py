"""A sheet to paste into any chat model, for whoever has no teacher that a program can ask.

It shows the index and asks for lessons in the form that `teacher.lessons` takes. What comes back is verified by running
it, as every teacher's answers are.
"""

import json
from typing import Any

from thriftune.tasks.query_dsl.prompt import lines_of, values_of

SHEET = "ask-a-chat-model.txt"
_SHOWN, _LONGEST = 5, 600  # documents, and characters of each
_SHEET = """You know Elasticsearch and OpenSearch well. Below are the fields of the index {index}, and some of
its documents.

Write 30 questions that people would ask of it, and answer each. Write JSON lines, one answered question a line, and
nothing else:

{{"prompt": "the question", "dsl": {{"query": …}}, "rationale": "why"}}

prompt     as people would type it; not the name of a field, but the words of somebody who does not know the fields
dsl        the whole search body: query, and size, sort or aggs where the question asks for them; no scripts
rationale  two or three sentences: which fields, which operators, which values, and why

Write each question twice, in other words, with the same dsl and the same rationale word for word. Ask for things that
are there: use values of the documents. Vary the kinds of question: exact values, ranges, dates, several conditions,
negation, missing values, words of a text, sorting, the first few, counts, averages by group.

Fields:
{fields}

Documents:
{documents}
"""


def sheet(index: str, mapping: dict[str, Any], documents: list[dict[str, Any]]) -> str:
    """Return the sheet; its fields carry the values that the documents hold."""
    lines = lines_of(mapping, {}, values_of(mapping, documents))
    shown = [json.dumps(document, ensure_ascii=False)[:_LONGEST] for document in documents[:_SHOWN]]
    return _SHEET.format(index=index, fields="\n".join(lines.values()), documents="\n".join(shown))
