/* echo_read.c - what is asked of the echo, in any dialect. */
#include "base/array.h"
#include "channel/echo.h"
#include "chat/peek.h"
#include "json/raw.h"
#include "json/scan.h"

/*
 * The answer is the text of the last user message.  "call NAME" in it, where NAME
 * is a tool that is offered, or "call tool" for the first one, calls that tool with
 * the first JSON object of the text, else {}.  A tool_choice may force a call as
 * well.  A tool's result is echoed as text, so that an agent comes to its end.
 */

enum choice { CHOICE_FREE, CHOICE_NONE, CHOICE_FORCED };

struct asked {
    struct slice last;  // content of the last message: the user's, or a tool's result
    struct slice tools; // each with a name
    bool is_result;
    enum choice choice;
    struct slice forced; // name of the tool, a literal; empty: the first one
    struct slice max_tokens;
};

static bool is_word(struct slice value, struct slice word)
{
    return json_string_eq(value, word);
}

/* A string, or the texts among a list of parts, a line each. */
static void append_text(struct buf *out, struct slice content)
{
    struct peek p = peek_into(content);
    struct slice key, part;

    if (json_is_string(content)) {
        json_string_decode(content, out);
        return;
    }
    while (json_is_array(content) && peek_next(&p, &key, &part)) {
        struct slice text = json_is_string(part) ? part : peek_get(part, SLICE("text"));

        if (!json_is_string(text) || text.len <= 2)
            continue;
        if (buf_len(out))
            buf_append_byte(out, '\n');
        json_string_decode(text, out);
    }
}

static void ask_chat(struct slice body, struct asked *asked)
{
    struct slice messages = peek_get(body, SLICE("messages"));
    struct slice choice = peek_get(body, SLICE("tool_choice")), key, message;
    struct peek p = peek_into(messages);

    while (peek_next(&p, &key, &message)) {
        struct slice role = peek_get(message, SLICE("role"));
        bool is_result = is_word(role, SLICE("tool"));

        if (is_result || is_word(role, SLICE("user"))) {
            asked->last = peek_get(message, SLICE("content"));
            asked->is_result = is_result;
        }
    }
    asked->tools = peek_get(body, SLICE("tools"));
    asked->forced = peek_get(peek_get(choice, SLICE("function")), SLICE("name"));
    if (is_word(choice, SLICE("none")))
        asked->choice = CHOICE_NONE;
    else if (is_word(choice, SLICE("required")) || asked->forced.len)
        asked->choice = CHOICE_FORCED;
    asked->max_tokens = peek_get(body, SLICE("max_completion_tokens"));
    if (!json_is_number(asked->max_tokens))
        asked->max_tokens = peek_get(body, SLICE("max_tokens"));
}

static void ask_responses(struct slice body, struct asked *asked)
{
    struct slice input = peek_get(body, SLICE("input"));
    struct slice choice = peek_get(body, SLICE("tool_choice")), key, item;
    struct peek p = peek_into(input);

    if (json_is_string(input))
        asked->last = input;
    while (peek_next(&p, &key, &item)) {
        if (is_word(peek_get(item, SLICE("type")), SLICE("function_call_output"))) {
            asked->last = peek_get(item, SLICE("output"));
            asked->is_result = true;
        } else if (is_word(peek_get(item, SLICE("role")), SLICE("user"))) {
            asked->last = peek_get(item, SLICE("content"));
            asked->is_result = false;
        }
    }
    asked->tools = peek_get(body, SLICE("tools"));
    if (is_word(peek_get(choice, SLICE("type")), SLICE("function")))
        asked->forced = peek_get(choice, SLICE("name"));
    if (is_word(choice, SLICE("none")))
        asked->choice = CHOICE_NONE;
    else if (is_word(choice, SLICE("required")) || asked->forced.len)
        asked->choice = CHOICE_FORCED;
    asked->max_tokens = peek_get(body, SLICE("max_output_tokens"));
}

static void ask_anthropic(struct slice body, struct asked *asked)
{
    struct slice messages = peek_get(body, SLICE("messages")), key, message, block;
    struct slice choice = peek_get(body, SLICE("tool_choice"));
    struct slice type = peek_get(choice, SLICE("type"));
    struct peek p = peek_into(messages);

    while (peek_next(&p, &key, &message)) {
        if (!is_word(peek_get(message, SLICE("role")), SLICE("user")))
            continue;
        asked->last = peek_get(message, SLICE("content"));
        asked->is_result = false;
        for (struct peek b = peek_into(asked->last); peek_next(&b, &key, &block);)
            if (is_word(peek_get(block, SLICE("type")), SLICE("tool_result"))) {
                asked->last = peek_get(block, SLICE("content"));
                asked->is_result = true;
            }
    }
    asked->tools = peek_get(body, SLICE("tools"));
    if (is_word(type, SLICE("none")))
        asked->choice = CHOICE_NONE;
    else if (is_word(type, SLICE("any")) || is_word(type, SLICE("tool")))
        asked->choice = CHOICE_FORCED;
    asked->forced = peek_get(choice, SLICE("name"));
    asked->max_tokens = peek_get(body, SLICE("max_tokens"));
}

/* Google's JSON takes both spellings of a key. */
static struct slice get_either(struct slice object, struct slice camel, struct slice snake)
{
    struct slice value = peek_get(object, camel);

    return value.ptr ? value : peek_get(object, snake);
}

static void ask_gemini(struct slice body, struct asked *asked)
{
    struct slice config = get_either(body, SLICE("toolConfig"), SLICE("tool_config"));
    struct slice key, content, part, tool, mode;
    struct peek p = peek_into(peek_get(body, SLICE("contents")));

    while (peek_next(&p, &key, &content)) {
        if (is_word(peek_get(content, SLICE("role")), SLICE("model")))
            continue;
        asked->last = peek_get(content, SLICE("parts"));
        asked->is_result = false;
        for (struct peek b = peek_into(asked->last); peek_next(&b, &key, &part);) {
            struct slice result =
                get_either(part, SLICE("functionResponse"), SLICE("function_response"));

            if (json_is_object(result)) {
                asked->last = peek_get(result, SLICE("response"));
                asked->is_result = true;
            }
        }
    }
    p = peek_into(peek_get(body, SLICE("tools")));
    while (!asked->tools.len && peek_next(&p, &key, &tool))
        asked->tools =
            get_either(tool, SLICE("functionDeclarations"), SLICE("function_declarations"));
    config = get_either(config, SLICE("functionCallingConfig"), SLICE("function_calling_config"));
    mode = peek_get(config, SLICE("mode"));
    if (is_word(mode, SLICE("NONE")))
        asked->choice = CHOICE_NONE;
    else if (is_word(mode, SLICE("ANY")))
        asked->choice = CHOICE_FORCED;
    p = peek_into(
        get_either(config, SLICE("allowedFunctionNames"), SLICE("allowed_function_names")));
    peek_next(&p, &key, &asked->forced);
    config = get_either(body, SLICE("generationConfig"), SLICE("generation_config"));
    asked->max_tokens = get_either(config, SLICE("maxOutputTokens"), SLICE("max_output_tokens"));
}

/* The name of a tool that the client itself would run; a literal, empty for others. */
static struct slice tool_name(struct slice tool)
{
    struct slice type = peek_get(tool, SLICE("type"));
    struct slice function = peek_get(tool, SLICE("function"));
    struct slice name;

    if (json_is_object(function))
        return peek_get(function, SLICE("name"));
    name = peek_get(tool, SLICE("name"));
    if (!type.len || is_word(type, SLICE("function")) || peek_get(tool, SLICE("input_schema")).len)
        return name;
    return slice_of(NULL, 0);
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Is there "call NAME" in the text, and not as the beginning of a longer name? */
static bool calls(struct slice text, struct slice name)
{
    size_t at;

    while ((at = slice_find_slice(text, SLICE("call "))) != SIZE_MAX) {
        text = slice_after(text, at + strlen("call "));
        if (slice_starts(text, name) && (text.len == name.len || !is_name_byte(text.ptr[name.len])))
            return true;
    }
    return false;
}

static bool is_chosen(const struct asked *asked, struct slice text, struct slice name,
                      bool is_first)
{
    switch (asked->choice) {
    case CHOICE_NONE: return false;
    case CHOICE_FORCED: return !asked->forced.len || is_word(asked->forced, name);
    case CHOICE_FREE: break;
    }
    return !asked->is_result && (calls(text, name) || (is_first && calls(text, SLICE("tool"))));
}

static void choose_tool(struct echo *echo, const struct asked *asked)
{
    struct peek p = peek_into(asked->tools);
    struct slice key, tool;
    bool is_first = true;

    while (peek_next(&p, &key, &tool)) {
        struct slice literal = tool_name(tool);

        buf_clear(&echo->tool);
        if (!json_string_decode(literal, &echo->tool) || !buf_len(&echo->tool))
            continue;
        if (is_chosen(asked, buf_peek(&echo->text), buf_peek(&echo->tool), is_first))
            return;
        is_first = false;
    }
    buf_clear(&echo->tool);
}

/* The first JSON object of the text; not looked for among countless braces. */
static void choose_arguments(struct echo *echo)
{
    struct slice rest = buf_peek(&echo->text);
    size_t at;

    for (int tries = 0; tries < 16 && (at = slice_find(rest, '{')) != SIZE_MAX; tries++) {
        struct slice object = peek_value(slice_after(rest, at));
        struct json_span none;
        struct err_info e = {0};

        if (json_scan(object, NULL, 0, &none, &e) == ERR_NONE) {
            buf_append(&echo->arguments, object);
            return;
        }
        rest = slice_after(rest, at + 1);
    }
    buf_append(&echo->arguments, SLICE("{}"));
}

/* At most `len` bytes of the text: whole words, or of the first one whole characters. */
static size_t cut_len(struct slice text, size_t len)
{
    size_t space;

    if (text.len <= len)
        return text.len;
    space = slice_find_last(slice_sub(text, 0, len + 1), ' ');
    if (space != SIZE_MAX && space > 0)
        return space;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
        len--;
    return len;
}

static void cut_text(struct echo *echo, struct slice max_tokens)
{
    int64_t max = ECHO_MAX_TOKENS, asked;
    struct slice text = buf_peek(&echo->text);
    size_t len;

    if (peek_count(max_tokens, &asked) && asked < max)
        max = asked;
    len = cut_len(text, (size_t)max * 4);
    echo->is_cut = len < text.len;
    echo->text.end -= text.len - len;
}

/* Ids are made of the exchange's own, so that an answer can be found in the log. */
static void make_id(struct echo *echo, struct slice request_id)
{
    size_t len = 0;

    for (size_t i = 0; i < request_id.len && len < sizeof(echo->id) - 1; i++)
        if (request_id.ptr[i] != '-' && is_name_byte(request_id.ptr[i]))
            echo->id[len++] = request_id.ptr[i];
    if (len == 0)
        echo->id[len++] = '0';
    echo->id[len] = '\0';
}

static enum err ask(const struct channel_local_request *request, struct asked *asked,
                    struct err_info *e)
{
    switch (request->dialect) {
    case DIALECT_OPENAI_CHAT: ask_chat(request->body, asked); break;
    case DIALECT_OPENAI_RESPONSES: ask_responses(request->body, asked); break;
    case DIALECT_ANTHROPIC: ask_anthropic(request->body, asked); break;
    case DIALECT_GEMINI: ask_gemini(request->body, asked); break;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: return err_set(e, ERR_UNSUPPORTED, "the echo does not speak that dialect");
    }
    if (!asked->last.len)
        return err_set(e, ERR_BAD_REQUEST, "there is no user message to echo");
    return ERR_NONE;
}

enum err echo_read(struct echo *echo, const struct channel_local_request *request,
                   struct err_info *e)
{
    struct asked asked = {0};
    enum err err;

    *echo = (struct echo){.request = request};
    make_id(echo, request->request_id);
    if ((err = ask(request, &asked, e)) != ERR_NONE)
        return err;
    if (json_is_object(asked.last))
        buf_append(&echo->text, asked.last); // Gemini's functions answer with objects
    append_text(&echo->text, asked.last);
    choose_tool(echo, &asked);
    if (buf_len(&echo->tool)) {
        choose_arguments(echo);
        buf_clear(&echo->text);
    } else if (!buf_len(&echo->text)) {
        buf_append_str(&echo->text, "(no text)");
    }
    cut_text(echo, asked.max_tokens);
    echo->wants_usage = json_is_true(
        peek_get(peek_get(request->body, SLICE("stream_options")), SLICE("include_usage")));
    echo->input_tokens = echo_input_tokens(request->body);
    echo->output_tokens = echo_tokens(buf_len(&echo->text) + buf_len(&echo->arguments));
    return ERR_NONE;
}

void echo_release(struct echo *echo)
{
    buf_release(&echo->text);
    buf_release(&echo->tool);
    buf_release(&echo->arguments);
    buf_release(&echo->data);
}

int64_t echo_tokens(size_t bytes)
{
    return (int64_t)(bytes / 4 + (bytes % 4 != 0));
}

int64_t echo_input_tokens(struct slice body)
{
    static const struct peek_key keys[] = {
        PEEK_KEY("content", PEEK_TEXT),      PEEK_KEY("text", PEEK_TEXT),
        PEEK_KEY("input", PEEK_TEXT),        PEEK_KEY("output", PEEK_TEXT),
        PEEK_KEY("instructions", PEEK_TEXT), PEEK_KEY("system", PEEK_TEXT),
        PEEK_KEY("arguments", PEEK_TEXT),    PEEK_KEY("thinking", PEEK_TEXT),
        PEEK_KEY("args", PEEK_RAW),          PEEK_KEY("response", PEEK_RAW),
        PEEK_KEY("tools", PEEK_RAW),
    };
    struct peek_swept swept = {.sample = NULL};

    peek_sweep(body, keys, ARRAY_LEN(keys), &swept);
    return echo_tokens((size_t)swept.bytes);
}
