"""A teacher's answers become verified lessons.

parse     a raw response → rationale and label, or a named fault
teachers  who answers: the contract, and the recorded teacher
live      a chat model behind a server: requests (what is sent), pool (many at once), client (one, patiently),
          ledger (what was paid)
expand    new questions from the teacher; coverage plans what to ask for, listing reads what it wrote
verify    which answers become lessons
agree     of several answers to one question, what most of them say
doubts    why an accepted lesson may be wrong all the same
reviews   what people decided, a layer above the record; review walks the lessons in a terminal
stage     questions → lessons.jsonl, rejects.jsonl, doubts.jsonl
build     the teacher that a recipe names, and its bill
"""
