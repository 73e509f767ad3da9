/* rule_apply.c - what the rules that match make of a body. */
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "policy/rule_inside.h"
#include "json/extent.h"

#define TOUCHED_MAX 32
#define EDITS_MAX   256 // that are kept for the next rule

/*
 * As long as rules change different members of the request, all of their changes are edits over
 * the text that came.  A rule that reads or writes what another has changed must see the
 * result: it is then written out, and the edits begin anew over that.
 */
struct applying {
    struct json_splice *splice; // over the newest text
    struct buf texts[2];        // of which the newest text may be one
    size_t turn;
    struct slice touched[TOUCHED_MAX]; // members with edits
    size_t touched_count;
    size_t room;
    enum dialect dialect;
    enum operation operation;
    struct arena *arena;
    struct rule_result *out;
    struct err_info *e;
};

/* What a rule that is no path looks at, or changes. */
static const struct {
    enum dialect dialect;
    const char *key;
} talk_members[] = {
    {DIALECT_OPENAI_CHAT,      "messages"              },
    {DIALECT_OPENAI_CHAT,      "tools"                 },
    {DIALECT_OPENAI_CHAT,      "functions"             },
    {DIALECT_OPENAI_RESPONSES, "instructions"          },
    {DIALECT_OPENAI_RESPONSES, "input"                 },
    {DIALECT_OPENAI_RESPONSES, "tools"                 },
    {DIALECT_ANTHROPIC,        "system"                },
    {DIALECT_ANTHROPIC,        "messages"              },
    {DIALECT_ANTHROPIC,        "tools"                 },
    {DIALECT_ANTHROPIC,        "cache_control"         },
    {DIALECT_GEMINI,           "systemInstruction"     },
    {DIALECT_GEMINI,           "system_instruction"    },
    {DIALECT_GEMINI,           "contents"              },
    {DIALECT_GEMINI,           "tools"                 },
    {DIALECT_GEMINI,           "generateContentRequest"},
};

#define MEMBERS_MAX 5 // of one rule

struct members {
    struct slice keys[MEMBERS_MAX];
    size_t count;
};

static struct members members_of(const struct applying *ap, const struct rule *r)
{
    struct members m = {.count = 0};

    if (r && r->action <= RULE_APPEND) {
        m.keys[m.count++] = r->path.steps[0].key;
        return m;
    }
    for (size_t i = 0; i < ARRAY_LEN(talk_members); i++) {
        if (talk_members[i].dialect == ap->dialect)
            m.keys[m.count++] = slice_str(talk_members[i].key);
    }
    return m;
}

static bool is_touched(const struct applying *ap, const struct members *m)
{
    for (size_t i = 0; i < ap->touched_count; i++) {
        for (size_t j = 0; j < m->count; j++) {
            if (slice_eq(ap->touched[i], m->keys[j]))
                return true;
        }
    }
    return false;
}

/* The edits become a text of their own, on the heap while more may follow. */
static void write_out(struct applying *ap)
{
    struct buf *out = &ap->texts[ap->turn];

    buf_clear(out);
    json_splice_to_buf(ap->splice, out);
    ap->turn = 1 - ap->turn;
    ap->touched_count = 0;
    json_splice_init(ap->splice, ap->arena, buf_peek(out));
}

/* Makes room for what the rule will do: its members are as the newest text has them. */
static void settle(struct applying *ap, const struct rule *r)
{
    struct members m = members_of(ap, r);

    if (is_touched(ap, &m) || ap->touched_count + m.count > TOUCHED_MAX ||
        ap->splice->count > EDITS_MAX) // each of many edits before them would move all these
        write_out(ap);
}

static struct rule_work begin(const struct applying *ap)
{
    return (struct rule_work){
        .text = ap->splice->text,
        .top = slice_trim_lines(ap->splice->text),
        .dialect = ap->dialect,
        .operation = ap->operation,
        .arena = ap->arena,
        .room = ap->room,
        .e = ap->e,
    };
}

static size_t place_of(const struct rule_change *c)
{
    return c->kind == CHANGE_PUT && !c->value.end ? c->object.end : c->value.start;
}

static int order(const void *left, const void *right)
{
    const struct rule_change *a = left, *b = right;
    size_t a_place = place_of(a), b_place = place_of(b);

    if (a_place != b_place)
        return a_place < b_place ? -1 : 1;
    return (a->turn > b->turn) - (a->turn < b->turn);
}

static void make(struct json_splice *s, const struct rule_change *c)
{
    switch (c->kind) {
    case CHANGE_PUT: json_splice_put(s, c->object, c->value, c->key, c->raw); return;
    case CHANGE_DROP: json_splice_drop(s, c->value); return;
    case CHANGE_BYTES:
        json_splice_add(s, c->value.start, c->value.end - c->value.start, c->raw);
        return;
    }
}

/* The changes that were gathered are made, if it has not given up. */
static enum err finish(struct applying *ap, const struct rule_work *w, const struct rule *r)
{
    struct members m = members_of(ap, r);

    if (w->err)
        return w->err;
    if (!w->count)
        return ERR_NONE;
    qsort(w->changes, w->count, sizeof(w->changes[0]), order); // so that each edit is the last
    for (size_t i = 0; i < w->count; i++)
        make(ap->splice, &w->changes[i]);
    for (size_t i = 0; i < m.count; i++)
        ap->touched[ap->touched_count++] = m.keys[i];
    ap->room = w->room;
    ap->out->changed = true;
    return ERR_NONE;
}

static struct rule_outcome *outcome_add(struct applying *ap, const struct rule *r)
{
    struct rule_outcome *o = &ap->out->outcomes[ap->out->outcome_count++];

    o->rule = r;
    return o;
}

/* The last rule about a header counts. */
static void apply_header(struct applying *ap, const struct rule *r)
{
    struct rule_result *out = ap->out;
    size_t i = 0;

    while (i < out->header_count && !slice_eq_nocase(out->headers[i].name, r->name))
        i++;
    if (i == out->header_count)
        out->header_count++;
    out->headers[i] = (struct rule_header){r->name, r->text};
    outcome_add(ap, r)->changed = true;
}

/* An inbound rule may say which model is meant; Gemini has it in the path, not in the body. */
static bool apply_model(struct applying *ap, const struct rule *r)
{
    if (r->phase != RULE_INBOUND || r->action != RULE_SET || r->path.count != 1 ||
        !slice_eq(r->path.steps[0].key, SLICE("model")))
        return false;
    ap->out->model = r->text;
    return ap->dialect == DIALECT_GEMINI;
}

static void work(struct rule_work *w, const struct rule *r)
{
    switch (r->action) {
    case RULE_SET:
    case RULE_DEFAULT:
    case RULE_REMOVE:
    case RULE_APPEND: rule_work_path(w, r); return;
    case RULE_REPLACE: rule_work_text(w, r); return;
    case RULE_SYSTEM: rule_work_system(w, r); return;
    case RULE_HEADER:
    case RULE_CACHE:
    case RULE_ACTION_COUNT: return;
    }
}

static enum err apply_one(struct applying *ap, const struct rule *r)
{
    struct rule_outcome *o;
    struct rule_work w;

    if (r->action == RULE_HEADER) {
        apply_header(ap, r);
        return ERR_NONE;
    }
    o = outcome_add(ap, r);
    if (apply_model(ap, r)) {
        o->changed = true;
        return ERR_NONE;
    }
    settle(ap, r);
    w = begin(ap);
    work(&w, r);
    o->changed = w.count > 0;
    o->why = w.why;
    return finish(ap, &w, r);
}

static enum err apply_cache(struct applying *ap, const struct rule *const *rules, size_t count)
{
    struct rule_outcome *outcomes = &ap->out->outcomes[ap->out->outcome_count];
    struct rule_work w;

    settle(ap, rules[0]);
    w = begin(ap);
    rule_work_cache(&w, rules, count, outcomes);
    ap->out->outcome_count += count;
    for (size_t i = 0; w.is_over && i < count; i++) {
        outcomes[i].changed = false;
        outcomes[i].why = w.why;
    }
    return finish(ap, &w, rules[0]);
}

static enum err apply_magic(struct applying *ap)
{
    struct rule_work w = begin(ap);
    struct rule_outcome *o;

    if (!rule_magic_occurs(w.text))
        return ERR_NONE;
    rule_work_magic(&w);
    o = outcome_add(ap, NULL);
    o->changed = w.count > 0;
    o->why = w.why;
    return finish(ap, &w, NULL);
}

static enum err apply_all(struct applying *ap, const struct rule_matches *m)
{
    if (m->magic_strings && apply_magic(ap))
        return ap->e->code;
    for (size_t i = 0, run; i < m->count; i += run) {
        run = 1;
        if (m->rules[i]->action != RULE_CACHE) {
            if (apply_one(ap, m->rules[i]))
                return ap->e->code;
            continue;
        }
        while (i + run < m->count && m->rules[i + run]->action == RULE_CACHE)
            run++;
        if (apply_cache(ap, m->rules + i, run))
            return ap->e->code;
    }
    return ERR_NONE;
}

/* What stands on the heap is put into the arena, edits and all. */
static void keep(struct applying *ap, struct slice body)
{
    size_t len = json_splice_len(ap->splice), at = 0;
    struct iovec *parts;
    char *text;
    int count;

    if (ap->splice->text.ptr == body.ptr)
        return;
    parts = arena_array(ap->arena, struct iovec, json_splice_iovec_count(ap->splice));
    count = json_splice_to_iovec(ap->splice, parts, (int)json_splice_iovec_count(ap->splice));
    text = arena_alloc_raw(ap->arena, len + 1, 1);
    for (int i = 0; i < count; i++) {
        memcpy(text + at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    ap->out->body = slice_of(text, len);
    json_splice_init(ap->splice, ap->arena, ap->out->body);
}

// NOLINTNEXTLINE(readability-function-size): what a body is, what to do, and where to put it
enum err rules_apply(const struct rule_matches *m, enum dialect dialect, enum operation op,
                     struct slice body, struct json_splice *splice, struct arena *a,
                     struct rule_result *out, struct err_info *e)
{
    struct applying ap = {
        .splice = splice,
        .room = RULE_GROWTH_BYTES,
        .dialect = dialect,
        .operation = op,
        .arena = a,
        .out = out,
        .e = e,
    };
    enum err err;

    *out = (struct rule_result){
        .outcomes = arena_array(a, struct rule_outcome, m->count + 1),
        .headers = arena_array(a, struct rule_header, m->count + 1),
    };
    err = apply_all(&ap, m);
    if (err == ERR_NONE)
        keep(&ap, body);
    buf_release(&ap.texts[0]);
    buf_release(&ap.texts[1]);
    return err;
}
