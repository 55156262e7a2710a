"""From a trained model to folders that others load, each proved to be the model that was trained.

prompt      prompt.json: how question and instructions become token ids
merge       weights and adapters as ordinary model folders
llama_cpp   GGUF files and the Ollama Modelfile
card        the model card: README.md
worker      a fresh process answers with what was exported
parity      its answers beside those of the trained model
stage       one export from start to end
"""
