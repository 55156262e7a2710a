"""The student learns.

tree         attention over packs: shared prefixes, branches that do not see each other
batches      lessons → rows → micro-batches
loss         the DSS loss of a micro-batch
loop         optimizer steps, schedule, resume
checkpoints  one atomic safetensors file
memory       peak bytes, keeping memory
stage        dataset → model
"""
