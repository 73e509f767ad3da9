/* shape_order_test.c - what holds of every conversation that has been shaped, whatever it was. */
#include "base/table.h"
#include "chat/shape_item.h"
#include "chat/shape_test_kit.h"

#define ROUNDS 4000

/* A small generator: the same seed, the same conversations (Vigna's splitmix64). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t n)
{
    return (size_t)(next_random(state) % n);
}

#define DIGITS_40 "0123456789012345678901234567890123456789"
static const char *const ids[] = {
    "", "c1", "c2", "c3", "call_0", "a.b/c", "a:b", "x y", (DIGITS_40 DIGITS_40)};
static const char *const names[] = {"f", "g", "h"};
static const char *const marks[] = {"", "", "", "", "", "@5m", "@1h", "@30m", "@12h"};

#define PICK(list) list[below(seed, ARRAY_LEN(list))]

/* What a conversation says of itself: texts are numbered, so that each can be found again. */
static void put_item(uint64_t *seed, struct buf *out, char role, size_t *texts)
{
    static const char *const user[] = {"''", "image(b64:iVBORw0KGgo=,image/png)", "' '"};
    static const char *const assistant[] = {"''", "raw('hm',anthropic:sig)",
                                            "redacted(,gemini:sig)", "server(openai,'{}')", "'  '"};

    switch (below(seed, 4)) {
    case 0: buf_printf(out, "'t%zu.'", (*texts)++); break;
    case 1:
        if (role == 'a')
            buf_printf(out, "call(%s,%s,'{}')", PICK(ids), PICK(names));
        else if (role == 'u')
            buf_printf(out, "%s(%s,%s)['r' %s]", below(seed, 4) ? "result" : "error", PICK(ids),
                       below(seed, 2) ? PICK(names) : "", PICK(user));
        else
            buf_printf(out, "'t%zu.'", (*texts)++);
        break;
    case 2: buf_append_str(out, role == 'a' ? PICK(assistant) : PICK(user)); break;
    default: buf_printf(out, "'t%zu.'", (*texts)++);
    }
    buf_printf(out, "%s ", PICK(marks));
}

static const char *make(uint64_t *seed, struct buf *out, size_t *texts)
{
    size_t turns = below(seed, 9);

    buf_clear(out);
    *texts = 0;
    if (below(seed, 2))
        buf_printf(out, "S['t%zu.'%s] T[f@5m] ", (*texts)++, PICK(marks));
    for (size_t i = 0; i < turns; i++) {
        char role = "uuuaaas"[below(seed, 7)];

        buf_printf(out, "%c[", role);
        for (size_t items = below(seed, 5); items; items--)
            put_item(seed, out, role, texts);
        buf_append_str(out, "] ");
    }
    buf_append_byte(out, '\0');
    return buf_peek(out).ptr;
}

static struct chat_item *item_of(struct list *at)
{
    return list_entry(at, struct chat_item, link);
}

static struct chat_turn *turn_of(struct list *at)
{
    return list_entry(at, struct chat_turn, link);
}

static void check_id(const struct chat_target *t, struct slice id)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    assert_true(id.len > 0);
    if (t->gates->family == FAMILY_MISTRAL)
        assert_int_equal(id.len, 9);
    if (t->dialect == DIALECT_OPENAI_CHAT)
        assert_true(id.len <= 40);
    if (t->dialect == DIALECT_OPENAI_RESPONSES || t->dialect == DIALECT_ANTHROPIC)
        assert_true(id.len <= 64);
    for (size_t i = 0; t->dialect == DIALECT_ANTHROPIC && i < id.len; i++)
        assert_non_null(memchr(alphabet, id.ptr[i], sizeof(alphabet) - 1));
}

/* Each call has one result, in order, at the head of the turn behind; there are no others. */
static void check_pairs(struct chat_request *r, const struct chat_target *t)
{
    struct table seen;
    size_t calls = 0, results = 0;

    table_init(&seen, 1);
    list_for_each(at, &r->turns) {
        struct list *result = at->next == &r->turns ? NULL : turn_of(at->next)->items.next;

        list_for_each(in, &turn_of(at)->items) {
            struct chat_item *item = item_of(in);
            if (item->kind == CHAT_RESULT) {
                results++;
                assert_int_equal(turn_of(at)->role, CHAT_USER);
                assert_true(in->prev == &turn_of(at)->items ||
                            item_of(in->prev)->kind == CHAT_RESULT);
            }
            if (item->kind != CHAT_CALL)
                continue;
            calls++;
            check_id(t, item->call.id);
            assert_null(table_put(&seen, item->call.id, item));
            assert_non_null(result);
            assert_int_equal(item_of(result)->kind, CHAT_RESULT);
            assert_true(slice_eq(item_of(result)->result.call_id, item->call.id));
            assert_true(slice_eq(item_of(result)->result.name, item->call.name));
            result = result->next;
        }
    }
    assert_int_equal(calls, results);
    table_release(&seen);
}

/* User and assistant by turns; with Anthropic also instructions, behind the user. */
static void check_order(struct chat_request *r, const struct chat_target *t)
{
    enum chat_role before = CHAT_ASSISTANT;

    assert_false(list_is_empty(&r->turns));
    assert_int_equal(turn_of(r->turns.next)->role, CHAT_USER);
    list_for_each(at, &r->turns) {
        struct chat_turn *turn = turn_of(at);

        assert_true(turn->role != before);
        if (turn->role == CHAT_SYSTEM) {
            assert_true(chat_model_has(t->gates, TRAIT_MID_SYSTEM));
            assert_int_equal(before, CHAT_USER);
        }
        assert_false(list_is_empty(&turn->items));
        before = turn->role;
    }
    if (chat_model_has(t->gates, TRAIT_NO_PREFILL))
        assert_int_not_equal(turn_of(r->turns.prev)->role, CHAT_ASSISTANT);
}

static void check_item(const struct chat_target *t, struct list *items, struct list *at)
{
    struct chat_item *item = item_of(at);
    bool signed_before = at->prev != items && item_of(at->prev)->kind == CHAT_REASONING;

    if (shape_is_text(item) && t->dialect == DIALECT_ANTHROPIC)
        assert_true(strspn(item->text.s.ptr, " ") < item->text.s.len);
    if (shape_is_text(item) && t->dialect == DIALECT_GEMINI && !signed_before)
        assert_true(item->text.s.len > 0);
    if (item->kind == CHAT_REASONING && t->dialect == DIALECT_ANTHROPIC)
        assert_true(at->next != items);
    if (item->kind == CHAT_RESULT && t->dialect == DIALECT_OPENAI_CHAT) {
        list_for_each(in, &item->result.items) {
            assert_false(shape_is_media(item_of(in)));
        }
    }
}

/* Counts marks; an hour's are not behind those of minutes. */
static void check_mark(enum chat_cache mark, bool *is_short, size_t *count)
{
    *count += mark != CACHE_NONE;
    if (mark == CACHE_1H)
        assert_false(*is_short);
    *is_short |= mark == CACHE_5M;
}

static void check_marks(struct chat_request *r, const struct chat_target *t)
{
    bool is_short = false,
         has_marks = t->dialect == DIALECT_ANTHROPIC || chat_model_has(t->gates, TRAIT_BREAKPOINTS);
    size_t count = 0;

    list_for_each(at, &r->tools) {
        check_mark(list_entry(at, struct chat_tool, link)->cache, &is_short, &count);
    }
    list_for_each(at, &r->system) {
        check_mark(item_of(at)->cache, &is_short, &count);
    }
    list_for_each(at, &r->turns) {
        list_for_each(in, &turn_of(at)->items) {
            struct chat_item *item = item_of(in);
            check_mark(item->cache, &is_short, &count);
            if (item->kind == CHAT_REASONING)
                assert_int_equal(item->cache, CACHE_NONE);
            if (item->kind != CHAT_RESULT)
                continue;
            list_for_each(part, &item->result.items) {
                check_mark(item_of(part)->cache, &is_short, &count);
            }
        }
    }
    assert_true(count <= (has_marks ? 4 : 0));
}

/* What anybody said is there, once. */
static void check_texts(const char *out, size_t texts)
{
    char word[32];

    for (size_t i = 0; i < texts; i++) {
        const char *at;

        snprintf(word, sizeof(word), "t%zu.", i);
        at = strstr(out, word);
        assert_non_null(at);
        assert_null(strstr(at + 1, word));
    }
}

static enum err shape(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    if (shape_media(r, t, e) != ERR_NONE || shape_calls(r, t, e) != ERR_NONE ||
        shape_turns(r, t, e) != ERR_NONE || shape_cache(r, t, e) != ERR_NONE)
        return e->code;
    return ERR_NONE;
}

static void check(struct chat_request *r, const struct chat_target *t, size_t texts)
{
    bool ordered = t->dialect == DIALECT_ANTHROPIC || t->dialect == DIALECT_GEMINI;
    struct buf once = {0}, twice = {0};
    struct err_info e = {0};

    check_pairs(r, t);
    if (ordered)
        check_order(r, t);
    list_for_each(at, &r->turns) {
        list_for_each(in, &turn_of(at)->items) {
            check_item(t, &turn_of(at)->items, in);
        }
    }
    check_marks(r, t);
    check_texts(kit_print(r, &once), texts);

    /* What fits is left alone. */
    assert_int_equal(shape(r, t, &e), ERR_NONE);
    assert_string_equal(kit_print(r, &twice), buf_peek(&once).ptr);
    buf_release(&once);
    buf_release(&twice);
}

static void test_invariants(void **state)
{
    static const char *const targets[] = {
        "C gpt-5",           "C gpt-5.6",         "C/compatible mistral-large-latest",
        "R gpt-5",           "R gpt-5.6",         "A claude-sonnet-4-5",
        "A claude-opus-4-8", "A claude-sonnet-5", "G gemini-2.5-flash",
        "G gemini-3-pro",    "G gemini-4-pro",    "G gemma-3-27b-it",
    };
    size_t shaped[ARRAY_LEN(targets)] = {0};
    struct buf text = {0};
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t texts, n = i % ARRAY_LEN(targets);
        struct chat_target t = kit_target(targets[n]);
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_ANTHROPIC);
        kit_read(&r, make(&seed, &text, &texts));
        if (shape(&r, &t, &e) == ERR_NONE) {
            check(&r, &t, texts);
            shaped[n]++;
        } else {
            assert_int_equal(e.code, ERR_BAD_REQUEST);
        }
        arena_release(&a);
    }
    /* Refusals are rare enough that something has been seen of every target. */
    for (size_t n = 0; n < ARRAY_LEN(targets); n++)
        assert_true(shaped[n] > ROUNDS / ARRAY_LEN(targets) / 8);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_invariants)};
    return cmocka_run_group_tests_name("shape_order", tests, NULL, NULL);
}
