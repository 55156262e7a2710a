"""The student learns.

tree         attention over packs: shared prefixes, branches that do not see each other
batches      lessons → rows → micro-batches
loss         the DSS loss of a micro-batch
step         one optimizer step on an effective batch
loop         schedule, validation, resume
parallel     the loss as one module, for DDP and FSDP2
ranks        several processes: who is who
optimizers   AdamW, also with 8-bit moments
meter        rates, share of the GEMM ceiling (flops), bytes by kind (held)
checkpoints  one atomic safetensors file
memory       peak bytes, keeping memory
stage        dataset → model
"""
