/* anthropic_read_content.c - requests in Anthropic's Messages: turns and their blocks. */
#include "base/array.h"
#include "chat/anthropic_inside.h"

/* Where a block may stand. */
enum place {
    IN_SYSTEM = 1,
    IN_USER = 2,
    IN_ASSISTANT = 4,
    IN_RESULT = 8,    // of a tool
    IN_DOCUMENT = 16, // a document's source that is made of blocks
};

typedef enum err block_fn(struct anthropic_reading *rd, const struct json *block,
                          struct list *items);

static enum err read_content(struct anthropic_reading *rd, const struct json *content,
                             const char *field, enum place place, struct list *items);

/* Puts the breakpoint behind the last item, which the block became. */
static enum err mark(struct anthropic_reading *rd, const struct json *block, struct chat_item *item)
{
    return anthropic_read_cache(rd, block, &item->cache);
}

static enum err read_text(struct anthropic_reading *rd, const struct json *block,
                          struct list *items)
{
    const struct json *citations = anthropic_member(block, "citations");
    struct chat_text text;

    if (anthropic_text(rd, block, "text", true, &text) != ERR_NONE)
        return rd->e->code;
    if (json_first(citations))
        chat_note(rd->r, "messages.content.citations");
    return mark(rd, block, chat_item_text(rd->r->arena, items, text));
}

/* {"type":"base64"|"url"|"file"|"text"}: images and documents alike. */
static enum err read_source_fields(struct anthropic_reading *rd, const struct json *source,
                                   struct chat_media *out)
{
    struct slice type = {0};
    struct chat_text text;

    if (anthropic_str(rd, source, "type", true, &type) != ERR_NONE)
        return rd->e->code;
    if (slice_eq(type, SLICE("base64"))) {
        out->source = SOURCE_BASE64;
        if (anthropic_str(rd, source, "media_type", true, &out->mime) != ERR_NONE)
            return rd->e->code;
        return anthropic_text(rd, source, "data", true, &out->data);
    }
    if (slice_eq(type, SLICE("text"))) {
        out->source = SOURCE_TEXT;
        out->mime = SLICE("text/plain");
        return anthropic_text(rd, source, "data", true, &out->data);
    }
    if (slice_eq(type, SLICE("file"))) {
        out->source = SOURCE_FILE_ID;
        out->vendor = VENDOR_ANTHROPIC;
        return anthropic_text(rd, source, "file_id", true, &out->data);
    }
    if (!slice_eq(type, SLICE("url")))
        return anthropic_refuse(rd, "type", "expected base64, url, file, text or content");
    if (anthropic_text(rd, source, "url", true, &text) != ERR_NONE)
        return rd->e->code;
    chat_media_from_url(rd->r->arena, text, out);
    return ERR_NONE;
}

static enum err read_source(struct anthropic_reading *rd, const struct json *source,
                            struct chat_media *out)
{
    enum err err;

    rd->within = "source";
    err = read_source_fields(rd, source, out);
    rd->within = NULL;
    return err;
}

static enum err read_image(struct anthropic_reading *rd, const struct json *block,
                           struct list *items)
{
    const struct json *source = anthropic_member(block, "source");
    struct chat_item *item;

    if (!json_is(source, JSON_OBJECT))
        return anthropic_refuse(rd, "source", "expected an object");
    if (anthropic_member(block, "transformations"))
        chat_note(rd->r, "messages.content.transformations");
    item = chat_item_new(rd->r->arena, items, CHAT_IMAGE);
    if (read_source(rd, source, &item->media) != ERR_NONE)
        return rd->e->code;
    return mark(rd, block, item);
}

/*
 * What is said about a document is no file's affair elsewhere: it goes before it as text.
 * One made of blocks is taken apart into them.
 */
static enum err read_document(struct anthropic_reading *rd, const struct json *block,
                              struct list *items)
{
    const struct json *source = anthropic_member(block, "source");
    struct chat_text about = {0}, title = {0};
    struct chat_item *item;

    if (!json_is(source, JSON_OBJECT))
        return anthropic_refuse(rd, "source", "expected an object");
    if (anthropic_text(rd, block, "title", false, &title) != ERR_NONE ||
        anthropic_text(rd, block, "context", false, &about) != ERR_NONE)
        return rd->e->code;
    if (anthropic_member(block, "citations"))
        chat_note(rd->r, "messages.content.citations");
    if (!text_is_empty(about)) {
        chat_note_degraded(rd->r, "messages.content.context");
        chat_item_text(rd->r->arena, items, about);
    }
    if (text_eq(text_of(anthropic_member(source, "type")), SLICE("content"))) {
        if (!text_is_empty(title))
            chat_item_text(rd->r->arena, items, title);
        if (read_content(rd, anthropic_member(source, "content"), "source.content", IN_DOCUMENT,
                         items) != ERR_NONE)
            return rd->e->code;
        if (list_is_empty(items))
            return ERR_NONE;
        return mark(rd, block, list_entry(items->prev, struct chat_item, link));
    }
    item = chat_item_new(rd->r->arena, items, CHAT_FILE);
    item->media.name = title;
    if (read_source(rd, source, &item->media) != ERR_NONE)
        return rd->e->code;
    if (item->media.source == SOURCE_URL)
        item->media.mime = SLICE("application/pdf"); // the only kind that Anthropic fetches
    return mark(rd, block, item);
}

/* "title (source)" and the text under it. */
static enum err read_search_result(struct anthropic_reading *rd, const struct json *block,
                                   struct list *items)
{
    struct chat_text title = {0}, source = {0};
    struct buf text = {0};

    if (anthropic_text(rd, block, "title", false, &title) != ERR_NONE ||
        anthropic_text(rd, block, "source", false, &source) != ERR_NONE)
        return rd->e->code;
    if (anthropic_member(block, "citations"))
        chat_note(rd->r, "messages.content.citations");
    text_append_escaped(&text, title);
    buf_append(&text, SLICE(" ("));
    text_append_escaped(&text, source);
    buf_append_byte(&text, ')');
    json_for_each(part, anthropic_member(block, "content")) {
        buf_append(&text, SLICE("\\n"));
        text_append_escaped(&text, text_of(anthropic_member(part, "text")));
    }
    source = (struct chat_text){arena_dup(rd->r->arena, buf_peek(&text)), true};
    buf_release(&text);
    return mark(rd, block, chat_item_text(rd->r->arena, items, source));
}

/* A tool that a search among tools has found. */
static enum err read_tool_reference(struct anthropic_reading *rd, const struct json *block,
                                    struct list *items)
{
    struct chat_text name;

    if (anthropic_text(rd, block, "tool_name", true, &name) != ERR_NONE)
        return rd->e->code;
    return mark(rd, block, chat_item_text(rd->r->arena, items, name));
}

static enum err read_tool_use(struct anthropic_reading *rd, const struct json *block,
                              struct list *items)
{
    const struct json *input = anthropic_member(block, "input");
    struct chat_item *item = chat_item_new(rd->r->arena, items, CHAT_CALL);

    if (anthropic_str(rd, block, "id", true, &item->call.id) != ERR_NONE ||
        anthropic_str(rd, block, "name", true, &item->call.name) != ERR_NONE)
        return rd->e->code;
    if (json_is(input, JSON_OBJECT))
        item->call.arguments = text_plain(input->source);
    else if (json_is(input, JSON_STRING)) // what some clients make of another dialect's
        item->call.arguments = text_of(input);
    else if (input)
        return anthropic_refuse(rd, "input", "expected an object");
    return mark(rd, block, item);
}

// NOLINTNEXTLINE(misc-no-recursion): a result holds no results
static enum err read_tool_result(struct anthropic_reading *rd, const struct json *block,
                                 struct list *items)
{
    struct chat_item *item = chat_item_new(rd->r->arena, items, CHAT_RESULT);
    const struct json *content = anthropic_member(block, "content");

    if (anthropic_str(rd, block, "tool_use_id", true, &item->result.call_id) != ERR_NONE ||
        anthropic_bool(rd, block, "is_error", &item->result.is_error) != ERR_NONE)
        return rd->e->code;
    if (content && read_content(rd, content, "content", IN_RESULT, &item->result.items) != ERR_NONE)
        return rd->e->code;
    return mark(rd, block, item);
}

/* Ours or Anthropic's; an envelope that does not open has nothing in it. */
static void take_secret(struct anthropic_reading *rd, struct slice secret,
                        enum chat_reasoning_kind kind, struct chat_reasoning *out)
{
    if (envelope_is(secret)) {
        if (rd->seal)
            envelope_open(rd->seal, secret, rd->r->arena, out);
    } else if (secret.len) {
        out->secret = secret;
        out->vendor = VENDOR_ANTHROPIC;
        out->kind = kind;
    }
}

static void add_reasoning(struct anthropic_reading *rd, const struct chat_reasoning *reasoning,
                          struct list *items)
{
    if (!text_is_empty(reasoning->text) || reasoning->secret.len)
        chat_item_new(rd->r->arena, items, CHAT_REASONING)->reasoning = *reasoning;
}

static enum err read_thinking(struct anthropic_reading *rd, const struct json *block,
                              struct list *items)
{
    struct chat_reasoning reasoning = {0};
    struct slice signature = {0};

    if (anthropic_text(rd, block, "thinking", false, &reasoning.text) != ERR_NONE ||
        anthropic_str(rd, block, "signature", false, &signature) != ERR_NONE)
        return rd->e->code;
    take_secret(rd, signature, REASONING_SUMMARY, &reasoning);
    add_reasoning(rd, &reasoning, items);
    return ERR_NONE;
}

static enum err read_redacted(struct anthropic_reading *rd, const struct json *block,
                              struct list *items)
{
    struct chat_reasoning reasoning = {0};
    struct slice data = {0};

    if (anthropic_str(rd, block, "data", false, &data) != ERR_NONE)
        return rd->e->code;
    take_secret(rd, data, REASONING_REDACTED, &reasoning);
    add_reasoning(rd, &reasoning, items);
    return ERR_NONE;
}

static enum err refuse_state(struct anthropic_reading *rd, const struct json *block,
                             struct list *items)
{
    (void)block;
    (void)items;
    return anthropic_refuse(
        rd, "type", "this is state at Anthropic, and the model that was asked for is not there");
}

#define PLACES_OF_MEDIA (IN_USER | IN_RESULT | IN_DOCUMENT)

static const struct {
    struct slice type;
    block_fn *read;
    unsigned places; // enum place
} blocks[] = {
    {SLICE_INIT("text"),              read_text,           ~0U                   },
    {SLICE_INIT("tool_use"),          read_tool_use,       IN_ASSISTANT          },
    {SLICE_INIT("tool_result"),       read_tool_result,    IN_USER               },
    {SLICE_INIT("thinking"),          read_thinking,       IN_ASSISTANT          },
    {SLICE_INIT("redacted_thinking"), read_redacted,       IN_ASSISTANT          },
    {SLICE_INIT("image"),             read_image,          PLACES_OF_MEDIA       },
    {SLICE_INIT("document"),          read_document,       IN_USER | IN_RESULT   },
    {SLICE_INIT("search_result"),     read_search_result,  IN_USER | IN_RESULT   },
    {SLICE_INIT("tool_reference"),    read_tool_reference, IN_USER | IN_RESULT   },
    {SLICE_INIT("container_upload"),  refuse_state,        IN_USER               },
    {SLICE_INIT("compaction"),        refuse_state,        IN_USER | IN_ASSISTANT},
};

/*
 * What an assistant said in blocks of other types came from the vendor's own tools: it is
 * carried as it is.  Between turns stands what only changes that vendor's tools.
 */
static enum err read_other(struct anthropic_reading *rd, const struct json *block, enum place place,
                           struct list *items)
{
    struct chat_item *item;

    if (place == IN_SYSTEM) {
        chat_note(rd->r, "messages.content");
        return ERR_NONE;
    }
    if (place != IN_ASSISTANT)
        return anthropic_refuse(rd, "type", "there are no such blocks here");
    item = chat_item_new(rd->r->arena, items, CHAT_SERVER);
    item->server.vendor = VENDOR_ANTHROPIC;
    item->server.raw = block->source;
    return ERR_NONE;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the places above
static enum err read_block(struct anthropic_reading *rd, const struct json *block, enum place place,
                           struct list *items)
{
    struct slice type = json_str(rd->r->arena, anthropic_member(block, "type"));
    bool misplaced = false;

    if (!json_is(block, JSON_OBJECT))
        return anthropic_refuse(rd, "", "expected an object");
    if (!type.ptr)
        return anthropic_refuse(rd, "type", "a string is missing here");
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        if (!slice_eq(type, blocks[i].type))
            continue;
        if (blocks[i].places & place)
            return blocks[i].read(rd, block, items);
        misplaced = true;
    }
    if (misplaced && place == IN_ASSISTANT) // a result here would look like a trace of other tools
        return anthropic_refuse(rd, "type", "an assistant has no such blocks");
    return read_other(rd, block, place, items);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the places above
static enum err read_content(struct anthropic_reading *rd, const struct json *content,
                             const char *field, enum place place, struct list *items)
{
    struct anthropic_step *step = &rd->steps[rd->depth];

    if (json_is(content, JSON_STRING)) {
        chat_item_text(rd->r->arena, items, text_of(content));
        return ERR_NONE;
    }
    if (!json_is(content, JSON_ARRAY))
        return anthropic_refuse(rd, field, "expected a string or an array of blocks");
    *step = (struct anthropic_step){field, 0};
    rd->depth++;
    json_for_each(block, content) {
        if (read_block(rd, block, place, items) != ERR_NONE)
            return rd->e->code;
        step->at++;
    }
    rd->depth--;
    return ERR_NONE;
}

/* Claude Code tells its vendor who pays in a system text of its own. */
static void drop_billing(struct list *items)
{
    list_for_each_safe(at, items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        if (slice_starts(item->text.s, SLICE("x-anthropic-billing-header")))
            list_remove(at);
    }
}

enum err anthropic_read_system(struct anthropic_reading *rd, const struct json *v)
{
    if (read_content(rd, v, "system", IN_SYSTEM, &rd->r->system) != ERR_NONE)
        return rd->e->code;
    drop_billing(&rd->r->system);
    return ERR_NONE;
}

/* Between turns; before all of them it is as good as `system`.  May only change the effort. */
static enum err read_system_message(struct anthropic_reading *rd, const struct json *message)
{
    const struct json *content = anthropic_member(message, "content");
    const struct json *config = anthropic_member(message, "output_config");
    bool off = rd->r->reasoning.off;

    if (config && anthropic_read_output_config(rd, config) != ERR_NONE)
        return rd->e->code;
    if (off)
        rd->r->reasoning.effort = EFFORT_NONE;
    if (!content && config)
        return ERR_NONE;
    if (list_is_empty(&rd->r->turns))
        return read_content(rd, content, "content", IN_SYSTEM, &rd->r->system);
    return read_content(rd, content, "content", IN_SYSTEM,
                        &chat_turn_new(rd->r, CHAT_SYSTEM)->items);
}

static enum err read_message(struct anthropic_reading *rd, const struct json *message)
{
    struct slice role = json_str(rd->r->arena, anthropic_member(message, "role"));
    const struct json *content = anthropic_member(message, "content");

    if (!json_is(message, JSON_OBJECT))
        return anthropic_refuse(rd, "", "expected an object");
    if (slice_eq(role, SLICE("user")))
        return read_content(rd, content, "content", IN_USER,
                            &chat_turn_new(rd->r, CHAT_USER)->items);
    if (slice_eq(role, SLICE("assistant")))
        return read_content(rd, content, "content", IN_ASSISTANT,
                            &chat_turn_new(rd->r, CHAT_ASSISTANT)->items);
    if (slice_eq(role, SLICE("system")))
        return read_system_message(rd, message);
    return anthropic_refuse(rd, "role", "expected user, assistant or system");
}

enum err anthropic_read_messages(struct anthropic_reading *rd, const struct json *v)
{
    if (!json_is(v, JSON_ARRAY))
        return anthropic_refuse(rd, "messages", "expected an array");
    if (!v->count)
        return anthropic_refuse(rd, "messages", "at least one message is needed");
    rd->steps[0] = (struct anthropic_step){"messages", 0};
    rd->depth = 1;
    json_for_each(message, v) {
        if (read_message(rd, message) != ERR_NONE)
            return rd->e->code;
        rd->steps[0].at++;
    }
    rd->depth = 0;
    return ERR_NONE;
}
