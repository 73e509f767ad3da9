/* schema_refs.c - what `$ref` and `allOf` of a schema stand for. */
#include "chat/schema_refs.h"

#include "base/array.h"

void schema_refs_init(struct schema_refs *s, struct arena *scratch, const struct json *top,
                      enum schema_refs_mode mode, size_t limit)
{
    *s = (struct schema_refs){.scratch = scratch, .mode = mode, .top = top, .limit = limit};
    table_init(&s->defs, schema_seed(scratch));
}

void schema_refs_release(struct schema_refs *s)
{
    table_release(&s->defs);
}

static void defs_fill(struct schema_refs *s, const char *name)
{
    struct json *defs = json_member(s->top, slice_str(name));

    for (struct json *at = json_is(defs, JSON_OBJECT) ? defs->first : NULL; at; at = at->next)
        table_put(&s->defs, arena_printf(s->scratch, "#/%s/%.*s", name, SLICE_ARG(at->key)), at);
}

/* One step of a JSON pointer (RFC 6901), "~1" and "~0" undone. */
static struct slice step_decode(struct arena *a, struct slice step)
{
    char *out;
    size_t len = 0;

    if (slice_find(step, '~') == SIZE_MAX)
        return step;
    out = arena_alloc_raw(a, step.len, 1);
    for (size_t i = 0; i < step.len; i++) {
        char c = step.ptr[i];

        if (c == '~' && i + 1 < step.len)
            c = step.ptr[++i] == '1' ? '/' : '~';
        out[len++] = c;
    }
    return slice_of(out, len);
}

/* Behind "#": empty, or steps that each begin with a slash. */
static const struct json *point(struct schema_refs *s, struct slice pointer)
{
    struct slice rest = slice_after(pointer, 1);
    const struct json *v = s->top;
    bool more = pointer.len > 0;

    while (v && more) {
        struct slice step;
        uint64_t index;

        more = slice_find(rest, '/') != SIZE_MAX;
        step = slice_cut(rest, '/', &rest);
        s->work += v->count;
        if (json_is(v, JSON_ARRAY))
            v = slice_to_u64(step, &index) ? json_item(v, index) : NULL;
        else
            v = json_member(v, step_decode(s->scratch, step));
    }
    return v;
}

static const struct json *resolve(struct schema_refs *s, const struct json *ref)
{
    struct slice name = json_str(s->scratch, ref);
    const struct json *found;

    if (!s->filled) {
        s->filled = true;
        defs_fill(s, "definitions");
        defs_fill(s, "$defs");
    }
    found = table_get(&s->defs, name);
    if (!found && slice_starts(name, SLICE("#")) && (name.len == 1 || name.ptr[1] == '/'))
        found = point(s, slice_after(name, 1));
    return json_is(found, JSON_OBJECT) ? found : NULL;
}

/* False when it is open already, or would be one too many. */
static bool ref_open(struct schema_refs *s, const struct json *target)
{
    for (size_t i = 0; i < s->open_count; i++) {
        if (s->open[i] == target)
            return false;
    }
    if (s->open_count == SCHEMA_MAX_REFS)
        return false;
    s->open[s->open_count++] = target;
    return true;
}

/* The schemas that are merged, outermost first. */
struct layers {
    const struct json *at[SCHEMA_MAX_REFS * 4];
    size_t count;
};

static void layers_add(struct schema_refs *s, struct layers *l, const struct json *v, bool inside)
{
    const struct json *ref = json_member(v, SLICE("$ref")), *all = json_member(v, SLICE("allOf"));
    const struct json *target;

    s->work += v->count + 1;
    if (l->count == ARRAY_LEN(l->at) || s->work > s->limit) {
        s->failed = s->mode != SCHEMA_REFS_LEAVE;
        return;
    }
    l->at[l->count++] = v;
    if (ref && (s->mode == SCHEMA_REFS_INLINE || (inside && s->mode == SCHEMA_REFS_KEEP))) {
        target = resolve(s, ref);
        if (target && ref_open(s, target))
            layers_add(s, l, target, inside);
        else if (target)
            s->failed = true;
    }
    for (const struct json *at = json_is(all, JSON_ARRAY) ? all->first : NULL; at; at = at->next) {
        if (json_is(at, JSON_OBJECT) && !s->failed)
            layers_add(s, l, at, true);
    }
}

struct merge {
    struct schema_refs *s;
    struct json *out;
    struct json **end; // where the next member goes
    struct json *said[SCHEMA_WORD_COUNT];
    struct table names[2]; // of properties, of required
};

static struct json *copy_to(struct merge *m, struct json *into, struct json **end,
                            const struct json *v)
{
    struct json *copy = arena_new(m->s->scratch, struct json);

    *copy = *v;
    copy->next = NULL;
    *end = copy;
    into->count++;
    return copy;
}

/* Appends those members or items of `from` that `into` has not got; all, when they are no names. */
static void join(struct merge *m, struct json *into, const struct json *from, struct table *names)
{
    struct json **end = &into->first;

    while (*end)
        end = &(*end)->next;
    for (struct json *at = json_first(from); at; at = at->next) {
        struct slice name = at->key.ptr ? at->key : json_str(m->s->scratch, at);

        m->s->work++;
        if (!name.ptr || table_get(names, name))
            continue;
        table_put(names, name, at);
        end = &copy_to(m, into, end, at)->next;
    }
}

static void merge_member(struct merge *m, const struct json *v, enum schema_word word)
{
    struct table *names = word == WORD_PROPERTIES ? &m->names[0]
                          : word == WORD_REQUIRED ? &m->names[1]
                                                  : NULL;
    struct json *copy;

    if (names && m->said[word]) {
        join(m, m->said[word], v, names);
        return;
    }
    if (m->said[word])
        return;
    m->said[word] = copy = copy_to(m, m->out, m->end, v);
    m->end = &copy->next;
    if (names && (json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY))) {
        copy->first = NULL;
        copy->count = 0;
        join(m, copy, v, names);
    }
}

/* A reference that was followed is no longer said; one that is left alone stays. */
static bool is_undone(const struct schema_refs *s, const struct json *layer, enum schema_word word,
                      const struct json *first)
{
    if (word == WORD_ALL_OF)
        return true;
    if (word == WORD_DEFS || word == WORD_DEFINITIONS)
        return layer != first;
    return word == WORD_REF && (s->mode == SCHEMA_REFS_INLINE || layer != first);
}

static const struct json *merge(struct schema_refs *s, const struct layers *l)
{
    struct merge m = {.s = s, .out = arena_new(s->scratch, struct json)};

    m.out->type = JSON_OBJECT;
    m.end = &m.out->first;
    table_init(&m.names[0], schema_seed(s));
    table_init(&m.names[1], schema_seed(s));
    for (size_t i = 0; i < l->count; i++) {
        json_for_each(at, l->at[i]) {
            enum schema_word word = schema_word_find(at->key);

            if (word != SCHEMA_WORD_COUNT && !is_undone(s, l->at[i], word, l->at[0]))
                merge_member(&m, at, word);
        }
    }
    table_release(&m.names[0]);
    table_release(&m.names[1]);
    return m.out;
}

/* allOf around one reference, only to say something beside it; then the reference will do. */
static const struct json *lone_ref(const struct schema_refs *s, const struct json *v,
                                   const struct json *all)
{
    const struct json *only = json_is(all, JSON_ARRAY) && all->count == 1 ? all->first : NULL;

    if (s->mode == SCHEMA_REFS_INLINE || !json_member(only, SLICE("$ref")))
        return NULL;
    json_for_each(at, v) {
        enum schema_word word = schema_word_find(at->key);
        if (word != WORD_ALL_OF && word != WORD_DESCRIPTION && word != WORD_TITLE &&
            word != WORD_DEFAULT && word != SCHEMA_WORD_COUNT)
            return NULL;
    }
    return only;
}

const struct json *schema_flatten(struct schema_refs *s, const struct json *v)
{
    const struct json *ref = json_member(v, SLICE("$ref")), *all = json_member(v, SLICE("allOf"));
    const struct json *lone;
    struct layers l = {.count = 0};

    if (!all && (!ref || s->mode != SCHEMA_REFS_INLINE))
        return v;
    lone = lone_ref(s, v, all);
    if (lone)
        return lone;
    layers_add(s, &l, v, false);
    return s->failed ? v : merge(s, &l);
}
