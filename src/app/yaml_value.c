/* yaml_value.c - what the scalars of a YAML tree stand for, and the tree as JSON. */
#include <stdlib.h>
#include <string.h>

#include "app/yaml.h"
#include "base/array.h"
#include "json/raw.h"
#include "json/scan.h"
#include "json/write.h"

static bool is_one_of(struct slice s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(s, slice_str(words[i])))
            return true;
    }
    return false;
}

/* Not text for sure: plain, or quoted for the shell's sake around a variable. */
static bool is_open(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && (!n->quoted || n->substituted);
}

bool yaml_is_null(const struct yaml_node *n)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    return n->kind == YAML_SCALAR && !n->quoted && is_one_of(n->text, words, ARRAY_LEN(words));
}

bool yaml_to_bool(const struct yaml_node *n, bool *out)
{
    static const char *const yes[] = {"true", "True", "TRUE"};
    static const char *const no[] = {"false", "False", "FALSE"};

    if (!is_open(n))
        return false;
    *out = is_one_of(n->text, yes, ARRAY_LEN(yes));
    return *out || is_one_of(n->text, no, ARRAY_LEN(no));
}

bool yaml_to_int(const struct yaml_node *n, int64_t *out)
{
    struct slice digits = n->text;
    bool minus = slice_starts(digits, SLICE("-"));
    uint64_t value;

    if (!is_open(n))
        return false;
    if (minus)
        digits = slice_after(digits, 1);
    if (!slice_to_u64(digits, &value) || value > INT64_MAX)
        return false;
    *out = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

/* By the grammar of JSON: 1.2.3 and 007 are text. */
static bool is_number(struct slice s)
{
    struct err_info ignored = {.code = ERR_NONE};

    return json_is_number(s) && !json_scan(s, NULL, 0, NULL, &ignored);
}

bool yaml_is_number(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && is_number(n->text);
}

const char *yaml_describe(const struct yaml_node *n)
{
    bool truth;

    switch (n->kind) {
    case YAML_LIST: return "a list";
    case YAML_MAP: return "a map";
    case YAML_SCALAR: break;
    }
    if (yaml_is_null(n))
        return "nothing";
    if (n->quoted)
        return "text";
    if (yaml_to_bool(n, &truth))
        return "true or false";
    return is_number(n->text) ? "a number" : "text";
}

/* What YAML does not take in quotes, or takes for the end of a line: code points to be escaped. */
static size_t special(struct slice s, unsigned *rune)
{
    const unsigned char *p = (const unsigned char *)s.ptr;

    *rune = p[0];
    if (p[0] < 0x20 || p[0] == 0x7f)
        return 1;
    *rune = s.len > 1 ? p[1] : 0;
    if (p[0] == 0xc2 && s.len > 1 && p[1] < 0xa0)
        return 2;
    *rune = s.len > 2 ? 0x2000U + (p[2] & 0x3fU) : 0;
    if (s.len > 2 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return 3;
    *rune = 0xfeff;
    return s.len > 2 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
}

void yaml_write_text(struct slice s, struct buf *out)
{
    buf_append_byte(out, '"');
    for (size_t i = 0, len; i < s.len; i += len) {
        unsigned rune;
        len = special(slice_after(s, i), &rune);
        if (len)
            buf_printf(out, "\\u%04x", rune);
        else if (s.ptr[i] == '"' || s.ptr[i] == '\\')
            buf_printf(out, "\\%c", s.ptr[i]);
        else if (s.ptr[i] == '$' && i + 1 < s.len && s.ptr[i + 1] == '{')
            buf_append_str(out, "$$");
        else
            buf_append_byte(out, s.ptr[i]);
        len += !len;
    }
    buf_append_byte(out, '"');
}

static void write_scalar(const struct yaml_node *n, bool as_text, struct buf *out)
{
    bool is_text = n->quoted || (as_text && n->substituted), truth;

    if (yaml_is_null(n))
        buf_append_str(out, "null");
    else if (!is_text && yaml_to_bool(n, &truth))
        buf_append_str(out, truth ? "true" : "false");
    else if (!is_text && is_number(n->text))
        buf_append(out, n->text);
    else
        json_write_string(out, n->text);
}

/* Where the walk over a tree stands: which child comes next. */
struct level {
    const struct yaml_node *node;
    size_t next;
};

void yaml_write_json(const struct yaml_node *n, bool as_text, struct buf *out)
{
    struct level levels[YAML_MAX_DEPTH + 1];
    size_t depth = 0;

    for (;;) {
        if (n->kind == YAML_SCALAR) {
            write_scalar(n, as_text, out);
        } else {
            buf_append_byte(out, n->kind == YAML_MAP ? '{' : '[');
            levels[depth++] = (struct level){n, 0};
        }
        while (depth && levels[depth - 1].next == levels[depth - 1].node->count)
            buf_append_byte(out, levels[--depth].node->kind == YAML_MAP ? '}' : ']');
        if (!depth)
            return;
        n = levels[depth - 1].node;
        if (levels[depth - 1].next)
            buf_append_byte(out, ',');
        if (n->kind == YAML_MAP) {
            json_write_string(out, n->pairs[levels[depth - 1].next].key);
            buf_append_byte(out, ':');
            n = n->pairs[levels[depth - 1].next++].value;
        } else {
            n = n->items[levels[depth - 1].next++];
        }
    }
}
