"""Names that Hugging Face transformers' GenerationConfig has: python make_attributes.py > attributes.json"""
import json

import transformers

names = sorted(vars(transformers.GenerationConfig()))
print(json.dumps({"version": transformers.__version__, "attributes": names}))
