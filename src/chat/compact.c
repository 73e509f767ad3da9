/* compact.c - conversations made short by the model that has them. */
#include "chat/compact.h"

#include <stdlib.h>

#include "base/panic.h"
#include "chat/ids.h"
#include "chat/openai_shared.h"
#include "json/raw.h"
#include "json/tree.h"
#include "json/write.h"

#define PREFIX     "pxc1."
#define ID_LETTERS 48

static const char demand[] =
    "Stop here and sum up this conversation, so that another assistant that sees nothing but your "
    "summary and the user's own messages can go on with it. Write down what the user wants and any "
    "rules that were set; what was done and found, with the names, paths, values and code that "
    "are still needed; what was decided and why; what is unfinished and what comes next. Leave out "
    "what no longer matters. Call no tools, and answer with the summary alone.";

static const char introduction[] = "Summary of the conversation so far:\n\n";

void compact_ask(struct chat_request *r)
{
    chat_item_text(r->arena, &chat_turn_new(r, CHAT_USER)->items, text_plain(slice_str(demand)));
    r->choice = list_is_empty(&r->tools) ? CHOICE_UNSET : CHOICE_NONE;
    r->format.kind = FORMAT_UNSET;
    r->stream = false;
}

/* ---- the model's answer ---- */

struct listening {
    struct buf *summary;
    struct err_info *e;
    bool in_text;
};

static void hear(void *ctx, const struct chat_event *ev)
{
    struct listening *l = ctx;

    switch (ev->type) {
    case CHAT_OPEN: l->in_text = ev->open.kind == PART_TEXT; break;
    case CHAT_DELTA:
        if (l->in_text)
            text_append_plain(l->summary, ev->delta.text);
        break;
    case CHAT_CLOSE: l->in_text = false; break;
    case CHAT_ERROR: err_set(l->e, ev->error.code, "%.*s", SLICE_ARG(ev->error.message)); break;
    case CHAT_START:
    case CHAT_CITE:
    case CHAT_USAGE:
    case CHAT_PING:
    case CHAT_FINISH:
    case CHAT_END: break;
    }
}

enum err compact_read_answer(enum dialect upstream, struct slice answer,
                             const struct codec_decode_options *o, struct buf *summary,
                             struct err_info *e)
{
    const struct codec *codec = codec_find(upstream);
    struct listening l = {summary, e, false};
    struct chat_sink sink = {hear, &l};
    void *decoder = calloc(1, codec->decoder_size);

    if (!decoder)
        panic("out of memory: a codec's state");
    codec->decoder_init(decoder, o);
    codec->decode_whole(decoder, answer, &sink);
    codec->decoder_release(decoder);
    free(decoder);
    if (!e->code && !buf_len(summary))
        err_set(e, ERR_UPSTREAM_BROKEN, "the model said nothing when it was asked for a summary");
    return e->code;
}

/* ---- the client's ---- */

static void member(struct json_writer *w, struct slice key, struct slice value)
{
    json_key(w, key);
    json_value_string(w, value);
}

static void write_id(struct json_writer *w, struct slice prefix, struct slice seed)
{
    char id[CHAT_ID_BYTES];

    member(w, SLICE("id"), chat_id_make(id, prefix, ID_LETTERS, seed, 0));
}

/* A message as OpenAI answers it: with its type, and its text in a part. */
static void write_message(struct json_writer *w, const struct json *content)
{
    json_open_object(w);
    member(w, SLICE("type"), SLICE("message"));
    member(w, SLICE("role"), SLICE("user"));
    json_key(w, SLICE("content"));
    if (json_is(content, JSON_STRING)) {
        json_open_array(w);
        json_open_object(w);
        member(w, SLICE("type"), SLICE("input_text"));
        json_key(w, SLICE("text"));
        json_value_tree(w, content);
        json_close_object(w);
        json_close_array(w);
    } else {
        json_value_tree(w, content);
    }
    json_close_object(w);
}

static bool is_word(const struct json *v, struct slice word)
{
    return json_is(v, JSON_STRING) && json_string_eq(v->source, word);
}

static void write_users_messages(struct json_writer *w, struct slice request)
{
    struct err_info ignored = {0};
    struct arena scratch;
    struct json *tree;
    const struct json *input;

    arena_init(&scratch, 0);
    if (json_parse(&scratch, request, &tree, &ignored) == ERR_NONE) {
        input = json_member(tree, SLICE("input"));
        if (json_is(input, JSON_STRING))
            write_message(w, input);
        json_for_each(item, json_is(input, JSON_ARRAY) ? input : NULL) {
            const struct json *content = json_member(item, SLICE("content"));
            if (is_word(json_member(item, SLICE("role")), SLICE("user")) && content)
                write_message(w, content);
        }
    }
    arena_release(&scratch);
}

static void write_compaction(struct json_writer *w, const struct compaction *c)
{
    struct buf sealed = {0};

    envelope_seal(c->seal, SLICE(PREFIX), c->summary, &sealed);
    json_open_object(w);
    write_id(w, SLICE("cmp_"), c->id);
    member(w, SLICE("type"), SLICE("compaction"));
    member(w, SLICE("encrypted_content"), buf_peek(&sealed));
    json_close_object(w);
    buf_release(&sealed);
}

void compact_write_answer(const struct compaction *c, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open_object(&w);
    write_id(&w, SLICE("resp_"), c->id);
    member(&w, SLICE("object"), SLICE("response.compaction"));
    json_key(&w, SLICE("created_at"));
    json_value_int(&w, c->now_unix);
    json_key(&w, SLICE("output"));
    json_open_array(&w);
    write_users_messages(&w, c->request);
    write_compaction(&w, c);
    json_close_array(&w);
    json_key(&w, SLICE("usage"));
    openai_responses_usage_write(&w, c->usage);
    json_close_object(&w);
}

/* ---- when it comes back ---- */

bool compact_is(struct slice encrypted_content)
{
    return slice_starts(encrypted_content, SLICE(PREFIX));
}

bool compact_open(const struct chat_seal *seal, struct slice encrypted_content, struct arena *a,
                  struct slice *out)
{
    struct buf text = {0};
    bool ok;

    buf_append_str(&text, introduction);
    ok = envelope_unseal(seal, SLICE(PREFIX), encrypted_content, &text);
    if (ok)
        *out = arena_dup(a, buf_peek(&text));
    buf_release(&text);
    return ok;
}
