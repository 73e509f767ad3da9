/* pattern.c - many patterns of model names, made ready to be asked often. */
#include "policy/pattern.h"

#include <stdlib.h>

#include "base/table.h"
#include "wire/glob.h"

/* Up to so many patterns, trying each is faster than looking any up. */
#define LINEAR_MOST 8
#define SLOTS_LEAST ((size_t)32)

/* So many matches are put in order here; where there are more, the set is walked. */
#define GATHERED 64

enum pattern_kind {
    PATTERN_NOTHING, // not valid
    PATTERN_LITERAL,
    PATTERN_PREFIX, // "gpt-*"
    PATTERN_GLOB,
};

struct pattern {
    enum pattern_kind kind;
    struct slice text;
    struct slice head;    // the literal text that it begins with, without backslashes
    size_t literal;       // bytes of literal text in all
    size_t index, rank;   // rank: 0 is the most specific of the set
    struct pattern *next; // with the same head, less specific
};

/* The most specific pattern with a head, and a part of that head's hash: most that differ do there. */
struct slot {
    uint32_t tag;
    uint32_t first; // its index plus one; 0: free
};

/*
 * A hash table of heads in an arena: slots hold the most specific pattern with a head, the
 * others hang behind it.  A name is looked up once for each length that heads have.
 */
struct pattern_set {
    struct pattern *patterns; // [count], as they were given
    size_t count;
    struct slot *slots; // [slot_count], a power of two, open addressing; NULL: linear
    size_t slot_count;
    size_t *lengths; // of heads, each once, longest first
    size_t length_count;
    uint64_t seed;
};

/* What stands before the first wildcard; where that is all, the pattern is a literal. */
static struct slice head_of(struct arena *a, struct slice text, struct slice *rest)
{
    char *head = arena_alloc_raw(a, text.len + 1, 1);
    size_t len = 0, at = 0;

    while (at < text.len && text.ptr[at] != '*' && text.ptr[at] != '?' && text.ptr[at] != '[') {
        if (text.ptr[at] == '\\')
            at++;
        head[len++] = text.ptr[at++];
    }
    *rest = slice_after(text, at);
    return slice_of(head, len);
}

/*
 * A character that is cut at the end of the head is one of its own there, and another
 * one where a text goes on: such a pattern is no mere prefix.
 */
static bool ends_in_ascii(struct slice s)
{
    return s.len == 0 || (unsigned char)s.ptr[s.len - 1] < 0x80;
}

static void compile(struct pattern *p, struct arena *a, struct slice text)
{
    struct err_info e = {0};
    struct slice rest;

    p->text = text;
    if (glob_validate(text, &e))
        return;
    p->literal = glob_literal_len(text);
    if (glob_is_literal(text)) {
        p->head = text;
        p->kind = PATTERN_LITERAL;
        return;
    }
    p->head = head_of(a, text, &rest);
    if (rest.len == 0)
        p->kind = PATTERN_LITERAL;
    else if (slice_eq(rest, SLICE("*")) && ends_in_ascii(p->head))
        p->kind = PATTERN_PREFIX;
    else
        p->kind = PATTERN_GLOB;
}

/* The most specific first. */
static int compare(const void *a, const void *b)
{
    const struct pattern *x = *(struct pattern *const *)a, *y = *(struct pattern *const *)b;
    bool x_literal = x->kind == PATTERN_LITERAL, y_literal = y->kind == PATTERN_LITERAL;

    if (x_literal != y_literal)
        return x_literal ? -1 : 1;
    if (x->head.len != y->head.len)
        return x->head.len > y->head.len ? -1 : 1;
    if (x->literal != y->literal)
        return x->literal > y->literal ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* The slot of that head, or the free one where it would go. */
static struct slot *slot_of(const struct pattern_set *set, struct slice head, uint64_t hash)
{
    size_t mask = set->slot_count - 1, at = (size_t)hash & mask;
    uint32_t tag = (uint32_t)(hash >> 32);

    while (set->slots[at].first && (set->slots[at].tag != tag ||
                                    !slice_eq(set->patterns[set->slots[at].first - 1].head, head)))
        at = (at + 1) & mask;
    return &set->slots[at];
}

/* The most specific pattern with that head; the others hang behind it. */
static const struct pattern *with_head(const struct pattern_set *set, struct slice head)
{
    uint32_t first = slot_of(set, head, hash_bytes(set->seed, head))->first;

    return first ? &set->patterns[first - 1] : NULL;
}

static int compare_lengths(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x > y ? -1 : x < y;
}

static void note_length(struct pattern_set *set, bool seen[GLOB_MAX_BYTES + 1], size_t len)
{
    if (!seen[len])
        set->lengths[set->length_count++] = len;
    seen[len] = true;
}

/* `order` is by rank: each chain is, then, and its first is the one in the slot. */
static void make_index(struct pattern_set *set, struct arena *a, struct pattern **order)
{
    bool seen[GLOB_MAX_BYTES + 1] = {false};

    set->slot_count = SLOTS_LEAST;
    while (set->slot_count < 2 * set->count)
        set->slot_count *= 2;
    set->slots = arena_array(a, struct slot, set->slot_count);
    set->lengths = arena_array(a, size_t, GLOB_MAX_BYTES + 1);
    for (size_t i = set->count; i-- > 0;) {
        uint64_t hash = hash_bytes(set->seed, order[i]->head);
        struct slot *slot;
        if (order[i]->kind == PATTERN_NOTHING)
            continue;
        slot = slot_of(set, order[i]->head, hash);
        order[i]->next = slot->first ? &set->patterns[slot->first - 1] : NULL;
        *slot = (struct slot){(uint32_t)(hash >> 32), (uint32_t)order[i]->index + 1};
        note_length(set, seen, order[i]->head.len);
    }
    qsort(set->lengths, set->length_count, sizeof(*set->lengths), compare_lengths);
}

const struct pattern_set *pattern_set_new(struct arena *a, const struct slice *patterns,
                                          size_t count, uint64_t seed)
{
    struct pattern_set *set = arena_new(a, struct pattern_set);
    struct pattern **order = arena_array(a, struct pattern *, count);

    *set = (struct pattern_set){
        .patterns = arena_array(a, struct pattern, count),
        .count = count,
        .seed = seed,
    };
    for (size_t i = 0; i < count; i++) {
        compile(&set->patterns[i], a, patterns[i]);
        set->patterns[i].index = i;
        order[i] = &set->patterns[i];
    }
    if (count)
        qsort(order, count, sizeof(struct pattern *), compare);
    for (size_t i = 0; i < count; i++)
        order[i]->rank = i;
    if (count > LINEAR_MOST)
        make_index(set, a, order);
    return set;
}

static bool matches(const struct pattern *p, struct slice name)
{
    switch (p->kind) {
    case PATTERN_NOTHING: return false;
    case PATTERN_LITERAL: return slice_eq(name, p->head);
    case PATTERN_PREFIX: return slice_starts(name, p->head);
    case PATTERN_GLOB: return slice_starts(name, p->head) && glob_match(p->text, name);
    }
    return false;
}

bool pattern_set_matches(const struct pattern_set *set, size_t index, struct slice name)
{
    return matches(&set->patterns[index], name);
}

static const struct pattern *better(const struct pattern *a, const struct pattern *b)
{
    return !a || (b && b->rank < a->rank) ? b : a;
}

static const struct pattern *best_by_walk(const struct pattern_set *set, struct slice name)
{
    const struct pattern *best = NULL;

    for (size_t i = 0; i < set->count; i++) {
        if (matches(&set->patterns[i], name))
            best = better(best, &set->patterns[i]);
    }
    return best;
}

/*
 * A literal that matches has the longest head that can match, and stands first among those
 * with it; the first match at the longest head is the most specific for the same reason.
 */
static const struct pattern *best_by_index(const struct pattern_set *set, struct slice name)
{
    for (size_t i = 0; i < set->length_count; i++) {
        if (set->lengths[i] > name.len)
            continue;
        for (const struct pattern *p = with_head(set, slice_sub(name, 0, set->lengths[i])); p;
             p = p->next) {
            if (matches(p, name))
                return p;
        }
    }
    return NULL;
}

static const struct pattern *best_of(const struct pattern_set *set, struct slice name)
{
    return set->slots ? best_by_index(set, name) : best_by_walk(set, name);
}

bool pattern_set_any(const struct pattern_set *set, struct slice name)
{
    return set && best_of(set, name);
}

long pattern_set_best(const struct pattern_set *set, const struct slice *names, size_t count)
{
    const struct pattern *best = NULL;

    for (size_t i = 0; set && i < count; i++)
        best = better(best, best_of(set, names[i]));
    return best ? (long)best->index : -1;
}

static void each_by_walk(const struct pattern_set *set, struct slice name, pattern_fn *each,
                         void *ctx)
{
    for (size_t i = 0; i < set->count; i++) {
        if (matches(&set->patterns[i], name))
            each(ctx, i);
    }
}

/* Puts an index in its place among those gathered. */
static void insert(size_t *found, size_t count, size_t index)
{
    for (; count > 0 && found[count - 1] > index; count--)
        found[count] = found[count - 1];
    found[count] = index;
}

void pattern_set_each(const struct pattern_set *set, struct slice name, pattern_fn *each, void *ctx)
{
    size_t found[GATHERED], count = 0;

    if (!set)
        return;
    for (size_t i = 0; set->slots && i < set->length_count; i++) {
        if (set->lengths[i] > name.len)
            continue;
        for (const struct pattern *p = with_head(set, slice_sub(name, 0, set->lengths[i])); p;
             p = p->next) {
            if (!matches(p, name))
                continue;
            if (count == GATHERED) {
                each_by_walk(set, name, each, ctx);
                return;
            }
            insert(found, count++, p->index);
        }
    }
    if (!set->slots)
        each_by_walk(set, name, each, ctx);
    for (size_t i = 0; i < count; i++)
        each(ctx, found[i]);
}
