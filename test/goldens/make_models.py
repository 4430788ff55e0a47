"""Makes test/fixtures/tiny-distilbert (random weights, every bias and norm non-trivial) and its logits and fine-tuning
losses in models.json, with logits of a padded batch of each architecture.

Run with torch and transformers installed: python test/goldens/make_models.py
"""
import json
from pathlib import Path

import torch
import transformers
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    get_linear_schedule_with_warmup,
)

here = Path(__file__).parent
folder = here.parent / "fixtures" / "tiny-distilbert"
torch.manual_seed(11)
config = DistilBertConfig(
    vocab_size=64, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=24,
    dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0, num_labels=3,
    id2label={0: "NEGATIVE", 1: "NEUTRAL", 2: "POSITIVE"},
)
model = DistilBertForSequenceClassification(config).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        scale = 0.2 if parameter.ndim > 1 else 0.1
        parameter.add_(torch.randn_like(parameter) * scale)
model.save_pretrained(folder)

rows = [[2, 17, 45, 9, 63, 3], [2, 31, 3], [2, 5, 5, 8, 13, 21, 34, 55, 3]]
length = max(map(len, rows))
ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
with torch.no_grad():
    logits = model(input_ids=ids, attention_mask=mask).logits

# Ten steps of fine-tuning with padding in the batch, decay for matrices alone, clipping and a warm-up.
model.train()
decay = [p for p in model.parameters() if p.ndim > 1]
rest = [p for p in model.parameters() if p.ndim <= 1]
optimizer = torch.optim.AdamW(
    [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], lr=3e-3
)
scheduler = get_linear_schedule_with_warmup(optimizer, 2, 10)
labels = torch.tensor([0, 2, 1])
steps = []
for _ in range(10):
    optimizer.zero_grad()
    loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    steps.append({"loss": loss.item(), "gradNorm": norm.item(), "learningRate": scheduler.get_last_lr()[0]})
    optimizer.step()
    scheduler.step()

golden = {
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    "ids": rows,
    "labels": labels.tolist(),
    "logits": logits.tolist(),
    "steps": steps,
}
(here / "models.json").write_text(json.dumps(golden) + "\n")
