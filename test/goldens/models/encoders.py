"""Goldens of BERT and its kin. Run: python test/goldens/models/encoders.py"""
from transformers import AlbertConfig, BertConfig, CamembertConfig, DistilBertConfig, RobertaConfig, XLMRobertaConfig
import transformers as T

from common import IDS, MASK, case, write

SIZES = dict(vocab_size=24, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=20, max_position_embeddings=12)
TYPES = [[0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 0, 0]]
HEADS = ["Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMaskedLM"]
THREE = lambda head: {} if head == "ForQuestionAnswering" else dict(id2label={0: "A", 1: "B", 2: "C"}, label2id={"A": 0, "B": 1, "C": 2})

for name, config in [("Bert", BertConfig), ("Albert", AlbertConfig)]:
    more = dict(embedding_size=8, num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2) if name == "Albert" else {}
    for head in HEADS:
        model = getattr(T, name + head)(config(**{**SIZES, **THREE(head), **more}))
        case(model, dict(input_ids=IDS, attention_mask=MASK, token_type_ids=TYPES))
case(T.BertForMaskedLM(BertConfig(**SIZES, tie_word_embeddings=False, hidden_act="relu")), dict(input_ids=IDS, attention_mask=MASK), note="untied")
case(T.RobertaForMaskedLM(RobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=1, tie_word_embeddings=False)), dict(input_ids=IDS, attention_mask=MASK), note="untied")
case(T.AlbertForMaskedLM(AlbertConfig(**SIZES, embedding_size=8, tie_word_embeddings=False)), dict(input_ids=IDS, attention_mask=MASK), note="untied")
case(T.BertModel(BertConfig(**SIZES, hidden_act="gelu_new", type_vocab_size=1)), dict(input_ids=IDS, attention_mask=[[0, 0, 1, 1, 1, 1], [1] * 6]), note="padding in front")

PADDED = [[0, 7, 11, 5, 9, 2], [0, 8, 4, 2, 1, 1]]
for name, config in [("Roberta", RobertaConfig), ("XLMRoberta", XLMRobertaConfig), ("Camembert", CamembertConfig)]:
    for head in HEADS:
        model = getattr(T, name + head)(config(**{**SIZES, **THREE(head)}, type_vocab_size=1, pad_token_id=1))
        case(model, dict(input_ids=PADDED, attention_mask=MASK))
case(T.RobertaModel(RobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=1)), dict(input_ids=[[1, 1, 0, 8, 4, 2]], attention_mask=[[0, 0, 1, 1, 1, 1]]), note="padding in front")

DISTIL = dict(vocab_size=24, dim=16, n_layers=2, n_heads=4, hidden_dim=20, max_position_embeddings=12)
for head in HEADS:
    case(getattr(T, "DistilBert" + head)(DistilBertConfig(**DISTIL, **THREE(head))), dict(input_ids=IDS, attention_mask=MASK))
write("encoders")
