/* rule_random_test.c - random rules, and a slow reading of what they mean. */
#include "policy/rule_test_kit.h"

#include "json/write.h"

static unsigned next_random(uint64_t *seed, unsigned below)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(*seed >> 33) % below;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as it is told
static void random_value(uint64_t *seed, unsigned depth, struct buf *out)
{
    static const char *const scalars[] = {"1", "null", "\"x\"", "true", "\"\\u0061\\n\""};
    unsigned kind = next_random(seed, depth ? 4 : 2), count = next_random(seed, 4), used = 0;

    if (kind < 2) {
        buf_append_str(out, scalars[next_random(seed, 5)]);
        return;
    }
    buf_append_byte(out, kind == 2 ? '[' : '{');
    for (unsigned i = 0; i < count; i++) {
        if (kind == 3 && next_random(seed, 2))
            continue;
        if (used++)
            buf_append_str(out, next_random(seed, 2) ? " , " : ",");
        if (kind == 3)
            buf_printf(out, "\"%c\": ", 'a' + (char)i);
        random_value(seed, depth - 1, out);
    }
    buf_append_byte(out, kind == 2 ? ']' : '}');
}

static void random_rule(uint64_t *seed, struct buf *out)
{
    static const char *const actions[] = {"set", "default", "append", "remove"};
    unsigned action = next_random(seed, 4), steps = 1 + next_random(seed, 3);
    bool is_all = false;

    buf_printf(out, "{\"phase\":\"outbound\",\"path\":\"%c", 'a' + (char)next_random(seed, 4));
    for (unsigned i = 1; i < steps; i++) {
        unsigned kind = next_random(seed, 4);
        is_all = kind == 0;
        if (kind == 0)
            buf_append_str(out, "[*]");
        else if (kind == 1)
            buf_printf(out, "[%u]", next_random(seed, 3));
        else
            buf_printf(out, ".%c", 'a' + (char)next_random(seed, 4));
    }
    if (is_all && action == 1)
        action = 0; // default cannot end so
    buf_printf(out, "\",\"action\":\"%s\"", actions[action]);
    if (action != 3) {
        size_t at;
        buf_append_str(out, ",\"value\":");
        at = buf_len(out);
        do { // as a row's value, null would be none
            out->end = out->start + at;
            random_value(seed, 2, out);
        } while (slice_eq(slice_after(buf_peek(out), at), SLICE("null")));
    }
    buf_append_byte(out, '}');
}

struct slow {
    struct arena *a;
    struct slice action, value;
};

/* The path, read step by step out of its text: this knows the simple ones alone. */
static struct slice cut_step(struct slice *path, char *kind)
{
    struct slice step;

    if (path->ptr[0] == '[') {
        step = slice_cut(slice_after(*path, 1), ']', path);
        *kind = step.ptr[0] == '*' ? '*' : '0';
        return step;
    }
    *path = path->ptr[0] == '.' ? slice_after(*path, 1) : *path;
    step = slice_sub(*path, 0, 1);
    *path = slice_after(*path, 1);
    *kind = '.';
    return step;
}

static struct json *slow_value(const struct slow *s)
{
    struct err_info e = {0};
    struct json *value;

    assert_int_equal(json_parse(s->a, s->value, &value, &e), ERR_NONE);
    return value;
}

/* What the rest of the path makes out of nothing. */
// NOLINTNEXTLINE(misc-no-recursion): paths are short, and this is plainly right
static struct json *slow_build(const struct slow *s, struct slice path)
{
    struct json *outer, *inner;
    struct slice step;
    char kind;

    if (path.len == 0 && slice_eq(s->action, SLICE("append"))) {
        outer = json_new_array(s->a);
        json_append(outer, slow_value(s));
        return outer;
    }
    if (path.len == 0)
        return slow_value(s);
    step = cut_step(&path, &kind);
    if (kind == '*' || (kind == '0' && step.ptr[0] != '0'))
        return NULL;
    inner = slow_build(s, path);
    if (!inner)
        return NULL;
    outer = kind == '.' ? json_new_object(s->a) : json_new_array(s->a);
    if (kind == '.')
        json_set(outer, step, inner);
    else
        json_append(outer, inner);
    return outer;
}

static void slow_walk(const struct slow *s, struct json *v, struct slice path);

/* `found` is what the last step led to, or NULL. */
static void slow_leaf(const struct slow *s, struct json *v, struct slice key, struct json *found)
{
    bool is_remove = slice_eq(s->action, SLICE("remove"));
    bool is_append = slice_eq(s->action, SLICE("append"));
    struct json *made;

    if (is_remove) {
        if (found)
            json_detach(found);
        return;
    }
    if (found && slice_eq(s->action, SLICE("default")))
        return;
    if (is_append && json_is(found, JSON_ARRAY)) {
        json_append(found, slow_value(s));
        return;
    }
    if (is_append && found && !json_is(found, JSON_NULL))
        return;
    made = slow_build(s, SLICE(""));
    if (found)
        json_replace(found, made);
    else if (key.ptr)
        json_set(v, key, made);
    else
        json_append(v, made);
}

// NOLINTNEXTLINE(misc-no-recursion): see slow_build()
static void slow_go(const struct slow *s, struct json *v, struct slice key, struct json *found,
                    struct slice path)
{
    struct json *made;

    if (path.len == 0) {
        slow_leaf(s, v, key, found);
        return;
    }
    if (found && !json_is(found, JSON_NULL)) {
        slow_walk(s, found, path);
        return;
    }
    made = slice_eq(s->action, SLICE("remove")) ? NULL : slow_build(s, path);
    if (!made)
        return;
    if (found)
        json_replace(found, made);
    else if (key.ptr)
        json_set(v, key, made);
    else
        json_append(v, made);
}

// NOLINTNEXTLINE(misc-no-recursion): see slow_build()
static void slow_walk(const struct slow *s, struct json *v, struct slice path)
{
    char kind;
    struct slice step = cut_step(&path, &kind);

    if (kind == '.') {
        if (json_is(v, JSON_OBJECT))
            slow_go(s, v, step, json_member(v, step), path);
        return;
    }
    if (!json_is(v, JSON_ARRAY))
        return;
    if (kind == '*') {
        for (struct json *at = v->first, *next; at; at = next) {
            next = at->next;
            slow_go(s, v, slice_of(NULL, 0), at, path);
        }
        return;
    }
    if ((size_t)(step.ptr[0] - '0') <= v->count)
        slow_go(s, v, slice_of(NULL, 0), json_item(v, (size_t)(step.ptr[0] - '0')), path);
}

static struct slice without_blanks(struct arena *a, struct slice text)
{
    struct err_info e = {0};
    struct buf out = {0};
    struct json *v;
    struct slice s;
    bool in_string = false;

    assert_int_equal(json_parse(a, text, &v, &e), ERR_NONE);
    for (size_t i = 0; i < text.len; i++) {
        in_string ^= text.ptr[i] == '"';
        if (in_string || text.ptr[i] != ' ')
            buf_append_byte(&out, text.ptr[i]);
    }
    s = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    return s;
}

static void slow_apply(struct arena *a, struct slice rules, struct json *body)
{
    struct err_info e = {0};
    struct json *list;

    assert_int_equal(json_parse(a, rules, &list, &e), ERR_NONE);
    json_for_each(rule, list) {
        const struct json *value = json_member(rule, SLICE("value"));
        struct slow s = {a, json_str(a, json_member(rule, SLICE("action"))),
                         value ? value->source : slice_of(NULL, 0)};
        slow_walk(&s, body, json_str(a, json_member(rule, SLICE("path"))));
    }
}

static void test_random(void **state)
{
    size_t written = 0, spliced = 0;

    (void)state;
    for (uint64_t round = 0; round < 4000; round++) {
        uint64_t seed = round;
        unsigned count = 1 + next_random(&seed, 5);
        struct buf body = {0}, rules = {0}, expected = {0};
        struct err_info e = {0};
        struct rule_matches m;
        struct kit_answer k;
        struct json *tree;
        struct arena a;

        arena_init(&a, 0);
        do {
            buf_clear(&body);
            random_value(&seed, 4, &body);
        } while (body.data[0] != '{');
        for (unsigned i = 0; i < count; i++) {
            buf_append_str(&rules, i ? "," : "");
            random_rule(&seed, &rules);
        }
        buf_append_byte(&rules, '\0');
        m = kit_rules(&a, rules.data);
        k = kit_apply(&a, &m, DIALECT_OPENAI_CHAT, OP_GENERATE, buf_peek(&body));
        assert_int_equal(k.e.code, ERR_NONE);
        json_parse(&a, buf_peek(&body), &tree, &e);
        slow_apply(&a, arena_printf(&a, "[%s]", rules.data), tree);
        json_write_tree(&expected, tree);
        if (!slice_eq(without_blanks(&a, k.body), without_blanks(&a, buf_peek(&expected))))
            fail_msg("round %llu: %s on %.*s: %.*s, not %.*s", (unsigned long long)round,
                     rules.data, SLICE_ARG(buf_peek(&body)), SLICE_ARG(k.body),
                     SLICE_ARG(buf_peek(&expected)));
        written += k.result.body.ptr != NULL;
        spliced += k.is_spliced;
        buf_release(&body);
        buf_release(&rules);
        buf_release(&expected);
        arena_release(&a);
    }
    assert_true(written > 100 && spliced > 100); // both ways were tried
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
