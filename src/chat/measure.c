/* measure.c - how large a request can become, from its bytes alone. */
#include "chat/measure.h"

#include "base/array.h"
#include "chat/measure_places.h"
#include "chat/measure_skip.h"
#include "chat/peek.h"
#include "chat/peek_skip.h"
#include "json/raw.h"
#include "json/scan.h"

#define RECORDING_LEAST 1000 // tokens, of a sound or film that is there
#define CHOICES_MOST    128  // that any vendor takes

typedef unsigned char lanes __attribute__((vector_size(16)));

/* What was said of the medium whose object is being read. */
struct source {
    struct slice data;  // base64, quotes off
    enum medium medium; // the dearest of those that were said
    bool has_medium;
    bool is_other; // than "base64", by one of its types
};

struct level {
    const struct measure_place *place;
    bool is_object;
};

struct meter {
    struct chat_measure *m;
    int64_t data_bytes;
    bool zero_is_bound;        // of output; elsewhere it is as if nothing was said
    bool is_unbound;           // a bound on output that is none
    uint8_t bounds, no_bounds; // one bit for each key that set one, and that was null
    struct source source;      // of the innermost source
    unsigned depth;            // levels[depth - 1] is the innermost
    struct level levels[JSON_MAX_DEPTH];
};

/* ---- media ---- */

/* Where it is none of what base64 has, in any of its alphabets, with JSON's escapes. */
static inline lanes strangers(lanes c)
{
    lanes lower = c | 0x20;
    lanes known = (lanes)(lower - 'a' < 26) | (lanes)(c - '0' < 10);

    known |= (lanes)(c == '+') | (lanes)(c == '/') | (lanes)(c == '-') | (lanes)(c == '_');
    return ~(known | (lanes)(c == '=') | (lanes)(c == '\\'));
}

static bool is_base64(struct slice s)
{
    uint64_t bad[2] = {0, 0};
    lanes c;

    for (; s.len >= sizeof(c) && !(bad[0] | bad[1]); s = slice_after(s, sizeof(c))) {
        memcpy(&c, s.ptr, sizeof(c));
        c = strangers(c);
        memcpy(bad, &c, sizeof(bad));
    }
    if (s.len && !(bad[0] | bad[1])) {
        memset(&c, 'A', sizeof(c));
        memcpy(&c, s.ptr, s.len);
        c = strangers(c);
        memcpy(bad, &c, sizeof(bad));
    }
    return !(bad[0] | bad[1]);
}

/* By its MIME type, where some write "image\/png" in JSON. */
static enum medium medium_of(struct slice mime)
{
    size_t slash = slice_find(mime, '/');
    struct slice kind = slice_sub(mime, 0, slash), form = slice_after(mime, slash + 1);

    if (slash == SIZE_MAX)
        return MEDIUM_TEXT;
    if (slice_ends(kind, SLICE("\\")))
        kind.len--;
    if (slice_eq_nocase(kind, SLICE("image")) && !slice_starts_nocase(form, SLICE("svg")))
        return MEDIUM_PICTURE;
    if (slice_eq_nocase(kind, SLICE("audio")) || slice_eq_nocase(kind, SLICE("video")))
        return MEDIUM_RECORDING;
    return slice_eq_nocase(kind, SLICE("application")) ? MEDIUM_FILE : MEDIUM_TEXT;
}

/* Does it start as PDF does, or the archives and containers that office documents are? */
static bool is_document(struct slice base64)
{
    return slice_starts(base64, SLICE("JVBERi")) || slice_starts(base64, SLICE("UEsDB")) ||
           slice_starts(base64, SLICE("0M8R4K"));
}

static int64_t tokens_of(enum medium medium, size_t bytes)
{
    int64_t tokens = MEASURE_MEDIA_TOKENS;

    if (bytes && medium == MEDIUM_RECORDING)
        tokens = RECORDING_LEAST + (int64_t)bytes / MEASURE_RECORDING_BYTES;
    else if (medium == MEDIUM_FILE && (int64_t)bytes / MEASURE_FILE_BYTES > tokens)
        tokens = (int64_t)bytes / MEASURE_FILE_BYTES;
    return tokens < MEASURE_MEDIUM_MOST ? tokens : MEASURE_MEDIUM_MOST;
}

/* `data` is empty where only its name is there. */
static void add_medium(struct meter *t, enum medium medium, struct slice data)
{
    bool is_text = medium == MEDIUM_TEXT || (medium == MEDIUM_FILE && !is_document(data));

    if (is_text || !is_base64(data))
        data.len = 0; // which is counted as text, or nothing
    t->data_bytes += (int64_t)data.len;
    t->m->media++;
    t->m->media_tokens += tokens_of(medium, data.len);
}

/* data:image/png;base64,iVBOR...; whatever else a URL says, it only names something. */
static void add_url(struct meter *t, enum medium medium, struct slice literal)
{
    struct slice inside = slice_sub(literal, 1, literal.len - 2), data, head;

    if (!json_is_string(literal) || !inside.len)
        return;
    if (!slice_starts_nocase(inside, SLICE("data:"))) {
        bool is_url = slice_find(slice_sub(inside, 0, 16), ':') != SIZE_MAX;
        add_medium(t, medium, is_url ? slice_of(NULL, 0) : inside);
        return;
    }
    head = slice_cut(slice_after(inside, 5), ',', &data);
    if (!slice_ends(head, SLICE(";base64")))
        data.len = 0;
    if (medium_of(head) == MEDIUM_TEXT)
        medium = MEDIUM_TEXT;
    add_medium(t, medium, data);
}

static void end_source(struct meter *t, const struct measure_place *place)
{
    struct source *s = &t->source;

    if (!s->has_medium)
        s->medium = place->medium;
    if (place->kind == MEASURE_TYPED_SOURCE && s->is_other)
        s->data.len = 0;
    if (s->data.len)
        add_medium(t, s->medium, s->data);
    *s = (struct source){0};
}

/* ---- what stands under the keys ---- */

/* A bound that no upstream takes for one is none: -1, 0 in most places. */
static void read_output(struct meter *t, int number, struct slice value)
{
    int64_t count;

    if (!peek_count(value, &count)) {
        t->no_bounds |= (uint8_t)(1 << number);
        return;
    }
    t->bounds |= (uint8_t)(1 << number);
    if (count == 0 && !(t->zero_is_bound && slice_eq(value, SLICE("0"))))
        t->is_unbound = true;
    if (t->m->max_output < count)
        t->m->max_output = count;
}

static void read_type(struct source *s, struct slice value)
{
    if (!json_string_eq(value, SLICE("base64")))
        s->is_other = true;
}

/* Of several types the dearest counts. */
static void read_mime(struct source *s, struct slice value)
{
    enum medium medium = medium_of(slice_sub(value, 1, value.len - 2));

    if (s->medium < medium)
        s->medium = medium;
    s->has_medium = true;
}

/* A string that says nothing here may say anything to upstream. */
static void read_choices(struct meter *t, struct slice value)
{
    int64_t count;

    if (!peek_count(value, &count))
        count = json_is_string(value) ? CHOICES_MOST : 1;
    if (t->m->choices < count)
        t->m->choices = count;
}

static void apply(struct meter *t, const struct measure_rule *rule, struct slice value)
{
    switch (rule->act) {
    case MEASURE_INTO:
        if (measure_place(rule->arg)->kind == MEASURE_URL)
            add_url(t, measure_place(rule->arg)->medium, value);
        break;
    case MEASURE_OUTPUT: read_output(t, rule->arg, value); break;
    case MEASURE_CHOICES: read_choices(t, value); break;
    case MEASURE_MEDIUM: add_url(t, (enum medium)rule->arg, value); break;
    case MEASURE_NAMED:
        if (json_is_string(value) && value.len > 2)
            add_medium(t, (enum medium)rule->arg, slice_of(NULL, 0));
        break;
    case MEASURE_DATA:
        if (json_is_string(value))
            t->source.data = slice_sub(value, 1, value.len - 2);
        break;
    case MEASURE_TYPE: read_type(&t->source, value); break;
    case MEASURE_MIME: read_mime(&t->source, value); break;
    }
}

/* Providers do not escape their keys, but whoever wants to be charged less may. */
static const struct measure_rule *find_rule(const struct measure_place *place, struct slice literal,
                                            bool has_escapes)
{
    struct slice key = slice_sub(literal, 1, literal.len - 2);

    for (size_t i = 0; i < place->count; i++) {
        const struct measure_rule *rule = &place->rules[i];

        if (!rule->key.len)
            return rule;
        if (has_escapes ? json_string_eq(literal, rule->key)
                        : rule->key.len == key.len && rule->key.ptr[0] == key.ptr[0] &&
                              json_same(rule->key.ptr, key.ptr, key.len))
            return rule;
    }
    return NULL;
}

/* ---- the walk ---- */

static bool is_source(const struct measure_place *place)
{
    return place->kind == MEASURE_SOURCE || place->kind == MEASURE_TYPED_SOURCE;
}

/* Behind the bracket at `at`, or behind all that it holds where that is not looked at. */
static const char *enter(struct meter *t, const struct measure_place *place, const char *at,
                         const char *end)
{
    if (t->depth == ARRAY_LEN(t->levels))
        return measure_skip(at, end);
    t->levels[t->depth++] = (struct level){place, *at == '{'};
    return at + 1;
}

static const char *leave(struct meter *t, const char *at)
{
    const struct level *l = &t->levels[--t->depth];

    if (l->is_object && is_source(l->place))
        end_source(t, l->place);
    return at + 1;
}

/* Behind the value at `at`, which is looked into by nobody. */
static const char *value_end(const char *at, const char *end)
{
    if (*at == '"')
        return measure_string_end(at, end);
    return *at == '{' || *at == '[' ? measure_skip(at, end) : peek_scalar_end(at + 1, end);
}

/* Behind the value at `at`, under a key with a rule; where that leads in, at what it holds. */
static const char *read_value(struct meter *t, const struct measure_rule *rule, const char *at,
                              const char *end)
{
    const struct measure_place *here = t->levels[t->depth - 1].place;
    const char *start = at;

    if (rule->act == MEASURE_INTO && (*at == '{' || *at == '[')) {
        if (is_source(here))
            end_source(t, here); // what it leads to has sources of its own
        return enter(t, measure_place(rule->arg), at, end);
    }
    at = value_end(at, end);
    if (at)
        apply(t, rule, slice_of(start, (size_t)(at - start)));
    return at;
}

/* Behind the key at `at` and its value. */
static const char *read_member(struct meter *t, const char *at, const char *end)
{
    const struct measure_rule *rule;
    const char *start = at;
    size_t excess = 0;

    at = peek_string_end(at, end, &excess);
    if (!at)
        return NULL;
    rule =
        find_rule(t->levels[t->depth - 1].place, slice_of(start, (size_t)(at - start)), excess > 0);
    at = json_skip_blanks(at, end);
    if (at == end || *at != ':')
        return at;
    at = json_skip_blanks(at + 1, end);
    if (at == end)
        return at;
    if (rule)
        return read_value(t, rule, at, end);
    return value_end(at, end);
}

static void walk(struct meter *t, const char *at, const char *end)
{
    while (t->depth && at && (at = json_skip_blanks(at, end)) < end) {
        const struct level *l = &t->levels[t->depth - 1];

        switch (*at) {
        case '}':
        case ']': at = leave(t, at); break;
        case '{':
        case '[': at = enter(t, l->place, at, end); break;
        case '"': at = l->is_object ? read_member(t, at, end) : value_end(at, end); break;
        case ',': at++; break;
        default: at = peek_scalar_end(at + 1, end); break;
        }
    }
}

void chat_measure(enum dialect d, enum operation op, struct slice body, struct chat_measure *out)
{
    const char *end = body.ptr + body.len, *at = json_skip_blanks(body.ptr, end);
    struct meter t;

    *out = (struct chat_measure){.max_output = -1, .choices = 1};
    t.m = out;
    t.data_bytes = 0;
    t.zero_is_bound = d == DIALECT_ANTHROPIC;
    t.is_unbound = false;
    t.bounds = t.no_bounds = 0;
    t.source = (struct source){0};
    t.depth = 0;
    if (at < end && *at == '{')
        walk(&t, enter(&t, measure_place(measure_top(d, op)), at, end), end);
    out->text_bytes = (int64_t)body.len - t.data_bytes;
    if (t.is_unbound || t.bounds & t.no_bounds)
        out->max_output = -1;
    if (op == OP_EMBED || op == OP_COUNT_TOKENS)
        out->max_output = 0;
}

int64_t measure_input_bound(const struct chat_measure *m)
{
    return m->text_bytes / 2 + m->text_bytes % 2 + m->media_tokens;
}

int64_t measure_input_likely(const struct chat_measure *m)
{
    return m->text_bytes / 4 + (m->text_bytes % 4 != 0) + m->media_tokens / MEASURE_LIKELY_SHARE;
}

int64_t measure_output_bound(const struct chat_measure *m, int64_t model_max,
                             int64_t reserve_max_output)
{
    int64_t tokens = m->max_output;

    if (tokens < 0) {
        tokens = reserve_max_output;
        if (model_max > 0 && (model_max < tokens || tokens <= 0))
            tokens = model_max;
    }
    if (tokens <= 0)
        return 0;
    return m->choices > INT64_MAX / tokens ? INT64_MAX : tokens * m->choices;
}
