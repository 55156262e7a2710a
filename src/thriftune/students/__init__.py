"""The models that learn: loading them in full precision, as LoRA or as QLoRA, and the embedded default."""
