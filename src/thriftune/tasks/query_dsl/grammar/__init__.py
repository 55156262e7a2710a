"""The grammar of the bodies that fit one mapping: known clauses, its fields where they fit, values of their types.

`body` puts it together; `fields` sorts the fields by what may be asked of them, `values` spells values, `queries` and
`aggregations` hold the rules. The text is a Lark grammar in llguidance's dialect, with parametric rules where keys may
stand in any order but only once.

Wider than the lessons of the demo, and still a part of the DSL. Left out: `regexp` and `query_string` (they have
grammars of their own), scripts, `function_score`, `boosting`, pipeline aggregations, `composite`, `top_hits`,
highlighting, `collapse`, `search_after`.
"""

from thriftune.tasks.query_dsl.grammar.body import grammar_of

__all__ = ["grammar_of"]
