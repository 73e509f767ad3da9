/* talk_test_kit.h - pseudo-random conversations, said in every dialect. */
#ifndef CHAT_TALK_TEST_KIT_H
#define CHAT_TALK_TEST_KIT_H

#include <stdio.h>

#include "base/array.h"
#include "chat/dialect.h"
#include "chat/request.h"
#include "json/write.h"

/*
 * A talk is made of what all four dialects can say.  talk_make() makes a good one, talk_spoil()
 * breaks its order as clients do: results lost, twice, late, or of nothing, odd ids, empty texts,
 * roles that do not alternate.  talk_write() says it in a dialect, by hand: no codec is asked.
 */
#define TALK __attribute__((unused)) static

#define TALK_TURNS ((size_t)10)
#define TALK_ITEMS ((size_t)6)

enum talk_kind { TALK_TEXT, TALK_IMAGE, TALK_CALL, TALK_RESULT };

struct talk_item {
    enum talk_kind kind;
    struct slice text; // of TEXT and RESULT
    char id[64], name[24];
    const char *arguments; // an object
};

struct talk_turn {
    enum chat_role role;
    size_t count;
    struct talk_item items[TALK_ITEMS];
};

struct talk {
    size_t count;
    struct talk_turn turns[TALK_TURNS];
    struct slice system; // may be empty
    uint64_t dice;
};

static const char *const talk_texts[] = {
    "hello",
    "line\nbreak",
    "\"quoted\" \\ and / too",
    "K\xc3\xb6ln \xf0\x9f\x98\x80",
    "{\"a\":1",
    "tab\tand \x01",
    "Error",
    "<think>no</think>",
    "data: x\n\n",
    "0",
};

static const char *const talk_arguments[] = {
    "{}",
    "{\"city\":\"Paris\"}",
    "{\"n\":1e400,\"b\":[1,2,{\"c\":null}]}",
    "{\"z\":1,\"a\":2}",
    "{\"s\":\"\\u00e9\\n\\\"\"}",
};

static const char *const talk_odd_ids[] = {
    "", "call_0", "a b.c", "\xc3\xa9", "toolu_01_which_is_longer_than_chat_takes_it_for_an_id",
};

#define TALK_IMAGE_DATA "iVBORw0KGgo="

static size_t talk_dice(struct talk *t, size_t sides)
{
    uint64_t z = t->dice += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (size_t)((z ^ (z >> 31)) % sides);
}

static struct slice talk_text(struct talk *t)
{
    return slice_str(talk_texts[talk_dice(t, ARRAY_LEN(talk_texts))]);
}

static struct talk_item *talk_item_new(struct talk_turn *turn, enum talk_kind kind)
{
    struct talk_item *item = &turn->items[turn->count++];

    *item = (struct talk_item){.kind = kind, .text = SLICE(""), .arguments = "{}"};
    return item;
}

static struct talk_turn *talk_turn_new(struct talk *t, enum chat_role role)
{
    struct talk_turn *turn = &t->turns[t->count++];

    *turn = (struct talk_turn){.role = role};
    return turn;
}

/* What the user says: results of the calls before, then words and pictures. */
static void talk_user(struct talk *t, const struct talk_turn *before)
{
    struct talk_turn *turn = talk_turn_new(t, CHAT_USER);
    size_t words;

    for (size_t i = 0; before && i < before->count; i++) {
        if (before->items[i].kind == TALK_CALL) {
            struct talk_item *item = talk_item_new(turn, TALK_RESULT);
            *item = before->items[i];
            item->kind = TALK_RESULT;
            item->text = talk_text(t);
        }
    }
    words = talk_dice(t, 3) + (turn->count == 0);
    while (words-- && turn->count < TALK_ITEMS) {
        if (talk_dice(t, 4) == 0)
            talk_item_new(turn, TALK_IMAGE);
        else
            talk_item_new(turn, TALK_TEXT)->text = talk_text(t);
    }
}

static void talk_assistant(struct talk *t)
{
    struct talk_turn *turn = talk_turn_new(t, CHAT_ASSISTANT);
    size_t calls = talk_dice(t, 4);

    if (!calls || talk_dice(t, 2))
        talk_item_new(turn, TALK_TEXT)->text = talk_text(t);
    while (calls--) {
        struct talk_item *item = talk_item_new(turn, TALK_CALL);
        snprintf(item->id, sizeof(item->id), "call_%zu_%zu", t->count, turn->count);
        snprintf(item->name, sizeof(item->name), "tool_%zu", talk_dice(t, 3));
        item->arguments = talk_arguments[talk_dice(t, ARRAY_LEN(talk_arguments))];
    }
}

static void talk_make(struct talk *t, uint64_t seed)
{
    *t = (struct talk){.dice = seed, .system = SLICE("")};
    if (talk_dice(t, 2))
        t->system = talk_text(t);
    talk_user(t, NULL);
    for (size_t rounds = talk_dice(t, 4); rounds; rounds--) {
        talk_assistant(t);
        talk_user(t, &t->turns[t->count - 1]);
    }
}

static struct talk_item *talk_any(struct talk *t, struct talk_turn **in)
{
    *in = &t->turns[talk_dice(t, t->count)];
    return (*in)->count ? &(*in)->items[talk_dice(t, (*in)->count)] : NULL;
}

static void talk_spoil_once(struct talk *t)
{
    struct talk_turn *turn, *other;
    struct talk_item *item = talk_any(t, &turn), *second = talk_any(t, &other), kept;

    if (!item || !second)
        return;
    kept = *item;
    switch (talk_dice(t, 8)) {
    case 0: *item = turn->items[--turn->count]; break;
    case 1:
        if (other->count < TALK_ITEMS)
            other->items[other->count++] = kept;
        break;
    case 2:
        *item = *second;
        *second = kept;
        break;
    case 3:
        snprintf(item->id, sizeof(item->id), "%s",
                 talk_odd_ids[talk_dice(t, ARRAY_LEN(talk_odd_ids))]);
        break;
    case 4: item->text = talk_dice(t, 2) ? SLICE("") : SLICE(" \n"); break;
    case 5: turn->role = (enum chat_role)talk_dice(t, 3); break;
    case 6: snprintf(item->name, sizeof(item->name), "odd.name %zu", talk_dice(t, 2)); break;
    case 7: turn->count = 0; break;
    }
}

TALK void talk_spoil(struct talk *t)
{
    for (size_t times = 1 + talk_dice(t, 5); times; times--)
        talk_spoil_once(t);
}

/* ---- said ---- */

static void talk_key(struct json_writer *w, const char *key, struct slice value)
{
    json_key(w, slice_str(key));
    json_value_string(w, value);
}

static void talk_open(struct json_writer *w, const char *key, const char *value)
{
    json_open_object(w);
    talk_key(w, key, slice_str(value));
}

static void talk_list(struct json_writer *w, const char *key)
{
    json_key(w, slice_str(key));
    json_open_array(w);
}

static void talk_inner(struct json_writer *w, const char *key)
{
    json_key(w, slice_str(key));
    json_open_object(w);
}

static const char *talk_role(const struct talk_turn *turn)
{
    static const char *const names[] = {"user", "assistant", "system"};

    return names[turn->role];
}

static size_t talk_count(const struct talk_turn *turn, enum talk_kind from, enum talk_kind to)
{
    size_t found = 0;

    for (size_t i = 0; i < turn->count; i++)
        found += turn->items[i].kind >= from && turn->items[i].kind <= to;
    return found;
}

static void talk_c_parts(struct json_writer *w, const struct talk_turn *turn)
{
    talk_list(w, "content");
    for (size_t i = 0; i < turn->count; i++) {
        const struct talk_item *item = &turn->items[i];
        if (item->kind == TALK_TEXT) {
            talk_open(w, "type", "text");
            talk_key(w, "text", item->text);
            json_close_object(w);
        } else if (item->kind == TALK_IMAGE && turn->role == CHAT_USER) {
            talk_open(w, "type", "image_url");
            talk_inner(w, "image_url");
            talk_key(w, "url", SLICE("data:image/png;base64," TALK_IMAGE_DATA));
            json_close_object(w);
            json_close_object(w);
        }
    }
    json_close_array(w);
}

static void talk_c_calls(struct json_writer *w, const struct talk_turn *turn)
{
    talk_list(w, "tool_calls");
    for (size_t i = 0; i < turn->count; i++) {
        const struct talk_item *item = &turn->items[i];
        if (item->kind != TALK_CALL)
            continue;
        talk_open(w, "type", "function");
        talk_key(w, "id", slice_str(item->id));
        talk_inner(w, "function");
        talk_key(w, "name", slice_str(item->name));
        talk_key(w, "arguments", slice_str(item->arguments));
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static void talk_c_turn(struct json_writer *w, const struct talk_turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        if (turn->items[i].kind == TALK_RESULT) {
            talk_open(w, "role", "tool");
            talk_key(w, "tool_call_id", slice_str(turn->items[i].id));
            talk_key(w, "content", turn->items[i].text);
            json_close_object(w);
        }
    }
    if (!talk_count(turn, TALK_TEXT, turn->role == CHAT_ASSISTANT ? TALK_CALL : TALK_IMAGE))
        return;
    talk_open(w, "role", talk_role(turn));
    talk_c_parts(w, turn);
    if (turn->role == CHAT_ASSISTANT && talk_count(turn, TALK_CALL, TALK_CALL))
        talk_c_calls(w, turn);
    json_close_object(w);
}

static void talk_r_message(struct json_writer *w, const struct talk_turn *turn,
                           const struct talk_item *item)
{
    talk_open(w, "type", "message");
    talk_key(w, "role", slice_str(talk_role(turn)));
    talk_list(w, "content");
    if (item->kind == TALK_TEXT) {
        talk_open(w, "type", turn->role == CHAT_ASSISTANT ? "output_text" : "input_text");
        talk_key(w, "text", item->text);
    } else {
        talk_open(w, "type", "input_image");
        talk_key(w, "image_url", SLICE("data:image/png;base64," TALK_IMAGE_DATA));
    }
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

static void talk_r_turn(struct json_writer *w, const struct talk_turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct talk_item *item = &turn->items[i];
        switch (item->kind) {
        case TALK_TEXT:
        case TALK_IMAGE: talk_r_message(w, turn, item); break;
        case TALK_CALL:
            talk_open(w, "type", "function_call");
            talk_key(w, "call_id", slice_str(item->id));
            talk_key(w, "name", slice_str(item->name));
            talk_key(w, "arguments", slice_str(item->arguments));
            json_close_object(w);
            break;
        case TALK_RESULT:
            talk_open(w, "type", "function_call_output");
            talk_key(w, "call_id", slice_str(item->id));
            talk_key(w, "output", item->text);
            json_close_object(w);
            break;
        }
    }
}

static void talk_a_item(struct json_writer *w, const struct talk_item *item)
{
    static const char *const types[] = {"text", "image", "tool_use", "tool_result"};

    talk_open(w, "type", types[item->kind]);
    switch (item->kind) {
    case TALK_TEXT: talk_key(w, "text", item->text); break;
    case TALK_IMAGE:
        talk_inner(w, "source");
        talk_key(w, "type", SLICE("base64"));
        talk_key(w, "media_type", SLICE("image/png"));
        talk_key(w, "data", SLICE(TALK_IMAGE_DATA));
        json_close_object(w);
        break;
    case TALK_CALL:
        talk_key(w, "id", slice_str(item->id));
        talk_key(w, "name", slice_str(item->name));
        json_key(w, SLICE("input"));
        json_value_raw(w, slice_str(item->arguments));
        break;
    case TALK_RESULT:
        talk_key(w, "tool_use_id", slice_str(item->id));
        talk_key(w, "content", item->text);
        break;
    }
    json_close_object(w);
}

static void talk_g_item(struct json_writer *w, const struct talk_item *item)
{
    static const char *const keys[] = {"text", "inlineData", "functionCall", "functionResponse"};

    json_open_object(w);
    json_key(w, slice_str(keys[item->kind]));
    if (item->kind == TALK_TEXT) {
        json_value_string(w, item->text);
        json_close_object(w);
        return;
    }
    json_open_object(w);
    if (item->kind == TALK_IMAGE) {
        talk_key(w, "mimeType", SLICE("image/png"));
        talk_key(w, "data", SLICE(TALK_IMAGE_DATA));
    } else {
        if (item->id[0])
            talk_key(w, "id", slice_str(item->id));
        talk_key(w, "name", slice_str(item->name));
    }
    if (item->kind == TALK_CALL) {
        json_key(w, SLICE("args"));
        json_value_raw(w, slice_str(item->arguments));
    } else if (item->kind == TALK_RESULT) {
        talk_inner(w, "response");
        talk_key(w, "output", item->text);
        json_close_object(w);
    }
    json_close_object(w);
    json_close_object(w);
}

static void talk_turn_items(struct json_writer *w, const struct talk_turn *turn, const char *key,
                            const char *role,
                            void write(struct json_writer *, const struct talk_item *))
{
    talk_open(w, "role", role);
    talk_list(w, key);
    for (size_t i = 0; i < turn->count; i++)
        write(w, &turn->items[i]);
    json_close_array(w);
    json_close_object(w);
}

static void talk_system(struct json_writer *w, enum dialect d, struct slice text)
{
    switch (d) {
    case DIALECT_OPENAI_RESPONSES: talk_key(w, "instructions", text); break;
    case DIALECT_ANTHROPIC: talk_key(w, "system", text); break;
    case DIALECT_GEMINI:
        talk_inner(w, "systemInstruction");
        talk_list(w, "parts");
        json_open_object(w);
        talk_key(w, "text", text);
        json_close_object(w);
        json_close_array(w);
        json_close_object(w);
        break;
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
}

static void talk_write_turn(struct json_writer *w, enum dialect d, const struct talk_turn *turn)
{
    switch (d) {
    case DIALECT_OPENAI_CHAT: talk_c_turn(w, turn); break;
    case DIALECT_OPENAI_RESPONSES: talk_r_turn(w, turn); break;
    case DIALECT_ANTHROPIC:
        talk_turn_items(w, turn, "content", talk_role(turn), talk_a_item);
        break;
    case DIALECT_GEMINI:
        talk_turn_items(w, turn, "parts", turn->role == CHAT_ASSISTANT ? "model" : "user",
                        talk_g_item);
        break;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
}

/** The whole request. */
TALK void talk_write(const struct talk *t, enum dialect d, struct buf *out)
{
    static const char *const lists[] = {"messages", "input", "messages", "contents"};
    struct json_writer w = {.out = out};

    json_open_object(&w);
    if (d == DIALECT_ANTHROPIC) {
        json_key(&w, SLICE("max_tokens"));
        json_value_int(&w, 1000);
    }
    if (t->system.len)
        talk_system(&w, d, t->system);
    talk_list(&w, lists[d]);
    if (t->system.len && d == DIALECT_OPENAI_CHAT) {
        talk_open(&w, "role", "system");
        talk_key(&w, "content", t->system);
        json_close_object(&w);
    }
    for (size_t i = 0; i < t->count; i++)
        talk_write_turn(&w, d, &t->turns[i]);
    json_close_array(&w);
    json_close_object(&w);
}

/* ---- heard ---- */

static void talk_hear(struct buf *out, const char *what, struct chat_text text)
{
    buf_append_str(out, what);
    text_append_plain(out, text);
    buf_append_byte(out, '|');
}

static void talk_hear_item(struct buf *out, const struct chat_item *item)
{
    switch (item->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL: talk_hear(out, "text ", item->text); break;
    case CHAT_IMAGE:
        buf_append(out, item->media.mime);
        talk_hear(out, " image ", item->media.data);
        break;
    case CHAT_CALL:
        buf_printf(out, "call %.*s %.*s ", SLICE_ARG(item->call.id), SLICE_ARG(item->call.name));
        talk_hear(out, "", item->call.arguments);
        break;
    case CHAT_RESULT:
        buf_printf(out, "result %.*s %d ", SLICE_ARG(item->result.call_id), item->result.is_error);
        list_for_each(at, &item->result.items) {
            talk_hear_item(out, list_entry(at, struct chat_item, link));
        }
        buf_append(out, item->result.object);
        break;
    case CHAT_FILE:
    case CHAT_AUDIO:
    case CHAT_VIDEO:
    case CHAT_REASONING:
    case CHAT_SERVER: return;
    }
}

/** Who says what, one line an item; what one side says in a row may be in any number of turns. */
TALK void talk_hear_request(const struct chat_request *r, struct buf *out)
{
    list_for_each(at, &r->system) {
        talk_hear_item(out, list_entry(at, struct chat_item, link));
    }
    buf_append_byte(out, '\n');
    list_for_each(at, &r->turns) {
        const struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        list_for_each(in, &turn->items) {
            buf_printf(out, "%d ", (int)turn->role);
            talk_hear_item(out, list_entry(in, struct chat_item, link));
            buf_append_byte(out, '\n');
        }
    }
}

#endif
