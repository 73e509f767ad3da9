/* export.c - the rows of the control plane as a configuration file. */
#include "app/export.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app/yaml.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/money.h"
#include "json/tree.h"

/* A row that is nested in another one. */
struct child {
    int64_t parent;
    const void *row; // later rows stand later in their array
};

struct exporting {
    const struct row_set *rows;
    bool with_secrets;
    struct buf *out;
    struct arena scratch;
    struct child *children[ROW_TYPE_COUNT][ROW_TYPE_COUNT]; // [type][type of parent], by parent
    size_t child_counts[ROW_TYPE_COUNT][ROW_TYPE_COUNT];
};

static const void *row_at(const struct exporting *x, enum row_type type, size_t i)
{
    return row_set_at(x->rows, type, i);
}

static int64_t int_at(const void *row, const struct field *f)
{
    return *(const int64_t *)(const void *)((const char *)row + f->offset);
}

static struct slice slice_at(const void *row, const struct field *f)
{
    return *(const struct slice *)(const void *)((const char *)row + f->offset);
}

static int by_parent(const void *left, const void *right)
{
    const struct child *a = left, *b = right;

    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static void index_children(struct exporting *x, enum row_type type, const struct field *f)
{
    size_t count = x->rows->counts[type], used = 0;
    struct child *children = arena_array(&x->scratch, struct child, count + 1);

    for (size_t i = 0; i < count; i++) {
        const void *row = row_at(x, type, i);
        if (int_at(row, f) != ROW_NULL_INT)
            children[used++] = (struct child){int_at(row, f), row};
    }
    qsort(children, used, sizeof(*children), by_parent);
    x->children[type][f->ref] = children;
    x->child_counts[type][f->ref] = used;
}

static void index_all(struct exporting *x)
{
    for (size_t type = 0; type < ROW_TYPE_COUNT; type++) {
        const struct row_kind *k = row_kind((enum row_type)type);
        for (size_t i = 0; i < k->field_count; i++) {
            if (k->fields[i].flags & FIELD_PARENT)
                index_children(x, (enum row_type)type, &k->fields[i]);
        }
    }
}

/* Where the children of `parent` begin. */
static size_t first_child(const struct child *children, size_t count, int64_t parent)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (children[middle].parent < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Without quotes where nobody could take it for anything else. */
static void write_text(struct slice s, struct buf *out)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on",
                                        "off",  "y",     "n",    "nan", "inf"};
    bool plain = s.len > 0 && s.len <= 64 &&
                 ((s.ptr[0] >= 'a' && s.ptr[0] <= 'z') || (s.ptr[0] >= 'A' && s.ptr[0] <= 'Z'));

    for (size_t i = 0; i < s.len && plain; i++) {
        char c = s.ptr[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '.' || c == '_' || c == '-';
    }
    for (size_t i = 0; i < ARRAY_LEN(words) && plain; i++)
        plain = !slice_eq_nocase(s, slice_str(words[i]));
    if (plain)
        buf_append(out, s);
    else
        yaml_write_text(s, out);
}

static void write_json_open(struct exporting *x, const struct json *v)
{
    switch ((enum json_type)v->type) {
    case JSON_STRING: yaml_write_text(json_str(&x->scratch, v), x->out); break;
    case JSON_ARRAY: buf_append_byte(x->out, '['); break;
    case JSON_OBJECT: buf_append_byte(x->out, '{'); break;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER: buf_append(x->out, v->source); break;
    }
}

/* JSON is YAML but for a few characters, and "${" must not become a variable. */
static void write_json(struct exporting *x, struct slice text)
{
    struct err_info ignored = {.code = ERR_NONE};
    struct json *top, *v;

    if (json_parse(&x->scratch, text, &top, &ignored)) {
        buf_append_str(x->out, "null"); // rows are validated: never
        return;
    }
    for (v = top; v;) {
        if (v->key.ptr) {
            yaml_write_text(v->key, x->out);
            buf_append_str(x->out, ": ");
        }
        write_json_open(x, v);
        if (v->first) {
            v = v->first;
            continue;
        }
        if (json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT))
            buf_append_byte(x->out, json_is(v, JSON_ARRAY) ? ']' : '}');
        while (v != top && !v->next) {
            v = v->parent;
            buf_append_byte(x->out, json_is(v, JSON_ARRAY) ? ']' : '}');
        }
        v = v == top ? NULL : v->next;
        if (v)
            buf_append_str(x->out, ", ");
    }
}

/* The row of that id; they stand in order of id. */
static const void *find_row(const struct exporting *x, enum row_type type, int64_t id)
{
    size_t low = 0, high = x->rows->counts[type];

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (((const struct row_head *)row_at(x, type, middle))->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == x->rows->counts[type] || ((const struct row_head *)row_at(x, type, low))->id != id)
        return NULL;
    return row_at(x, type, low);
}

/* What is referred to may be a row that could not be read: then nothing. */
static struct slice name_of(const struct exporting *x, enum row_type type, int64_t id)
{
    const void *row = find_row(x, type, id);

    return row ? slice_at(row, row_field(row_kind(type), SLICE("name"))) : SLICE("");
}

static void write_bytes(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++)
        buf_printf(out, "%02x", (unsigned char)s.ptr[i]);
}

static void write_value(struct exporting *x, const struct field *f, const void *row)
{
    char when[CLOCK_TEXT_BYTES], amount[MONEY_TEXT_BYTES];

    switch (f->type) {
    case FIELD_INT: buf_append_i64(x->out, int_at(row, f)); break;
    case FIELD_BOOL:
        buf_append_str(x->out, *((const bool *)row + f->offset) ? "true" : "false");
        break;
    case FIELD_TEXT: write_text(slice_at(row, f), x->out); break;
    case FIELD_MONEY: yaml_write_text(money_format_usd(int_at(row, f), amount), x->out); break;
    case FIELD_TIME:
        clock_format_unix_ms(int_at(row, f), when);
        yaml_write_text(slice_str(when), x->out);
        break;
    case FIELD_JSON:
    case FIELD_SECRET: write_json(x, slice_at(row, f)); break; // a secret is a slice in a coat
    case FIELD_REF: write_text(name_of(x, f->ref, int_at(row, f)), x->out); break;
    case FIELD_BYTES: write_bytes(slice_at(row, f), x->out); break;
    }
}

/* The same as what an absent field becomes. */
static bool is_initial(const struct field *f, const void *row, const void *plain)
{
    if (field_is_null(f, row))
        return true;
    switch (f->type) {
    case FIELD_INT:
    case FIELD_MONEY:
    case FIELD_TIME:
    case FIELD_REF: return int_at(row, f) == int_at(plain, f);
    case FIELD_BOOL: return *((const bool *)row + f->offset) == *((const bool *)plain + f->offset);
    case FIELD_TEXT:
    case FIELD_JSON:
    case FIELD_BYTES:
        return slice_at(plain, f).ptr && slice_eq(slice_at(row, f), slice_at(plain, f));
    case FIELD_SECRET: return false;
    }
    return false;
}

static bool is_written(const struct exporting *x, enum row_type type, const struct field *f)
{
    if (f->flags & FIELD_PARENT)
        return false;
    if ((f->flags & FIELD_WRITE_ONLY) && !x->with_secrets)
        return false;
    return !(f->flags & FIELD_DERIVED) || (type == ROW_KEY && f->type != FIELD_TIME);
}

static void indent(struct exporting *x, unsigned depth, bool first)
{
    for (unsigned i = 0; i < depth; i++)
        buf_append_str(x->out, first && i + 1 == depth ? "- " : "  ");
}

/* Answers whether there was one: the first line of a row has the dash. */
static bool write_fields(struct exporting *x, enum row_type type, const void *row, unsigned depth)
{
    const struct row_kind *k = row_kind(type);
    void *plain = arena_alloc(&x->scratch, k->size, _Alignof(max_align_t));
    bool first = true;

    row_set_defaults(k, plain);
    for (size_t i = 0; i < k->field_count; i++) {
        const struct field *f = &k->fields[i];
        if (!is_written(x, type, f) || is_initial(f, row, plain))
            continue;
        indent(x, depth, first);
        first = false;
        buf_printf(x->out, "%s: ", f->key);
        write_value(x, f, row);
        buf_append_byte(x->out, '\n');
    }
    return !first;
}

/* Where the walk over rows and what is nested in them stands. */
struct level {
    enum row_type type;
    const void *row;                 // whose lists are being written
    size_t next_type;                // the nested list that comes next
    const struct child *child, *end; // of the list that is being written
};

static void open_row(struct exporting *x, struct level *l, unsigned depth)
{
    if (!write_fields(x, l->type, l->row, 2 * depth)) {
        indent(x, 2 * depth, true);
        buf_append_str(x->out, "{}\n");
    }
}

/* The next nested list of the row; false when there is none left. */
static bool next_list(struct exporting *x, struct level *l, unsigned depth)
{
    for (; l->next_type < ROW_TYPE_COUNT; l->next_type++) {
        enum row_type type = (enum row_type)l->next_type;
        const struct child *children = x->children[type][l->type];
        size_t count = x->child_counts[type][l->type], from;
        int64_t id = ((const struct row_head *)l->row)->id;
        if (!children)
            continue;
        from = first_child(children, count, id);
        l->child = children + from;
        l->end = children + first_child(children, count, id + 1);
        indent(x, 2 * depth, false);
        buf_printf(x->out, "%s:%s\n", row_kind(type)->list, l->child == l->end ? " []" : "");
        l->next_type++;
        return true;
    }
    return false;
}

/* A row and all that is nested in it, without recursion: three levels are all there are. */
static void write_row(struct exporting *x, enum row_type type, const void *row)
{
    struct level levels[ROW_TYPE_COUNT + 1] = {
        {.type = type, .row = row}
    };
    unsigned depth = 1;

    open_row(x, &levels[0], depth);
    while (depth) {
        struct level *l = &levels[depth - 1];
        if (l->child != l->end) {
            levels[depth] =
                (struct level){.type = (enum row_type)(l->next_type - 1), .row = l->child++->row};
            depth++;
            open_row(x, &levels[depth - 1], depth);
        } else if (!next_list(x, l, depth)) {
            depth--;
        }
    }
}

/* Rules of aliases stand within these. */
static bool is_nested(enum row_type type, const void *row)
{
    return type == ROW_RULE && ((const struct rule_row *)row)->alias_id != ROW_NULL_INT;
}

static void write_section(struct exporting *x, const char *key, enum row_type type)
{
    size_t written = 0;

    buf_printf(x->out, "%s:", key);
    for (size_t i = 0; i < x->rows->counts[type]; i++) {
        const void *row = row_at(x, type, i);
        if (is_nested(type, row))
            continue;
        if (!written++)
            buf_append_byte(x->out, '\n');
        write_row(x, type, row);
    }
    buf_append_str(x->out, written ? "" : " []\n");
}

static void write_settings(struct exporting *x)
{
    const struct setting_row *settings = ROWS(x->rows, ROW_SETTING, struct setting_row);
    size_t count = x->rows->counts[ROW_SETTING];

    buf_printf(x->out, "settings:%s\n", count ? "" : " {}");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(x->out, "  ");
        write_text(settings[i].name, x->out);
        buf_append_str(x->out, ": ");
        write_json(x, settings[i].value);
        buf_append_byte(x->out, '\n');
    }
}

void export_rows(const struct row_set *rows, const char *fingerprint, bool with_secrets,
                 struct buf *out)
{
    struct exporting x = {.rows = rows, .with_secrets = with_secrets, .out = out};

    arena_init(&x.scratch, 0);
    index_all(&x);
    buf_printf(out, "config: {mode: seed, secret_key_fingerprint: \"%s\"}\n", fingerprint);
    write_section(&x, "providers", ROW_PROVIDER);
    write_section(&x, "aliases", ROW_ALIAS);
    write_section(&x, "users", ROW_USER);
    write_section(&x, "prices", ROW_PRICE);
    write_section(&x, "rules", ROW_RULE);
    write_settings(&x);
    arena_release(&x.scratch);
}
