"""Texts that are hard to tokenize, and what Hugging Face tokenizers makes of them, for make_text.py.

Offsets of Python are code points; ours are UTF-16 units, and are converted here.
"""

TEXTS = [
    "",
    " ",
    "   ",
    "Hello, world!",
    "  leading and trailing  ",
    "tabs\tand\nnew\r\nlines\n\n end",
    "I can't, won't, shouldn't've; it's we'll they're I'd I'm.",
    "naïve café résumé Ångström",
    "nai\u0308ve cafe\u0301 re\u0301sume\u0301 A\u030angstro\u0308m",
    "o\u0323\u0302\u0301 q\u0307\u0323 \u1e69\u0323 a\u0315\u0300\u05ae\u0300b",
    "İstanbul ISPARTA ığdır",
    "ΣΊΣΥΦΟΣ Όσος ΑΣ",
    "straße GROẞ ﬁn oﬃce ½ ① ㎏ Ⅷ",
    "今天天气很好。私は学生です。한국어 문장입니다",
    "\u1112\u1161\u11ab\u1100\u1173\u11af 각\u11a8",
    "mixed中文and英文words",
    "😀",
    "a😀b 👩\u200d👩\u200d👧\u200d👦 🇩🇪🇫🇷 👍🏽!",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠀀𠀁 x",
    "zero\u200bwidth\u200djoin\u2060er\ufeffbom soft\u00adhyphen",
    "nbsp\u00a0thin\u2009ideo\u3000line\u2028par\u2029nel\u0085x",
    "control\u0000\u0001\u0007chars\u007f\u009f\ufffd end",
    "\u0000start",
    "x[MASK]y [CLS] [SEP] <s></s><pad> <mask>tail",
    "a <mask> b  <mask>  c<mask>",
    "<|endoftext|>Hello<|endoftext|><|endoftext|>",
    "token tokens tokenXY XYtoken XY, XY-XY xy",
    "1234567890 3.14159 1,000,000 v2.0.1 ٣٤٥ ½",
    "http://example.com/path?q=a%20b&c=d#frag user@mail.org",
    "def f(x):\n    return x**2  # square\n\n\tpass",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbb abababababab",
    "``quoted'' “curly” ‘single’ «guil» — – … ¿Qué?",
    "السلام عليكم שלום עֲלֵיכֶם",
    "हिन्दी में नमस्ते ภาษาไทย ไม่มีวรรค",
    "Ünïcödé ŞĞİ ñ ç ø å æ œ ð þ",
    "▁underscore ▁▁ two_words __init__",
    "<0x41><0x0A> bytes ÿ þ \u00ff",
    "e\u0301" * 6 + "x" + "\u0301\u0301",
    "\u0301leading mark",
    "don't  do   not    do",
    "UPPER lower MiXeD cAsE TITLE Case",
    "!?.,;:-()[]{}<>@#$%^&*_+=|\\/~`'\"",
    "a\u0600b \u0601 1 \u0e33 \u0f71\u0f72 \u0344",
    "～ full－width ＡＢＣ １２３ ｶﾞ",
]

PAIRS = [
    ("Hello, world! How are you today?", "I am fine, thank you very much indeed."),
    ("one two three four five six seven eight nine ten eleven twelve", "short"),
    ("short 😀", "one two three four five six seven eight nine ten eleven twelve é"),
    ("", "only the second"),
    ("only the first", ""),
]


def units(text):
    """UTF-16 units before each code point, and at the end."""
    places = [0]
    for char in text:
        places.append(places[-1] + (2 if ord(char) > 0xFFFF else 1))
    return places


def pack(encoding, texts):
    """An encoding as ids, names, offsets (flat), words, type ids, special tokens, texts."""
    places = [units(text) for text in texts]
    offsets = []
    for (start, end), sequence in zip(encoding.offsets, encoding.sequence_ids):
        table = places[sequence or 0]
        offsets += [table[start], table[end]] if sequence is not None else [start, end]
    return {
        "ids": encoding.ids,
        "tokens": encoding.tokens,
        "offsets": offsets,
        "words": encoding.word_ids,
        "types": encoding.type_ids,
        "special": encoding.special_tokens_mask,
        "sequences": encoding.sequence_ids,
    }


def windows(tokenizer, first, second, length, stride, strategy, direction):
    """All windows of a text or a pair, or the word "error".

    The texts are encoded whole and truncated with their special tokens: tokenizers 0.23 else stops reading a text where the
    first window is full, and the windows after it are lost.
    """
    post_processor = tokenizer.post_processor
    try:
        tokenizer.post_processor = None
        raw = [tokenizer.encode(text) for text in (first, second) if text is not None]
        tokenizer.post_processor = post_processor
        tokenizer.enable_truncation(length, stride=stride, strategy=strategy, direction=direction)
        encoding = tokenizer.post_process(*raw)
    except BaseException:  # a panic of Rust is no Exception
        return "error"
    finally:
        tokenizer.post_processor = post_processor
        tokenizer.no_truncation()
    texts = [first] if second is None else [first, second]
    packed = [pack(each, texts) for each in [encoding, *encoding.overflowing]]
    return [{key: each[key] for key in ("ids", "offsets", "sequences")} for each in packed]


def goldens(tokenizer, with_windows, texts=TEXTS, pairs=PAIRS):
    """What a tokenizer makes of texts, of pairs and of long ones."""
    encodings = []
    for text in texts:
        encoding = tokenizer.encode(text)
        plain = tokenizer.encode(text, add_special_tokens=False)
        encodings.append(
            {
                **pack(encoding, [text]),
                "plain": plain.ids,
                "decoded": tokenizer.decode(encoding.ids),
                "decodedAll": tokenizer.decode(encoding.ids, skip_special_tokens=False),
            }
        )
    paired = [
        {
            **pack(tokenizer.encode(first, second), [first, second]),
            "plainTypes": tokenizer.encode(first, second, add_special_tokens=False).type_ids,
        }
        for first, second in pairs
    ]
    cut = []
    for strategy in () if not with_windows else ("longest_first", "only_first", "only_second"):
        for length, stride in ((8, 0), (9, 2), (11, 3)):
            for index, (first, second) in enumerate(pairs):
                for direction in ("right", "left") if stride == 2 else ("right",):
                    for partner in (second, None):
                        cut.append(
                            {
                                "pair": index,
                                "single": partner is None,
                                "strategy": strategy,
                                "length": length,
                                "stride": stride,
                                "direction": direction,
                                "windows": windows(tokenizer, first, partner, length, stride, strategy, direction),
                            }
                        )
    return {"encodings": encodings, "pairs": paired, "cut": cut}
