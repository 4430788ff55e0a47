"""What transformers takes for the same work, for orientation: a job as JSON on standard input, times in milliseconds as JSON on standard output.

{"task": "text-classification", "folder", "texts", "sizes"} → {"best", "ms"}, the best of the batch sizes by the first texts;
{"task": "text-generation", "folder", "prompts", "tokens"} → {"first", "all"}, for one token and for all. Threads are torch's own choice.
"""
import json
import sys
import time

import torch
import transformers as T

job = json.load(sys.stdin)
# AutoTokenizer goes by the model's type, which names another than the file holds.
tokenizer = T.PreTrainedTokenizerFast.from_pretrained(job["folder"])


def timed(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000


def classify():
    classifier = T.pipeline("text-classification", model=job["folder"], tokenizer=tokenizer)
    texts = job["texts"]
    run = lambda texts, size: classifier(texts, batch_size=size, truncation=True)
    few = texts[:40]
    run(few[:8], 8)
    best = min(job["sizes"], key=lambda size: timed(lambda: run(few, size)))
    return dict(best=best, ms=timed(lambda: run(texts, best)))


def generate():
    model = T.AutoModelForCausalLM.from_pretrained(job["folder"]).eval()
    ids = tokenizer(job["prompts"], return_tensors="pt", return_token_type_ids=False)
    run = lambda count: model.generate(**ids, do_sample=False, max_new_tokens=count, min_new_tokens=count)
    run(1)
    return dict(first=timed(lambda: run(1)), all=timed(lambda: run(job["tokens"])))


with torch.no_grad():
    print(json.dumps(classify() if job["task"] == "text-classification" else generate()))
