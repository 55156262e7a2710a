"""From a trained model to its users: answers, and folders that others load, proved to be the model that was trained.

predict     answers in this process; wrong keeps the questions that were answered wrong
queue       answers for many who ask at once, in batches
server      the same over HTTP

source      what is exported, and `export.json` (about)
forms       the files of each form: merge (PEFT, transformers), gguf, ollama
prompt      prompt.json: how question and instructions become token ids
worker      a fresh process answers with what lies in a folder; fresh starts it
proof       its answers beside the trained model's, judged by the task; parity has the margins
card        the model card, with the lines that load it (loading)
stage       one export from start to end
"""
