/* rule.c - rules out of their rows. */
#include "policy/rule.h"

#include "base/array.h"
#include "base/buf.h"
#include "policy/rule_inside.h"
#include "wire/scan.h"
#include "json/raw.h"
#include "json/tree.h"

#define VALUE_BYTES ((size_t)256 << 10)
#define NAME_BYTES  256
#define DEPTH_MAX   100 // of a value and the path to it: JSON_MAX_DEPTH is in reach of none

/* The fields that say what an action does; a bit for each. */
enum {
    HAS_PATH = 1,
    HAS_VALUE = 2,
    HAS_PATTERN = 4,
    HAS_REPLACEMENT = 8,
    HAS_NAME = 16,
    HAS_PLACE = 32,
    HAS_TARGET = 64,
    HAS_POSITION = 128,
    HAS_INDEX = 256,
    HAS_TTL = 512,
    FIELD_COUNT = 10
};

static const char *const field_names[FIELD_COUNT] = {
    "path",  "value",  "pattern",  "replacement", "name",
    "place", "target", "position", "index",       "ttl",
};

static const struct {
    const char *name;
    unsigned required, allowed; // beside those required
    bool outbound_only;
} actions[RULE_ACTION_COUNT] = {
    [RULE_SET] = {"set",              HAS_PATH | HAS_VALUE, 0,                                  false},
    [RULE_DEFAULT] = {"default",          HAS_PATH | HAS_VALUE, 0,                                  false},
    [RULE_REMOVE] = {"remove",           HAS_PATH,             0,                                  false},
    [RULE_APPEND] = {"append",           HAS_PATH | HAS_VALUE, 0,                                  false},
    [RULE_REPLACE] = {"replace",          HAS_PATTERN,          HAS_REPLACEMENT,                    false},
    [RULE_HEADER] = {"header",           HAS_NAME,             HAS_VALUE,                          true },
    [RULE_SYSTEM] = {"system",           HAS_VALUE,            HAS_PLACE,                          false},
    [RULE_CACHE] = {"cache_breakpoint", HAS_TARGET,           HAS_POSITION | HAS_INDEX | HAS_TTL, true },
};

struct compiler {
    const struct rule_row *row;
    struct arena *arena;
    struct rule *rule;
    struct err_info *e;
};

static enum err fail(const struct compiler *c, const char *text)
{
    return err_set(c->e, ERR_BAD_REQUEST, "%s", text);
}

/* The index of `word` among `words`; absent: `absent`.  `count` when it is none of them. */
static size_t choose(struct slice word, const char *const *words, size_t count, size_t absent)
{
    size_t i = 0;

    if (!word.ptr)
        return absent;
    while (i < count && !slice_eq(word, slice_str(words[i])))
        i++;
    return i;
}

/* ---- which fields there are ---- */

static unsigned fields_of(const struct rule_row *row)
{
    const bool has[FIELD_COUNT] = {
        row->path.ptr,  row->value.ptr,  row->pattern.ptr,  row->replacement.ptr,     row->name.ptr,
        row->place.ptr, row->target.ptr, row->position.ptr, row->nth != ROW_NULL_INT, row->ttl.ptr,
    };
    unsigned bits = 0;

    for (unsigned i = 0; i < FIELD_COUNT; i++)
        bits |= has[i] ? 1U << i : 0;
    return bits;
}

static enum err check_fields(const struct compiler *c)
{
    enum rule_action action = c->rule->action;
    unsigned has = fields_of(c->row), wants = actions[action].required;
    unsigned odd = has & ~(wants | actions[action].allowed), missing = wants & ~has;

    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (missing & 1U << i)
            return err_set(c->e, ERR_BAD_REQUEST, "%s: required for %s", field_names[i],
                           actions[action].name);
        if (odd & 1U << i)
            return err_set(c->e, ERR_BAD_REQUEST, "%s: has no meaning for %s", field_names[i],
                           actions[action].name);
    }
    return ERR_NONE;
}

/* ---- when: scope, phase, action ---- */

static enum err read_scope(struct compiler *c)
{
    bool of_provider = c->row->provider_id != ROW_NULL_INT;
    bool of_alias = c->row->alias_id != ROW_NULL_INT;

    if (of_provider && of_alias)
        return fail(c, "provider: a rule is of a provider or of an alias, not of both");
    c->rule->scope = of_provider ? RULE_OF_PROVIDER : of_alias ? RULE_OF_ALIAS : RULE_GLOBAL;
    return ERR_NONE;
}

static enum err read_phase(struct compiler *c)
{
    static const char *const words[] = {"inbound", "outbound"};
    size_t phase = choose(c->row->phase, words, 2, 2);

    if (phase == 2)
        return fail(c, "phase: must be inbound or outbound");
    c->rule->phase = (enum rule_phase)phase;
    if (c->rule->phase == RULE_INBOUND && c->rule->scope == RULE_OF_PROVIDER)
        return fail(c, "phase: a provider's rules are outbound: inbound, it is not chosen yet");
    return ERR_NONE;
}

static enum err read_action(struct compiler *c)
{
    size_t i = 0;

    while (i < RULE_ACTION_COUNT && !slice_eq(c->row->action, slice_str(actions[i].name)))
        i++;
    if (i == RULE_ACTION_COUNT)
        return fail(c, "action: must be set, default, remove, append, replace, header, system or "
                       "cache_breakpoint");
    c->rule->action = (enum rule_action)i;
    if (actions[i].outbound_only && c->rule->phase != RULE_OUTBOUND)
        return err_set(c->e, ERR_BAD_REQUEST, "phase: must be outbound for %s", actions[i].name);
    return check_fields(c);
}

/* ---- what: paths and values ---- */

static size_t depth_of(const struct json *top)
{
    const struct json *at = top;
    size_t depth = 1, most = 1;

    while (at) {
        if (at->first) {
            at = at->first;
            most = ++depth > most ? depth : most;
            continue;
        }
        while (at != top && !at->next) {
            at = at->parent;
            depth--;
        }
        if (at == top)
            break;
        at = at->next;
    }
    return most;
}

/* The value as JSON; `top` for a closer look, in the arena. */
static enum err read_value(struct compiler *c, const struct json **top)
{
    struct err_info why = {0};
    struct json *value;

    if (c->row->value.len > VALUE_BYTES)
        return err_set(c->e, ERR_BAD_REQUEST, "value: must be at most %zu bytes", VALUE_BYTES);
    c->rule->value = arena_dup(c->arena, c->row->value);
    if (json_parse(c->arena, c->rule->value, &value, &why))
        return err_set(c->e, ERR_BAD_REQUEST, "value: %s", err_info_text(&why));
    if (depth_of(value) + c->rule->path.count > DEPTH_MAX)
        return fail(c, "value: is nested too deeply");
    c->rule->value = value->source;
    *top = value;
    return ERR_NONE;
}

static bool begins(const struct rule_path *path, const char *key)
{
    return slice_eq(path->steps[0].key, slice_str(key));
}

/* A path that leads to `model`: the name may be changed where it has not been looked up yet. */
static enum err check_model(struct compiler *c, const struct json *value)
{
    const struct rule *r = c->rule;

    if (r->phase == RULE_OUTBOUND)
        return fail(c, "path: the model that goes upstream is the target's");
    if (r->scope != RULE_GLOBAL)
        return fail(c, "path: an alias's rules cannot change the model: it has been looked up");
    if (r->action != RULE_SET || r->path.count != 1)
        return fail(c, "path: the model can only be set, as a whole");
    c->rule->text = json_str(c->arena, value);
    if (!c->rule->text.len)
        return fail(c, "value: must be a string that is not empty: a model");
    return ERR_NONE;
}

/* Asked for, as gproxy does in any case. */
static bool asks_for_usage(const struct rule *r, const struct json *value)
{
    return (r->action == RULE_SET || r->action == RULE_DEFAULT) && r->path.count == 2 &&
           json_is(value, JSON_TRUE);
}

/* What gproxy decides by, and has decided already, or what it must know of an answer. */
static enum err check_guarded(struct compiler *c, const struct json *value)
{
    const struct rule_path *path = &c->rule->path;

    if (begins(path, "stream"))
        return fail(c, "path: whether an answer is a stream is the client's to say");
    if (c->rule->phase == RULE_OUTBOUND && begins(path, "stream_options") &&
        (path->count == 1 || slice_eq(path->steps[1].key, SLICE("include_usage")))) {
        c->rule->is_done = asks_for_usage(c->rule, value);
        return c->rule->is_done ? ERR_NONE : fail(c, "path: gproxy asks for the usage by itself");
    }
    return begins(path, "model") ? check_model(c, value) : ERR_NONE;
}

static enum err read_path(struct compiler *c)
{
    const struct json *value = NULL;
    const struct rule_path *path = &c->rule->path;

    c->rule->path_text = arena_dup(c->arena, c->row->path);
    if (rule_path_parse(c->row->path, c->arena, &c->rule->path, c->e))
        return c->e->code;
    if (c->row->value.ptr && read_value(c, &value))
        return c->e->code;
    if (c->rule->action == RULE_DEFAULT && path->steps[path->count - 1].kind == RULE_STEP_ALL)
        return fail(c, "path: default cannot end in [*]: those are all there");
    return check_guarded(c, value);
}

/* ---- what: headers, system, breakpoints ---- */

/* Names that are ours: who asks whom, with which key, and how the message is framed. */
static const char *const own_headers[] = {
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "http2-settings",
    "expect",
    "accept",
    "accept-encoding",
};

static enum err check_header_name(struct compiler *c)
{
    struct slice name = c->row->name;

    if (name.len == 0 || name.len > NAME_BYTES)
        return err_set(c->e, ERR_BAD_REQUEST, "name: must be 1 to %d characters", NAME_BYTES);
    for (size_t i = 0; i < name.len; i++) {
        if (!scan_is(name.ptr[i], SCAN_TOKEN))
            return fail(c, "name: is no name of a header");
    }
    for (size_t i = 0; i < ARRAY_LEN(own_headers); i++) {
        if (slice_eq_nocase(name, slice_str(own_headers[i])))
            return err_set(c->e, ERR_BAD_REQUEST, "name: %s is gproxy's own", own_headers[i]);
    }
    return ERR_NONE;
}

static enum err read_header(struct compiler *c)
{
    const struct json *value = NULL;
    struct slice text;

    if (check_header_name(c) || (c->row->value.ptr && read_value(c, &value)))
        return c->e->code;
    c->rule->name = arena_dup(c->arena, c->row->name);
    if (!value || json_is(value, JSON_NULL))
        return ERR_NONE;
    text = json_str(c->arena, value);
    if (!text.ptr)
        return fail(c, "value: must be a string, or null to take the header out");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\t' && (text.ptr[i] < ' ' || text.ptr[i] > '~'))
            return fail(c, "value: must be printable ASCII");
    }
    text = slice_trim(text);
    if (text.len == 0)
        return fail(c, "value: must not be empty; null takes the header out");
    c->rule->text = text;
    return ERR_NONE;
}

static enum err read_system(struct compiler *c)
{
    static const char *const words[] = {"prepend", "append"};
    size_t place = choose(c->row->place, words, 2, 1);
    const struct json *value = NULL;

    if (place == 2)
        return fail(c, "place: must be prepend or append");
    if (read_value(c, &value))
        return c->e->code;
    c->rule->is_prepend = place == 0;
    c->rule->text = json_str(c->arena, value);
    return c->rule->text.len ? ERR_NONE : fail(c, "value: must be a string that is not empty");
}

static enum err read_breakpoint(struct compiler *c)
{
    static const char *const targets[] = {"tools", "system", "messages", "top_level"};
    static const char *const positions[] = {"nth", "last_nth"};
    static const char *const ttls[] = {"auto", "5m", "1h"};
    size_t target = choose(c->row->target, targets, 4, 4);
    size_t position = choose(c->row->position, positions, 2, 1);
    size_t ttl = choose(c->row->ttl, ttls, 3, 0);

    if (target == 4)
        return fail(c, "target: must be top_level, tools, system or messages");
    if (position == 2)
        return fail(c, "position: must be nth or last_nth");
    if (ttl == 3)
        return fail(c, "ttl: must be auto, 5m or 1h");
    c->rule->target = (enum rule_target)target;
    if (c->rule->target == RULE_TOP_LEVEL && c->row->position.ptr)
        return fail(c, "position: has no meaning for top_level");
    if (c->rule->target == RULE_TOP_LEVEL && c->row->nth != ROW_NULL_INT)
        return fail(c, "index: has no meaning for top_level");
    if (c->row->nth != ROW_NULL_INT && c->row->nth < 1)
        return fail(c, "index: counts from 1");
    c->rule->is_from_end = position == 1;
    c->rule->nth = c->row->nth == ROW_NULL_INT ? 1 : (size_t)c->row->nth;
    c->rule->ttl = (enum rule_ttl)(RULE_TTL_AUTO + ttl);
    return ERR_NONE;
}

static enum err read_what(struct compiler *c)
{
    struct slice nothing = SLICE("");

    switch (c->rule->action) {
    case RULE_SET:
    case RULE_DEFAULT:
    case RULE_REMOVE:
    case RULE_APPEND: return read_path(c);
    case RULE_REPLACE:
        return rule_regex_compile(c->row->pattern,
                                  c->row->replacement.ptr ? c->row->replacement : nothing, c->arena,
                                  &c->rule->regex, c->e);
    case RULE_HEADER: return read_header(c);
    case RULE_SYSTEM: return read_system(c);
    case RULE_CACHE: return read_breakpoint(c);
    case RULE_ACTION_COUNT: break;
    }
    return ERR_NONE;
}

enum err rule_compile(const struct rule_row *row, struct arena *a, const struct rule **out,
                      struct err_info *e)
{
    struct compiler c = {row, a, arena_new(a, struct rule), e};

    c.rule->id = row->head.id;
    c.rule->ordinal = row->ordinal;
    c.rule->label = row->label.ptr ? arena_dup(a, row->label) : row->label;
    if (read_scope(&c) || read_phase(&c) || read_action(&c) ||
        rule_filter_compile(row->filter, c.rule->phase, a, &c.rule->filter, e) || read_what(&c))
        return e->code;
    *out = c.rule;
    return ERR_NONE;
}

enum err rule_check(const struct rule_row *row, struct err_info *e)
{
    const struct rule *ignored;
    struct arena scratch;
    enum err err;

    arena_init(&scratch, 0);
    err = rule_compile(row, &scratch, &ignored, e);
    arena_release(&scratch);
    return err;
}

int64_t rule_id(const struct rule *r)
{
    return r->id;
}

/* What is behind the action's name, for people. */
static struct slice object_of(const struct rule *r)
{
    static const char *const targets[] = {"tools", "system", "messages", "top_level"};

    switch (r->action) {
    case RULE_SET:
    case RULE_DEFAULT:
    case RULE_REMOVE:
    case RULE_APPEND: return r->path_text;
    case RULE_HEADER: return r->name;
    case RULE_CACHE: return slice_str(targets[r->target]);
    case RULE_REPLACE:
    case RULE_SYSTEM:
    case RULE_ACTION_COUNT: break;
    }
    return SLICE("");
}

struct slice rule_describe(const struct rule *r, struct arena *a)
{
    struct slice object;

    if (!r)
        return SLICE("magic strings");
    object = object_of(r);
    return arena_printf(a, "rule %lld%s%.*s%s: %s%s%.*s", (long long)r->id,
                        r->label.len ? " (" : "", SLICE_ARG(r->label), r->label.len ? ")" : "",
                        actions[r->action].name, object.len ? " " : "", SLICE_ARG(object));
}
