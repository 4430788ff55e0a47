"""Writes chat.json: chat templates in the formats of well-known models, written here, and what transformers renders with them.

Run with transformers installed: python test/goldens/text/make_chat.py
"""
import json
from pathlib import Path

import transformers
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

here = Path(__file__).parent

CHATML = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\nYou may call these:\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(last_user=-1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.last_user == -1 and message.role == "user" %}
        {%- set ns.last_user = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content if message.content is string else '' %}
        {%- if '</think>' in content %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- for call in message.tool_calls or [] %}
            {%- set call = call.function if call.function else call %}
            {{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {{- call.arguments if call.arguments is string else call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or messages[loop.index0 - 1].role != "tool" %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' ~ message.content ~ '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != "tool" %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

MISTRAL = """{{ bos_token }}{% set loop_messages = messages %}{% if messages[0]['role'] == 'system' %}
{% set system = messages[0]['content'] %}{% set loop_messages = messages[1:] %}
{% endif %}
{% for message in loop_messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {% endif %}
    {% if message['role'] == 'user' %}
{{ '[INST] ' }}{% if loop.first and system is defined %}{{ system + '\\n\\n' }}{% endif %}{{ message['content'] + ' [/INST]' }}
    {% elif message['role'] == 'assistant' %}
{{ ' ' + message['content'] | trim + eos_token}}
    {% endif %}
{% endfor %}
"""

BLOCKS = """{%- macro text(content) -%}
{%- if content is string -%}{{ content }}{%- else -%}
{%- for block in content -%}{%- if block.type == 'image' -%}<image>{%- else -%}{{ block.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{% for message in messages if message.role != 'hidden' %}
{% if loop.index > 3 %}{% break %}{% endif %}
<{{ message.role | upper }} n="{{ loop.index }}/{{ loop.length }}">{{ text(message.content) }}</{{ message.role }}>
{% else %}
nothing
{% endfor %}
{% for document in documents or [] %}{{ document.title | title }}: {{ document.text | replace('a', 'o') }};
{% endfor %}
{{ messages | map(attribute='role') | join(', ') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }}
{{ {'b': [1, 2.5, none, true, 'ü"'], 'a': {}} | tojson }}{{ extra | default('none given') }}
"""

GENERATION = """{% for message in messages %}{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{% endgeneration %}
{% else %}{{ message.content }}|{% endif %}{% endfor %}"""

TEMPLATES = {"chatml": CHATML, "llama3": LLAMA3, "mistral": MISTRAL, "blocks": BLOCKS, "generation": GENERATION}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a place, in °C.",
            "parameters": {
                "type": "object",
                "properties": {"place": {"type": "string"}, "days": {"type": "integer", "enum": [1, 3]}},
                "required": ["place"],
            },
        },
    }
]
SYSTEM = {"role": "system", "content": "  Be brief. "}
USER = {"role": "user", "content": "Hello,\nhow's the weather in Zürich? 😀"}
ANSWER = {"role": "assistant", "content": "<think>hm</think>\n\nI do not know. "}
AGAIN = {"role": "user", "content": "Ask someone!"}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {"place": "Zürich", "days": 3}}}],
}
RESULT = {"role": "tool", "name": "get_weather", "content": '{"sun": true}'}
PICTURE = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}

CONVERSATIONS = {
    "one": ([USER], {}),
    "prompt": ([SYSTEM, USER], {"add_generation_prompt": True}),
    "long": ([SYSTEM, USER, ANSWER, AGAIN], {"add_generation_prompt": True}),
    "tools": ([SYSTEM, USER, CALL, RESULT], {"tools": TOOLS, "add_generation_prompt": True}),
    "continued": ([USER, ANSWER], {"continue_final_message": True}),
    "continuedPlain": ([USER, {"role": "assistant", "content": "The weather is"}], {"continue_final_message": True}),
    "continuedBlocks": ([USER, PICTURE], {"continue_final_message": True}),
    "thinking": ([USER], {"add_generation_prompt": True, "enable_thinking": False, "extra": "x"}),
    "date": ([USER], {"date_string": "01 Jan 2030"}),
    "documents": ([PICTURE, ANSWER, USER, AGAIN], {"documents": [{"title": "a tale", "text": "banana"}]}),
    "twice": ([USER, USER], {}),
    "empty": ([], {}),
}
NAMES = {
    "add_generation_prompt": "addGenerationPrompt",
    "continue_final_message": "continueFinalMessage",
}

if __name__ == "__main__":
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, unk_token="<unk>")),
        bos_token="<s>",
        eos_token="</s>",
    )
    cases = []
    for template_name, template in TEMPLATES.items():
        for name, (messages, options) in CONVERSATIONS.items():
            # Only one of the templates knows contents that are no text.
            if PICTURE in messages and template_name != "blocks":
                continue
            try:
                text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **options)
            except Exception:
                text = None
            renamed = {NAMES.get(key, key): value for key, value in options.items()}
            cases.append({"template": template_name, "name": name, "messages": messages, "options": renamed, "text": text})
    (here / "chat.json").write_text(
        json.dumps(
            {"transformers": transformers.__version__, "templates": TEMPLATES, "cases": cases}, ensure_ascii=False, indent=1
        )
        + "\n",
        encoding="utf-8",
    )
