/* shape_calls.c - every call has a result, every result a call, and their ids are the target's. */
#include <stdint.h>
#include <stdio.h>

#include "base/table.h"
#include "chat/ids.h"
#include "chat/shape_item.h"

/*
 * mapping.md 2.2, 2.5 and 2.6.  Calls are asked for in order and results come in order, so one
 * walk pairs them; a second one puts each result where it belongs.  Clients reuse ids ("call_0"
 * in every turn), send results twice, late, or not at all; Gemini's may have no ids, only names.
 */

#define ID_BYTES         24 // letters and digits of a made id, after its prefix
#define CHAT_LONGEST     ((size_t)40)
#define LONGEST          ((size_t)64) // Responses; also Anthropic's models behind Bedrock
#define MISTRAL_BYTES    ((size_t)9)
#define ALTERED_BYTES    5 // "_" and four digits of a hash, behind an id that was altered
#define NO_RESULT        "[no result available]"
#define ERROR_PREFIX     "Error: "
#define ERROR_OF_NOTHING "Error"

/* In which order calls wait for results: all, those of one id, of one name, of that but no id. */
enum chain { OF_ALL, OF_ID, OF_NAME, OF_NAME_ALONE, CHAIN_COUNT };

struct pair {
    struct chat_item *call, *result;
    struct pair *next[CHAIN_COUNT];
};

struct queue {
    struct pair *waiting; // none before it waits for a result
    struct pair *last;
    size_t made; // ids that were made from this id, or this name
};

struct pairing {
    struct chat_request *r;
    const struct chat_target *t;
    struct table queues[CHAIN_COUNT]; // of struct queue; OF_ALL: under one key
    struct table sent;                // ids that upstream will see
    struct pair *first;
    bool repaired;
};

static bool is_id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static struct slice made_id(struct pairing *p, struct slice prefix, size_t len, struct slice seed,
                            size_t number)
{
    char id[CHAT_ID_BYTES];

    return arena_dup(p->r->arena, chat_id_make(id, prefix, len, seed, number));
}

static bool is_mistral_id(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (!is_id_byte(id.ptr[i]) || id.ptr[i] == '_' || id.ptr[i] == '-')
            return false;
    }
    return id.len == MISTRAL_BYTES;
}

/* Anthropic's alphabet: what is not of it becomes '_', and a hash keeps "a.b" and "a:b" apart. */
static struct slice anthropic_id(struct pairing *p, struct slice id)
{
    size_t kept = id.len <= LONGEST - ALTERED_BYTES ? id.len : LONGEST - ALTERED_BYTES, odd = 0;
    char *out;

    for (size_t i = 0; i < id.len; i++)
        odd += !is_id_byte(id.ptr[i]);
    if (!odd && id.len <= LONGEST)
        return id;
    out = arena_alloc_raw(p->r->arena, kept + ALTERED_BYTES + 1, 1);
    for (size_t i = 0; i < kept; i++)
        out[i] = is_id_byte(id.ptr[i]) ? id.ptr[i] : '_';
    snprintf(out + kept, ALTERED_BYTES + 1, "_%04x", (unsigned)(chat_id_hash(id, 0) & 0xffff));
    return slice_of(out, kept + ALTERED_BYTES);
}

/* The id, or one made from it; the same every time. */
static struct slice fit_id(struct pairing *p, struct slice id)
{
    size_t longest = p->t->dialect == DIALECT_OPENAI_CHAT ? CHAT_LONGEST : LONGEST;

    if (p->t->gates->family == FAMILY_MISTRAL)
        return is_mistral_id(id) ? id : made_id(p, SLICE(""), MISTRAL_BYTES, id, 0);
    if (p->t->dialect == DIALECT_ANTHROPIC)
        return anthropic_id(p, id);
    if (p->t->dialect == DIALECT_GEMINI || id.len <= longest)
        return id;
    return made_id(p, SLICE("call_"), ID_BYTES, id, 0);
}

/* The `number`th of those that have one id or, where they have none, of all of one name. */
static struct slice numbered_id(struct pairing *p, struct slice seed, size_t number)
{
    if (p->t->gates->family == FAMILY_MISTRAL)
        return made_id(p, SLICE(""), MISTRAL_BYTES, seed, number);
    if (p->t->dialect == DIALECT_ANTHROPIC)
        return made_id(p, SLICE("toolu_"), ID_BYTES, seed, number);
    return made_id(p, SLICE("call_"), ID_BYTES, seed, number);
}

/*
 * A call keeps its id if it can.  A later one of the same id, and one without, gets an id that
 * follows from that (or its name) and how many of them came before: a longer history of the
 * same conversation begins with the same ids, which is what prompt caches go by.
 */
static struct slice unique_id(struct pairing *p, const struct chat_call *call, size_t before)
{
    struct slice seed = call->id.len ? call->id : call->name;
    struct slice id =
        call->id.len && !before ? fit_id(p, call->id) : numbered_id(p, seed, before + 1);

    for (size_t salt = 1; table_get(&p->sent, id); salt++)
        id = numbered_id(p, id, before + salt);
    return id;
}

static struct queue *enqueue(struct pairing *p, enum chain chain, struct slice key,
                             struct pair *pair)
{
    struct queue *q = table_get(&p->queues[chain], key);

    if (!q) {
        q = arena_new(p->r->arena, struct queue);
        table_put(&p->queues[chain], key, q);
    }
    if (q->last)
        q->last->next[chain] = pair;
    q->last = pair;
    if (!q->waiting)
        q->waiting = pair;
    return q;
}

static void add_call(struct pairing *p, struct chat_item *item)
{
    struct chat_call *call = &item->call;
    struct pair *pair = arena_new(p->r->arena, struct pair);
    struct queue *seed;

    pair->call = item;
    if (!p->first)
        p->first = pair;
    enqueue(p, OF_ALL, SLICE(""), pair);
    enqueue(p, OF_NAME, call->name, pair);
    seed = call->id.len ? enqueue(p, OF_ID, call->id, pair)
                        : enqueue(p, OF_NAME_ALONE, call->name, pair);
    call->id = unique_id(p, call, seed->made++);
    table_put(&p->sent, call->id, item);
}

/* The first that still waits there; NULL: none. */
static struct pair *waiting(struct pairing *p, enum chain chain, struct slice key)
{
    struct queue *q = table_get(&p->queues[chain], key);

    while (q && q->waiting && q->waiting->result)
        q->waiting = q->waiting->next[chain];
    return q ? q->waiting : NULL;
}

/*
 * The call that a result belongs to: the first of its id that still waits, or the last of them
 * when all have been answered.  Without a known id, the first of its name that has none either;
 * without any id the first of its name, and without a name the first.
 */
static struct pair *find_call(struct pairing *p, const struct chat_result *result)
{
    struct queue *of_id =
        result->call_id.len ? table_get(&p->queues[OF_ID], result->call_id) : NULL;
    struct pair *found = of_id ? waiting(p, OF_ID, result->call_id) : NULL;

    if (of_id)
        return found ? found : of_id->last;
    if (result->name.len)
        found = waiting(p, OF_NAME_ALONE, result->name);
    if (found || result->call_id.len)
        return found;
    return result->name.len ? waiting(p, OF_NAME, result->name) : waiting(p, OF_ALL, SLICE(""));
}

/* Of two results of one call the later counts. */
static void replace_result(struct pair *pair, struct chat_item *item)
{
    if (item->cache == CACHE_NONE)
        item->cache = pair->result->cache;
    list_remove(&pair->result->link);
}

static enum err add_result(struct pairing *p, struct chat_item *item, struct err_info *e)
{
    struct pair *pair = find_call(p, &item->result);

    if (!pair) {
        /* Gemini's result has to have its call's name, and mapping.md 2.5 has it refused. */
        if (p->t->dialect == DIALECT_GEMINI)
            return err_set(e, ERR_BAD_REQUEST,
                           "%s: tool result without matching call: \"%.*s\" is the id of none "
                           "before it",
                           shape_turns_field(p->r->dialect),
                           SLICE_ARG(slice_sub(item->result.call_id, 0, LONGEST)));
        p->repaired = true;
        shape_result_to_text(p->r, item);
        return ERR_NONE;
    }
    if (pair->result) {
        p->repaired = true;
        replace_result(pair, item);
    }
    pair->result = item;
    return ERR_NONE;
}

/* Pairs results with the calls before them. */
static enum err pair_up(struct pairing *p, struct err_info *e)
{
    list_for_each(at, &p->r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);

        list_for_each_safe(in, &turn->items) {
            struct chat_item *item = list_entry(in, struct chat_item, link);
            if (item->kind == CHAT_CALL && turn->role == CHAT_ASSISTANT)
                add_call(p, item);
            else if (item->kind == CHAT_RESULT && add_result(p, item, e) != ERR_NONE)
                return e->code;
        }
    }
    return ERR_NONE;
}

static bool has_text(const struct chat_result *result)
{
    list_for_each(at, &result->items) {
        if (shape_is_text(list_entry(at, struct chat_item, link)))
            return true;
    }
    return false;
}

static struct chat_item *result_text(struct pairing *p, struct chat_result *result,
                                     struct slice text)
{
    struct chat_item *item = chat_item_text(p->r->arena, NULL, text_plain(text));

    list_push_front(&result->items, &item->link);
    return item;
}

/* OpenAI has no flag for failures: the text says it. */
static void say_error(struct pairing *p, struct chat_result *result)
{
    list_for_each(at, &result->items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);

        if (!shape_is_text(item))
            continue;
        if (!slice_starts(item->text.s, SLICE(ERROR_OF_NOTHING ":")) &&
            !slice_eq(item->text.s, SLICE(ERROR_OF_NOTHING)))
            item->text =
                text_join(p->r->arena, text_plain(SLICE(ERROR_PREFIX)), SLICE(""), item->text);
        return;
    }
    result_text(p, result, SLICE(ERROR_OF_NOTHING));
}

static void fit_result(struct pairing *p, const struct pair *pair)
{
    struct chat_result *result = &pair->result->result;

    result->call_id = pair->call->call.id;
    result->name = pair->call->call.name;
    result->custom = pair->call->call.custom;
    if (p->t->dialect != DIALECT_GEMINI && result->object.len && !has_text(result))
        result_text(p, result, result->object);
    if (result->is_error && shape_is_openai(p->t))
        say_error(p, result);
}

static struct chat_item *missing_result(struct pairing *p)
{
    struct chat_item *item = chat_item_new(p->r->arena, NULL, CHAT_RESULT);

    p->repaired = true;
    item->result.is_error = true;
    result_text(p, &item->result, SLICE(NO_RESULT));
    return item;
}

/* Results of all calls of `turn`, in their order, at the head of the user's turn behind it. */
static enum err place_results(struct pairing *p, struct chat_turn *turn, struct pair **next,
                              struct err_info *e)
{
    struct list *behind = turn->link.next;
    struct chat_turn *user;
    struct list results;

    list_init(&results);
    list_for_each(at, &turn->items) {
        struct pair *pair = *next;

        if (list_entry(at, struct chat_item, link)->kind != CHAT_CALL)
            continue;
        *next = pair->next[OF_ALL];
        if (!pair->result && behind == &p->r->turns && p->t->dialect == DIALECT_ANTHROPIC)
            return err_set(e, ERR_BAD_REQUEST,
                           "%s: the conversation ends with a tool call that has no result: send "
                           "its result",
                           shape_turns_field(p->r->dialect));
        if (!pair->result)
            pair->result = missing_result(p);
        list_remove(&pair->result->link);
        list_push_back(&results, &pair->result->link);
        fit_result(p, pair);
    }
    if (list_is_empty(&results))
        return ERR_NONE;

    user = list_entry(behind, struct chat_turn, link);
    if (behind == &p->r->turns || user->role != CHAT_USER)
        user = shape_turn_before(p->r, behind, CHAT_USER);
    list_append(&results, &user->items);
    list_append(&user->items, &results);
    return ERR_NONE;
}

static bool has_calls(const struct chat_turn *turn)
{
    list_for_each(at, &turn->items) {
        if (list_entry(at, struct chat_item, link)->kind == CHAT_CALL)
            return true;
    }
    return false;
}

/*
 * What an assistant says right after its calls is of the same step: nobody can answer between
 * the two.  Turns without items stand between nothing.
 */
static void join_steps(struct chat_request *r)
{
    struct chat_turn *open = NULL; // an assistant's with calls, the last before `at`

    list_for_each_safe(at, &r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);

        if (list_is_empty(&turn->items)) {
            list_remove(at);
        } else if (turn->role != CHAT_ASSISTANT) {
            open = NULL;
        } else if (open) {
            list_append(&open->items, &turn->items);
            if (!open->phase.len)
                open->phase = turn->phase;
            list_remove(at);
        } else if (has_calls(turn)) {
            open = turn;
        }
    }
}

static enum err pair_and_place(struct pairing *p, struct err_info *e)
{
    struct pair *next;

    if (pair_up(p, e) != ERR_NONE)
        return e->code;
    next = p->first;
    list_for_each(at, &p->r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (turn->role == CHAT_ASSISTANT && place_results(p, turn, &next, e) != ERR_NONE)
            return e->code;
    }
    if (p->repaired)
        chat_note_degraded(p->r, shape_turns_field(p->r->dialect));
    return ERR_NONE;
}

enum err shape_calls(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    struct pairing p = {.r = r, .t = t};
    enum err err;

    for (size_t i = 0; i < CHAIN_COUNT; i++)
        table_init(&p.queues[i], (uint64_t)(uintptr_t)r);
    table_init(&p.sent, (uint64_t)(uintptr_t)r);
    join_steps(r);
    err = pair_and_place(&p, e);
    for (size_t i = 0; i < CHAIN_COUNT; i++)
        table_release(&p.queues[i]);
    table_release(&p.sent);
    return err;
}
