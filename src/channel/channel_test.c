/* channel_test.c - the tables of the channels, and what is made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "channel/channel.h"

/* Base paths as operators write them. */
static const struct {
    const char *channel;
    enum operation operation;
    enum dialect dialect;
    const char *base, *model;
    bool stream;
    const char *query, *path;
} paths[] = {
#define C DIALECT_OPENAI_CHAT
#define O DIALECT_OPENAI
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI
#define PATH(channel, op, dialect, base, model, stream, query, path) \
    {channel, OP_##op, dialect, base, model, stream, query, path},
#include "channel/channel_test_paths.def"
#undef PATH
};

static struct slice path_of(size_t i, struct buf *out, struct err_info *e)
{
    const struct channel *c = channel_find(slice_str(paths[i].channel));
    const struct channel_route *route;

    assert_non_null(c);
    route = channel_route_find(c, paths[i].operation, paths[i].dialect);
    assert_non_null(route);
    buf_clear(out);
    if (channel_path(route, slice_str(paths[i].base), slice_str(paths[i].model),
                     SLICE("embedContent"), paths[i].stream, slice_str(paths[i].query), out,
                     e) != ERR_NONE)
        return slice_str(err_name(e->code));
    return buf_peek(out);
}

static void test_paths(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct err_info e = {0};
        struct slice path = path_of(i, &out, &e);

        if (!slice_eq(path, slice_str(paths[i].path)))
            fail_msg("%.*s is not %s", SLICE_ARG(path), paths[i].path);
    }
    buf_release(&out);
}

/* An action comes from the client's path, too. */
static void test_actions(void **state)
{
    static const struct {
        const char *action;
        enum err err;
    } actions[] = {
        {"embedContent",       ERR_NONE       },
        {"batchEmbedContents", ERR_NONE       },
        {"",                   ERR_BAD_REQUEST},
        {"embed/../x",         ERR_BAD_REQUEST},
        {"embed?x",            ERR_BAD_REQUEST},
    };
    const struct channel_route *route =
        channel_route_find(channel_find(SLICE("aistudio")), OP_EMBED, G);
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        struct err_info e = {0};

        buf_clear(&out);
        assert_int_equal(channel_path(route, SLICE(""), SLICE("m"), slice_str(actions[i].action),
                                      false, SLICE(""), &out, &e),
                         actions[i].err);
        if (actions[i].err == ERR_NONE)
            assert_true(slice_ends(buf_peek(&out), slice_str(actions[i].action)));
    }
    buf_release(&out);
}

/* What of files comes behind, and whose version counts. */
static void test_files(void **state)
{
    static const struct {
        const char *channel, *base, *file, *path;
        enum dialect dialect;
    } files[] = {
        {"openai",    "",         "",           "/v1/files",             O},
        {"openai",    "/v1",      "/f/content", "/v1/files/f/content",   O},
        {"custom",    "/deep/v4", "/f",         "/deep/v4/files/f",      O},
        {"anthropic", "",         "/f",         "/v1/files/f",           A},
        {"custom",    "/a/",      "/f/content", "/a/v1/files/f/content", A},
    };
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const struct channel_route *route = channel_route_find(
            channel_find(slice_str(files[i].channel)), OP_FILES, files[i].dialect);
        struct err_info e = {0};

        assert_non_null(route);
        buf_clear(&out);
        assert_int_equal(channel_path(route, slice_str(files[i].base), SLICE("files"),
                                      slice_str(files[i].file), false, SLICE(""), &out, &e),
                         ERR_NONE);
        if (!slice_eq(buf_peek(&out), slice_str(files[i].path)))
            fail_msg("%.*s is not %s", SLICE_ARG(buf_peek(&out)), files[i].path);
    }
    buf_release(&out);
    assert_null(channel_route_find(channel_find(SLICE("aistudio")), OP_FILES, G));
    assert_null(channel_route_find(channel_find(SLICE("echo")), OP_FILES, O));
}

static const struct {
    const char *channel;
    int status;
    const char *body;
    enum err err;
} verdicts[] = {
    {"openai",    200, "",                                                ERR_NONE            },
    {"openai",    204, "",                                                ERR_NONE            },
    {"openai",    101, "",                                                ERR_UPSTREAM_BROKEN },
    {"openai",    302, "",                                                ERR_UPSTREAM_BROKEN },
    {"openai",    400, "",                                                ERR_UPSTREAM_REFUSED},
    {"openai",    401, "",                                                ERR_UPSTREAM_KEY    },
    {"openai",    402, "",                                                ERR_UPSTREAM_BILLING},
    {"openai",    403, "",                                                ERR_UPSTREAM_KEY    },
    {"openai",    404, "",                                                ERR_UPSTREAM_REFUSED},
    {"openai",    408, "",                                                ERR_UPSTREAM_FAILED },
    {"openai",    413, "",                                                ERR_UPSTREAM_REFUSED},
    {"openai",    429, "",                                                ERR_UPSTREAM_BUSY   },
    {"openai",    429, "{'code':'insufficient_quota'}",                   ERR_UPSTREAM_BILLING},
    {"openai",    429, "{'message':'\\'insufficient_quota\\''}",          ERR_UPSTREAM_BUSY   },
    {"openai",    500, "",                                                ERR_UPSTREAM_FAILED },
    {"groq",      498, "",                                                ERR_UPSTREAM_BUSY   },
    {"groq",      400, "{'code':'tool_use_failed'}",                      ERR_UPSTREAM_REFUSED},
    {"anthropic", 529, "",                                                ERR_UPSTREAM_FULL   },
    {"anthropic", 400, "{'message':'Your credit balance is too low'}",    ERR_UPSTREAM_BILLING},
    {"anthropic", 400, "{'message': 'Your credit balance is too low'}",   ERR_UPSTREAM_BILLING},
    {"anthropic", 400, "{'message':'\\'Your credit balance is too low'}", ERR_UPSTREAM_REFUSED},
    {"aistudio",  400, "{'reason':'API_KEY_INVALID'}",                    ERR_UPSTREAM_KEY    },
    {"aistudio",  400, "{'message':'unknown \\'API_KEY_INVALID\\''}",     ERR_UPSTREAM_REFUSED},
    {"aistudio",  503, "",                                                ERR_UPSTREAM_FULL   },
    {"custom",    429, "{'code': 'insufficient_quota'}",                  ERR_UPSTREAM_BILLING},
    {"custom",    999, "",                                                ERR_UPSTREAM_BROKEN },
    {"custom",    0,   "",                                                ERR_UPSTREAM_BROKEN },
};

/* JSON in the table has single quotes, so that it can be read. */
static struct slice quoted(const char *text, struct buf *out)
{
    buf_clear(out);
    for (; *text; text++)
        buf_append_byte(out, *text == '\'' ? '"' : *text);
    return buf_peek(out);
}

static void test_verdicts(void **state)
{
    struct buf body = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        const struct channel *c = channel_find(slice_str(verdicts[i].channel));
        enum err err = channel_verdict(c, verdicts[i].status, quoted(verdicts[i].body, &body));

        if (err != verdicts[i].err)
            fail_msg("%d %s: %s", verdicts[i].status, verdicts[i].body, err_name(err));
    }
    buf_release(&body);
}

/* What holds for every channel, also those yet to come. */
static void test_registry(void **state)
{
    size_t count;
    const struct channel *const *all = channel_all(&count);

    (void)state;
    assert_true(count >= 5);
    for (size_t i = 0; i < count; i++) {
        const struct channel *c = all[i];

        assert_ptr_equal(channel_find(slice_str(c->name)), c);
        assert_true(c->route_count > 0);
        for (size_t r = 0; r < c->route_count; r++) {
            const struct channel_route *route = &c->routes[r];

            /* One row for each pair, and a path unless it answers by itself. */
            assert_ptr_equal(channel_route_find(c, route->operation, route->dialect), route);
            assert_true(c->answer || route->path[0] == '/');
        }
        for (size_t v = 0; v < c->verdict_count; v++) {
            struct slice text = slice_str(c->verdicts[v].body_has);

            assert_true(c->verdicts[v].err >= ERR_UPSTREAM_KEY);
            assert_true(text.len == 0 || slice_find(text, '"') != SIZE_MAX);
        }
    }
    assert_null(channel_find(SLICE("")));
    assert_null(channel_find(SLICE("OpenAI")));
    assert_null(channel_route_find(channel_find(SLICE("openai")), OP_GENERATE, A));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_actions),
        cmocka_unit_test(test_files),    cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_registry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
