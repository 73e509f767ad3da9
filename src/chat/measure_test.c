/* measure_test.c - bounds of requests of every dialect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/measure.h"
#include "chat/measure_skip.h"
#include "chat/peek.h"
#include "chat/peek_skip.h"
#include "json/scan.h"

#define C DIALECT_OPENAI_CHAT
#define R DIALECT_OPENAI_RESPONSES
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI
#define O DIALECT_OPENAI

/* JSON in the tables here has single quotes, so that it can be read. */
static struct slice quoted(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
    return buf_peek(out);
}

static void put(struct buf *out, const char *name, int64_t value, int64_t nothing)
{
    if (value != nothing)
        buf_printf(out, "%s%s=%lld", buf_len(out) ? " " : "", name, (long long)value);
}

static const char *describe(const struct chat_measure *m, struct slice body, struct buf *out)
{
    buf_clear(out);
    put(out, "data", (int64_t)body.len - m->text_bytes, 0);
    put(out, "media", m->media, 0);
    put(out, "tokens", m->media_tokens, 0);
    put(out, "out", m->max_output, -1);
    put(out, "n", m->choices, 1);
    buf_append_byte(out, '\0');
    return buf_peek(out).ptr;
}

static const struct {
    const char *why;
    enum dialect dialect;
    enum operation operation;
    const char *body, *measured;
} cases[] = {
#define CASE(why, dialect, operation, body, measured) {why, dialect, operation, body, measured},
#include "chat/measure_test.def"
#undef CASE
};

static bool is_json(struct slice text)
{
    struct err_info e = {0};
    return json_scan(text, NULL, 0, NULL, &e) == ERR_NONE;
}

static void test_cases(void **state)
{
    struct buf text = {0}, out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice body = quoted(cases[i].body, &text);
        struct chat_measure m;

        chat_measure(cases[i].dialect, cases[i].operation, body, &m);
        if (strcmp(describe(&m, body, &out), cases[i].measured) != 0)
            fail_msg("%s: %s", cases[i].why, describe(&m, body, &out));
    }
    buf_release(&text);
    buf_release(&out);
}

static void check_sane(const struct chat_measure *m, struct slice body)
{
    assert_in_range(m->text_bytes, 0, (int64_t)body.len);
    assert_true(m->media >= 0 && m->media <= (int64_t)body.len);
    assert_true(m->media_tokens >= m->media * 1000);
    assert_true(m->max_output >= -1 && m->choices >= 1);
    assert_true(measure_input_bound(m) >= measure_input_likely(m));
}

/* Bodies are JSON in truth; of what is none nothing is read beyond its end. */
static void test_every_cut(void **state)
{
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice body = quoted(cases[i].body, &text);

        for (size_t len = 0; len < body.len; len++) {
            char *cut = malloc(len + !len);
            struct chat_measure m;

            assert_non_null(cut);
            memcpy(cut, body.ptr, len);
            chat_measure(cases[i].dialect, cases[i].operation, slice_of(cut, len), &m);
            check_sane(&m, slice_of(cut, len));
            free(cut);
        }
    }
    buf_release(&text);
}

/* What `medium` is with `bytes` of base64 behind the start of its data. */
static struct chat_measure measure_sized(const char *before, const char *start, size_t bytes,
                                         const char *after)
{
    struct buf head = {0}, body = {0};
    struct chat_measure m;

    buf_append(&body, quoted(before, &head));
    buf_append_str(&body, start);
    for (size_t i = strlen(start); i < bytes; i++)
        buf_append_byte(&body, 'A');
    buf_append(&body, quoted(after, &head));
    assert_true(is_json(buf_peek(&body)));
    chat_measure(A, OP_GENERATE, buf_peek(&body), &m);
    assert_int_equal((int64_t)buf_len(&body) - m.text_bytes, bytes);
    buf_release(&head);
    buf_release(&body);
    return m;
}

#define BEFORE(mime) \
    "{'messages':[{'content':[{'source':{'type':'base64','media_type':'" mime "','data':'"
#define AFTER "'}}]}]}"

static void test_sizes(void **state)
{
    static const struct {
        const char *before, *start;
        size_t bytes;
        int64_t tokens;
    } sizes[] = {
        {BEFORE("image/png"),       "iVBOR",   4 << 20,  12000  },
        {BEFORE("application/pdf"), "JVBERi0", 64 << 10, 12000  },
        {BEFORE("application/pdf"), "JVBERi0", 1 << 20,  131072 },
        {BEFORE("application/pdf"), "JVBERi0", 40 << 20, 1000000},
        {BEFORE("audio/wav"),       "UklGR",   64 << 10, 2024   },
        {BEFORE("video/mp4"),       "AAAA",    64 << 20, 1000000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct chat_measure m =
            measure_sized(sizes[i].before, sizes[i].start, sizes[i].bytes, AFTER);

        assert_int_equal(m.media, 1);
        assert_int_equal(m.media_tokens, sizes[i].tokens);
    }
}

static enum dialect dialect_of(const char *name)
{
    return strstr(name, ".chat.")        ? C
           : strstr(name, ".responses.") ? R
           : strstr(name, ".anthropic.") ? A
                                         : G;
}

static void read_file(const char *name, struct buf *out)
{
    char path[512];
    FILE *f;
    size_t len;

    snprintf(path, sizeof(path), "%s/tests/golden/fixtures/%s", SOURCE_ROOT, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    buf_clear(out);
    while ((len = fread(buf_reserve(out, 65536), 1, 65536, f)) > 0)
        buf_grew(out, len);
    fclose(f);
}

/* Every request that is recorded: what media there are is known, and that all else is text. */
static void test_fixtures(void **state)
{
    DIR *dir = opendir(SOURCE_ROOT "/tests/golden/fixtures");
    struct buf body = {0};
    const struct dirent *e;
    int64_t media = 0;
    int count = 0;

    (void)state;
    assert_non_null(dir);
    while ((e = readdir(dir))) {
        struct slice request;
        struct chat_measure m;

        if (!strstr(e->d_name, ".json"))
            continue;
        read_file(e->d_name, &body);
        assert_int_equal(json_get(buf_peek(&body), SLICE("request"), &request), ERR_NONE);
        chat_measure(dialect_of(e->d_name), OP_GENERATE, request, &m);
        check_sane(&m, request);
        assert_true((m.media > 0) == (strstr(e->d_name, "image") != NULL));
        media += m.media;
        count++;
    }
    assert_true(count > 40 && media >= 4);
    closedir(dir);
    buf_release(&body);
}

/* Wherever a container begins, it ends where the slower look says, and nowhere if it is cut. */
static void check_skips(struct slice text)
{
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        struct slice rest = slice_after(text, i);
        size_t len;

        if (in_string && text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            in_string = !in_string;
        if (in_string || (rest.ptr[0] != '{' && rest.ptr[0] != '['))
            continue;
        len = peek_value(rest).len;
        assert_ptr_equal(measure_skip(rest.ptr, rest.ptr + rest.len), rest.ptr + len);
        assert_ptr_equal(measure_skip(rest.ptr, rest.ptr + len), rest.ptr + len);
        assert_null(measure_skip(rest.ptr, rest.ptr + len - 1));
    }
}

static void test_skips(void **state)
{
    static const char *const names[] = {"04-tool-call.chat.json", "07-thinking-tools.gemini.json"};
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        read_file(names[i], &text);
        check_skips(buf_peek(&text));
    }
    for (size_t before = 0; before < 140; before++) // escapes across the ends of blocks
        for (size_t slashes = 0; slashes < 6; slashes += 2) {
            buf_clear(&text);
            buf_append_str(&text, "[[\"");
            for (size_t i = 0; i < before; i++)
                buf_append_byte(&text, '[');
            for (size_t i = 0; i < slashes; i++)
                buf_append_byte(&text, '\\');
            buf_append_str(&text, "\\\"]]]]\",{\"]\":\"}\"}],7]");
            assert_true(is_json(buf_peek(&text)));
            check_skips(buf_peek(&text));
        }
    buf_release(&text);
}

static void test_bounds(void **state)
{
    static const struct {
        int64_t max_output, choices, model_max, reserve, bound;
    } bounds[] = {
        {100,       1,         0,     4096, 100      },
        {100,       3,         50,    10,   300      },
        {0,         3,         50,    10,   0        },
        {-1,        1,         0,     4096, 4096     },
        {-1,        2,         1000,  4096, 2000     },
        {-1,        1,         99999, 4096, 4096     },
        {-1,        1,         99999, 0,    99999    },
        {-1,        1,         0,     0,    0        },
        {INT64_MAX, 1,         0,     0,    INT64_MAX},
        {INT64_MAX, INT64_MAX, 0,     0,    INT64_MAX},
        {1LL << 53, 1LL << 53, 0,     0,    INT64_MAX},
    };
    struct chat_measure m = {.text_bytes = 1001, .media = 2, .media_tokens = 24000};

    (void)state;
    assert_int_equal(measure_input_bound(&m), 501 + 24000);
    assert_int_equal(measure_input_likely(&m), 251 + 3000);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        m.max_output = bounds[i].max_output;
        m.choices = bounds[i].choices;
        assert_int_equal(measure_output_bound(&m, bounds[i].model_max, bounds[i].reserve),
                         bounds[i].bound);
    }
}

/* The fast way over a string ends where the plain one does, whatever is cut where. */
static void test_string_end(void **unused)
{
    uint64_t state = 88172645463325252u;

    (void)unused;
    for (int round = 0; round < 50000; round++) {
        char *text;
        size_t len, excess = 0;
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        len = 1 + state % 200;
        text = malloc(len); // at the heap's border, for ASan
        text[0] = '"';
        for (size_t i = 1; i < len; i++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            text[i] = state % 29 == 0 ? '"' : state % 5 == 0 ? '\\' : 'a';
        }
        assert_ptr_equal(measure_string_end(text, text + len),
                         peek_string_end(text, text + len, &excess));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_string_end), cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_cut),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_fixtures),   cmocka_unit_test(test_skips),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
