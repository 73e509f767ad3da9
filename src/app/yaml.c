/* yaml.c - a YAML document as a tree whose nodes know where they stood. */
#include "app/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/panic.h"
#include "base/table.h"

struct parse {
    struct problems *p;
    const struct yaml_variables *variables;
    struct table anchors; // name -> finished node
    struct yaml_node *root;
    size_t nodes;
    size_t depth;
    struct {
        struct yaml_node *node;
        struct slice anchor;
        struct yaml_pair *pair; // YAML_MAP: whose value comes next; NULL: a key does
    } open[YAML_MAX_DEPTH];
};

static struct place place_of(yaml_mark_t mark)
{
    return (struct place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static struct slice slice_bytes(const yaml_char_t *text)
{
    return slice_str((const char *)text);
}

static bool is_name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static const char *look_up(const struct parse *x, const char *name)
{
    if (x->variables && x->variables->get)
        return x->variables->get(x->variables->ctx, name);
    return getenv(name); // NOLINT(concurrency-mt-unsafe): read before threads, or unchanged
}

/* What stands between "${" and "}". */
static bool substitute(struct parse *x, struct slice inside, struct place at, struct buf *out)
{
    struct slice fallback = {NULL, 0}, name = inside;
    size_t mark = slice_find_slice(inside, SLICE(":-"));
    const char *value;

    if (mark != SIZE_MAX) {
        name = slice_sub(inside, 0, mark);
        fallback = slice_after(inside, mark + 2);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.ptr[i], i == 0))
            name.len = 0;
    }
    if (!name.len) {
        problem_add(x->p, at,
                    "\"${\" must be followed by a variable's name and \"}\"; "
                    "write \"$${\" for the characters themselves");
        return false;
    }
    value = look_up(x, arena_dup(x->p->arena, name).ptr);
    if (value && (*value || mark == SIZE_MAX)) {
        buf_append_str(out, value);
    } else if (mark != SIZE_MAX) {
        buf_append(out, fallback);
    } else {
        problem_add(x->p, at,
                    "the environment variable %.*s is not set (${%.*s:-...} gives a default)",
                    SLICE_ARG(name), SLICE_ARG(name));
        return false;
    }
    return true;
}

static void interpolate(struct parse *x, struct yaml_node *n)
{
    struct buf out = {.data = NULL};
    struct slice rest = n->text;
    size_t at;

    while ((at = slice_find_slice(rest, SLICE("${"))) != SIZE_MAX) {
        struct slice after = slice_after(rest, at + 2);
        size_t end = slice_find(after, '}');
        if (at && rest.ptr[at - 1] == '$') { // "$${"
            buf_append(&out, slice_sub(rest, 0, at - 1));
            buf_append_str(&out, "${");
            rest = after;
            continue;
        }
        buf_append(&out, slice_sub(rest, 0, at));
        if (!substitute(x, slice_sub(after, 0, end == SIZE_MAX ? 0 : end), n->place, &out)) {
            n->broken = true;
            break;
        }
        n->substituted = true;
        rest = slice_after(after, end + 1);
    }
    if (buf_len(&out) || n->substituted || n->broken) {
        buf_append(&out, rest);
        n->text = arena_dup(x->p->arena, buf_peek(&out));
    }
    buf_release(&out);
}

static struct yaml_node *new_node(struct parse *x, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *n = arena_new(x->p->arena, struct yaml_node);

    n->kind = kind;
    n->place = place_of(mark);
    n->weight = 1;
    return n;
}

static void *grown(struct arena *a, const void *old, size_t count, size_t *room, size_t size)
{
    void *bigger;

    *room = *room ? 2 * *room : 4;
    bigger = arena_alloc_array(a, *room, size, _Alignof(max_align_t));
    if (count)
        memcpy(bigger, old, count * size);
    return bigger;
}

/* Takes a scalar as the key of the innermost map. */
static void add_key(struct parse *x, struct yaml_node *map, struct slice key, struct place at)
{
    struct yaml_pair *pair;

    for (size_t i = 0; i < map->count; i++) {
        if (slice_eq(map->pairs[i].key, key)) {
            problem_add(x->p, at, "\"%.*s\" stands twice in this map, first in line %u",
                        SLICE_ARG(key), map->pairs[i].place.line);
            break;
        }
    }
    if (map->count == map->room)
        map->pairs = grown(x->p->arena, map->pairs, map->count, &map->room, sizeof(*pair));
    pair = &map->pairs[map->count++];
    *pair = (struct yaml_pair){key, at, NULL};
    x->open[x->depth - 1].pair = pair;
}

/* Puts a value where the innermost container expects one. */
static bool add_value(struct parse *x, struct yaml_node *n)
{
    struct yaml_node *in = x->depth ? x->open[x->depth - 1].node : NULL;

    x->nodes += n->weight;
    if (x->nodes > YAML_MAX_NODES) {
        problem_add(x->p, n->place, "too many values");
        return false;
    }
    if (!in) {
        x->root = n;
        return true;
    }
    if (in->kind == YAML_LIST) {
        if (in->count == in->room)
            // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
            in->items = grown(x->p->arena, in->items, in->count, &in->room, sizeof(*in->items));
        in->items[in->count++] = n;
        return true;
    }
    if (!x->open[x->depth - 1].pair) {
        if (n->kind != YAML_SCALAR) {
            problem_add(x->p, n->place, "a key must be text");
            return false;
        }
        add_key(x, in, n->text, n->place);
        return true;
    }
    x->open[x->depth - 1].pair->value = n;
    x->open[x->depth - 1].pair = NULL;
    return true;
}

static void note_anchor(struct parse *x, struct slice anchor, struct yaml_node *n)
{
    if (anchor.len)
        table_put(&x->anchors, anchor, n);
}

static bool is_key_next(const struct parse *x)
{
    return x->depth && x->open[x->depth - 1].node->kind == YAML_MAP && !x->open[x->depth - 1].pair;
}

static bool on_scalar(struct parse *x, const yaml_event_t *ev)
{
    const yaml_char_t *value = ev->data.scalar.value;
    struct yaml_node *n = new_node(x, YAML_SCALAR, ev->start_mark);
    struct slice tag = slice_bytes(ev->data.scalar.tag);

    if (tag.len && !slice_eq(tag, SLICE(YAML_STR_TAG)) && !slice_eq(tag, SLICE("!"))) {
        problem_add(x->p, n->place, "the tag %.*s is not known", SLICE_ARG(tag));
        return false;
    }
    n->quoted = tag.len || ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    n->text = arena_dup(x->p->arena, slice_of((const char *)value, ev->data.scalar.length));
    if (memchr(n->text.ptr, '\0', n->text.len)) {
        problem_add(x->p, n->place, "a NUL character cannot stand here");
        return false;
    }
    if (!is_key_next(x))
        interpolate(x, n);
    note_anchor(x, arena_dup(x->p->arena, slice_bytes(ev->data.scalar.anchor)), n);
    return add_value(x, n);
}

static bool on_start(struct parse *x, enum yaml_kind kind, const yaml_event_t *ev,
                     const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct yaml_node *n = new_node(x, kind, ev->start_mark);

    if (x->depth == YAML_MAX_DEPTH) {
        problem_add(x->p, n->place, "nested too deeply");
        return false;
    }
    if (tag) {
        problem_add(x->p, n->place, "the tag %s is not known", (const char *)tag);
        return false;
    }
    if (is_key_next(x)) {
        problem_add(x->p, n->place, "a key must be text");
        return false;
    }
    x->open[x->depth].node = n;
    x->open[x->depth].anchor = arena_dup(x->p->arena, slice_bytes(anchor));
    x->open[x->depth].pair = NULL;
    x->depth++;
    return true;
}

static void weigh(struct yaml_node *n)
{
    for (size_t i = 0; i < n->count; i++) {
        const struct yaml_node *child = n->kind == YAML_MAP ? n->pairs[i].value : n->items[i];
        n->weight += child->weight;
        if (child->height >= n->height)
            n->height = child->height + 1;
    }
}

/* Nodes inside have been counted one by one; as a whole they count where an alias repeats them. */
static bool on_end(struct parse *x)
{
    struct yaml_node *n = x->open[--x->depth].node;
    bool added = add_value(x, n);

    weigh(n);
    note_anchor(x, x->open[x->depth].anchor, n);
    return added;
}

static bool on_alias(struct parse *x, const yaml_event_t *ev)
{
    struct yaml_node *n = table_get(&x->anchors, slice_bytes(ev->data.alias.anchor));

    if (!n) {
        problem_add(x->p, place_of(ev->start_mark), "there is no anchor &%s before this",
                    (const char *)ev->data.alias.anchor);
        return false;
    }
    if (x->depth + n->height > YAML_MAX_DEPTH) {
        problem_add(x->p, place_of(ev->start_mark), "nested too deeply");
        return false;
    }
    return add_value(x, n);
}

static bool on_document(struct parse *x, const yaml_event_t *ev)
{
    if (!x->root)
        return true;
    problem_add(x->p, place_of(ev->start_mark), "a second document cannot follow");
    return false;
}

static bool on_event(struct parse *x, const yaml_event_t *ev)
{
    switch (ev->type) {
    case YAML_SCALAR_EVENT: return on_scalar(x, ev);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(x, YAML_LIST, ev, ev->data.sequence_start.anchor,
                        ev->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_start(x, YAML_MAP, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_end(x);
    case YAML_ALIAS_EVENT: return on_alias(x, ev);
    case YAML_DOCUMENT_START_EVENT: return on_document(x, ev);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: return true;
    }
    return false;
}

/* "${NAME}" without quotes ends a value where braces mean something: a common slip. */
static const char *hint(struct slice text, yaml_mark_t mark)
{
    struct slice line = {NULL, 0};

    for (size_t i = 0; i <= mark.line; i++)
        line = slice_cut(text, '\n', &text);
    return slice_find_slice(line, SLICE("${")) == SIZE_MAX
               ? ""
               : " (inside { } and [ ], \"${NAME}\" needs quotes)";
}

static void syntax_error(struct parse *x, const yaml_parser_t *parser, struct slice text)
{
    const char *problem = parser->problem ? parser->problem : "cannot be read";

    if (parser->error == YAML_MEMORY_ERROR)
        panic("no memory for YAML");
    problem_add(x->p, place_of(parser->problem_mark), "not valid YAML: %s%s%s%s", problem,
                parser->context ? ", " : "", parser->context ? parser->context : "",
                hint(text, parser->problem_mark));
}

static bool run(struct parse *x, yaml_parser_t *parser, struct slice text)
{
    yaml_event_t ev;
    bool more = true, good = true;

    while (more && good) {
        if (!yaml_parser_parse(parser, &ev)) {
            syntax_error(x, parser, text);
            return false;
        }
        good = on_event(x, &ev);
        more = ev.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&ev);
    }
    return good;
}

struct yaml_node *yaml_parse(struct slice text, const struct yaml_variables *variables,
                             struct problems *p)
{
    struct parse x = {.p = p, .variables = variables};
    yaml_parser_t parser;
    bool good;

    if (text.len > YAML_MAX_BYTES) {
        problem_add(p, (struct place){0, 0}, "the file is larger than %d MiB",
                    YAML_MAX_BYTES >> 20);
        return NULL;
    }
    if (!yaml_parser_initialize(&parser))
        panic("no memory for YAML");
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                                 text.len);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    table_init(&x.anchors, 0);
    good = run(&x, &parser, text);
    table_release(&x.anchors);
    yaml_parser_delete(&parser);
    if (!good)
        return NULL;
    if (!x.root || yaml_is_null(x.root))
        x.root = new_node(&x, YAML_MAP, (yaml_mark_t){0, 0, 0});
    return x.root;
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++) {
        if (slice_eq(map->pairs[i].key, slice_str(key)))
            return map->pairs[i].value;
    }
    return NULL;
}
