/* rule_filter.c - which requests a rule is for. */
#include "base/array.h"
#include "policy/rule_inside.h"
#include "wire/glob.h"
#include "json/tree.h"

#define WORDS_MAX 1000

struct filter_key {
    const char *name;
    bool (*parse)(struct slice word, unsigned *bit); // NULL: globs
    const char *words;                               // for people
};

static bool parse_operation(struct slice word, unsigned *bit)
{
    static const enum operation with_body[] = {OP_GENERATE, OP_COUNT_TOKENS, OP_EMBED, OP_IMAGE,
                                               OP_COMPACT};

    for (size_t i = 0; i < ARRAY_LEN(with_body); i++) {
        if (slice_eq(word, slice_str(operation_name(with_body[i])))) {
            *bit = 1U << with_body[i];
            return true;
        }
    }
    return false;
}

static bool parse_dialect(struct slice word, unsigned *bit)
{
    enum dialect d;

    if (!dialect_parse(word, &d))
        return false;
    *bit = 1U << d;
    return true;
}

enum { KEY_MODELS, KEY_OPERATIONS, KEY_DIALECTS, KEY_UPSTREAM_DIALECTS, KEY_USERS, KEY_COUNT };

#define DIALECTS "openai_chat, openai_responses, anthropic, gemini, openai"

static const struct filter_key keys[KEY_COUNT] = {
    [KEY_MODELS] = {"models",            NULL,            NULL     },
    [KEY_OPERATIONS] = {"operations",        parse_operation,
                    "generate, count_tokens, embed, image, compact"},
    [KEY_DIALECTS] = {"dialects",          parse_dialect,   DIALECTS },
    [KEY_UPSTREAM_DIALECTS] = {"upstream_dialects", parse_dialect,   DIALECTS },
    [KEY_USERS] = {"users",             NULL,            NULL     },
};

struct filter_reader {
    struct arena *arena;
    struct rule_filter *out;
    struct err_info *e;
};

static enum err add_glob(struct filter_reader *r, size_t key, struct slice word,
                         struct slice **list, size_t *count)
{
    struct err_info why = {0};

    if (word.len == 0)
        return err_set(r->e, ERR_BAD_REQUEST, "filter.%s: must not be empty", keys[key].name);
    if (glob_validate(word, &why))
        return err_set(r->e, ERR_BAD_REQUEST, "filter.%s: %s", keys[key].name, err_info_text(&why));
    (*list)[(*count)++] = arena_dup(r->arena, word);
    return ERR_NONE;
}

static enum err add_word(struct filter_reader *r, size_t key, struct slice word, unsigned *bits)
{
    unsigned bit;

    if (!keys[key].parse(word, &bit))
        return err_set(r->e, ERR_BAD_REQUEST, "filter.%s: must be of %s", keys[key].name,
                       keys[key].words);
    *bits |= bit;
    return ERR_NONE;
}

static enum err add(struct filter_reader *r, size_t key, struct slice word, struct slice **list,
                    size_t *count)
{
    switch (key) {
    case KEY_OPERATIONS: return add_word(r, key, word, &r->out->operations);
    case KEY_DIALECTS: return add_word(r, key, word, &r->out->clients);
    case KEY_UPSTREAM_DIALECTS: return add_word(r, key, word, &r->out->upstreams);
    default: return add_glob(r, key, word, list, count);
    }
}

/* A string, or a list of them that is not empty: an empty one would match nothing, or all? */
static enum err read_key(struct filter_reader *r, size_t key, const struct json *value)
{
    size_t room = json_is(value, JSON_ARRAY) ? value->count : 1, count = 0;
    struct slice *list;

    if (json_is(value, JSON_ARRAY) ? value->count == 0 : !json_is(value, JSON_STRING))
        return err_set(r->e, ERR_BAD_REQUEST,
                       "filter.%s: must be a string or a list of strings that is not empty",
                       keys[key].name);
    if (room > WORDS_MAX)
        return err_set(r->e, ERR_BAD_REQUEST, "filter.%s: must be at most %d", keys[key].name,
                       WORDS_MAX);
    list = arena_array(r->arena, struct slice, room);
    if (json_is(value, JSON_STRING))
        count = add(r, key, json_str(r->arena, value), &list, &count) ? 0 : count;
    json_for_each(item, value) {
        if (!json_is(item, JSON_STRING))
            return err_set(r->e, ERR_BAD_REQUEST, "filter.%s: must be strings", keys[key].name);
        if (add(r, key, json_str(r->arena, item), &list, &count))
            break;
    }
    if (key == KEY_MODELS) {
        r->out->models = list;
        r->out->model_count = count;
    } else if (key == KEY_USERS) {
        r->out->users = list;
        r->out->user_count = count;
    }
    return r->e->code;
}

static size_t find_key(struct slice name)
{
    size_t i = 0;

    while (i < KEY_COUNT && !slice_eq(name, slice_str(keys[i].name)))
        i++;
    return i;
}

enum err rule_filter_compile(struct slice json, enum rule_phase phase, struct arena *a,
                             struct rule_filter *out, struct err_info *e)
{
    struct filter_reader r = {a, out, e};
    struct err_info why = {0};
    unsigned seen = 0;
    struct json *top;

    *out = (struct rule_filter){0};
    if (!json.ptr)
        return ERR_NONE;
    if (json_parse(a, json, &top, &why))
        return err_set(e, ERR_BAD_REQUEST, "filter: %s", err_info_text(&why));
    if (!json_is(top, JSON_OBJECT))
        return err_set(e, ERR_BAD_REQUEST, "filter: must be an object");
    json_for_each(member, top) {
        size_t key = find_key(member->key);
        if (key == KEY_COUNT)
            return err_set(e, ERR_BAD_REQUEST, "filter.%.*s: there is no such filter",
                           SLICE_ARG(slice_sub(member->key, 0, ERR_TEXT_BYTES / 4)));
        if (seen & 1U << key)
            return err_set(e, ERR_BAD_REQUEST, "filter.%s: stands there twice", keys[key].name);
        seen |= 1U << key;
        if (key == KEY_UPSTREAM_DIALECTS && phase == RULE_INBOUND)
            return err_set(e, ERR_BAD_REQUEST,
                           "filter.upstream_dialects: only for outbound rules: inbound, the "
                           "upstream is not known yet");
        if (read_key(&r, key, member))
            return e->code;
    }
    return ERR_NONE;
}

static bool any_matches(const struct slice *globs, size_t count, struct slice name)
{
    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        if (glob_match(globs[i], name))
            return true;
    }
    return false;
}

static bool has(unsigned bits, unsigned index)
{
    return !bits || (bits & 1U << index);
}

bool rule_filter_admits(const struct rule_filter *f, const struct rule_request *r)
{
    return has(f->operations, r->operation) && has(f->clients, r->client) &&
           (r->phase == RULE_INBOUND || has(f->upstreams, r->upstream)) &&
           any_matches(f->models, f->model_count, r->model) &&
           any_matches(f->users, f->user_count, r->user);
}
