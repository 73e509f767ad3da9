/* rule_path.c - where in a JSON document: a.b[0].c, a[*].b. */
#include "policy/rule_path.h"

#include "base/buf.h"
#include "json/extent.h"
#include "json/scan.h"

struct parser {
    struct slice text;
    size_t at;
    struct arena *arena;
    struct rule_step *steps;
    size_t count;
    struct err_info *e;
};

static enum err fail(struct parser *p, size_t at, const char *what)
{
    return err_set(p->e, ERR_BAD_REQUEST, "path: character %zu: %s", at + 1, what);
}

static bool is_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '$' || (unsigned char)c >= 0x80;
}

static char next(const struct parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static enum err add(struct parser *p, size_t at, struct rule_step step)
{
    if (p->count == RULE_PATH_STEPS)
        return fail(p, at, "there are too many steps");
    p->steps[p->count++] = step;
    return ERR_NONE;
}

static enum err read_key(struct parser *p)
{
    size_t from = p->at;
    struct slice key;

    while (p->at < p->text.len && is_key_byte(p->text.ptr[p->at]))
        p->at++;
    if (p->at == from)
        return fail(p, from, "expected a key; odd ones stand in [\"...\"]");
    key = arena_dup(p->arena, slice_sub(p->text, from, p->at - from));
    return add(p, from, (struct rule_step){.kind = RULE_STEP_KEY, .key = key});
}

/* The string literal at `at`; JSON's rules are those of json_scan(). */
static enum err read_string(struct parser *p)
{
    struct slice rest = slice_after(p->text, p->at), literal;
    struct json_extent extent = {0};
    struct err_info why = {0};
    struct buf decoded = {0};
    size_t from = p->at, len;
    struct slice key;

    if (!json_extent_feed(&extent, rest, &len))
        return fail(p, from, "expected the end of the string");
    literal = slice_sub(rest, 0, len);
    if (json_scan(literal, NULL, 0, NULL, &why) != ERR_NONE)
        return fail(p, from, "expected a JSON string");
    json_string_decode(literal, &decoded);
    key = arena_dup(p->arena, buf_peek(&decoded));
    buf_release(&decoded);
    p->at += len;
    return add(p, from, (struct rule_step){.kind = RULE_STEP_KEY, .key = key});
}

static enum err read_item(struct parser *p)
{
    struct rule_step step = {.kind = RULE_STEP_ITEM};
    size_t from = p->at;

    while (next(p) >= '0' && next(p) <= '9' && step.item <= RULE_PATH_ITEM)
        step.item = step.item * 10 + (size_t)(p->text.ptr[p->at++] - '0');
    if (p->at == from)
        return fail(p, from, "expected a number, * or a key in quotes");
    if (step.item > RULE_PATH_ITEM)
        return fail(p, from, "the number is too high");
    return add(p, from, step);
}

static enum err read_brackets(struct parser *p)
{
    enum err err;

    p->at++;
    if (next(p) == '*') {
        err = add(p, p->at, (struct rule_step){.kind = RULE_STEP_ALL});
        p->at++;
    } else {
        err = next(p) == '"' ? read_string(p) : read_item(p);
    }
    if (err)
        return err;
    if (next(p) != ']')
        return fail(p, p->at, "expected ']'");
    p->at++;
    return ERR_NONE;
}

enum err rule_path_parse(struct slice text, struct arena *a, struct rule_path *out,
                         struct err_info *e)
{
    struct parser p = {.text = text, .arena = a, .e = e};
    enum err err;

    if (text.len > RULE_PATH_BYTES)
        return err_set(e, ERR_BAD_REQUEST, "path: must be at most %d bytes", RULE_PATH_BYTES);
    p.steps = arena_array(a, struct rule_step, RULE_PATH_STEPS);
    err = next(&p) == '[' ? read_brackets(&p) : read_key(&p);
    while (!err && p.at < text.len) {
        if (next(&p) == '[') {
            err = read_brackets(&p);
        } else if (next(&p) == '.') {
            p.at++;
            err = read_key(&p);
        } else {
            err = fail(&p, p.at, "expected '.' or '['");
        }
    }
    if (err)
        return err;
    if (p.steps[0].kind != RULE_STEP_KEY)
        return fail(&p, 0, "a body is an object: begin with a key");
    *out = (struct rule_path){p.steps, p.count};
    return ERR_NONE;
}
