/* translate_budget_test.c - what a streamed delta costs on its way into another dialect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/array.h"
#include "chat/model.h"
#include "chat/translate.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#define WARM_DELTAS  3000 // buffers have their sizes then
#define DELTAS       1000
#define GATHERED_MAX 2 // allocations in DELTAS where bytes must be gathered: they double

/* All allocations of the program, by glibc's own names for what stands in their place. */
static size_t allocations;

#if !defined(SANITIZED) && defined(__GLIBC__)
#define CAN_COUNT true

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    allocations++;
    return __libc_realloc(p, size);
}
#else
#define CAN_COUNT false
#endif

/* A request of each dialect's clients. */
static const struct {
    enum dialect dialect;
    bool gathered; // its encoder keeps all text: to say it once more, or to count in it
    const char *body;
} clients[] = {
    {DIALECT_OPENAI_CHAT,      false,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"                            },
    {DIALECT_OPENAI_RESPONSES, true,  "{\"model\":\"m\",\"input\":\"hi\"}"                                },
    {DIALECT_ANTHROPIC,        false,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"           },
    {DIALECT_GEMINI,           true,  "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}"},
};

#define CHAT(delta)                                                                     \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\"," \
    "\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":null}]}"
#define PLACE "\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,"
#define SAID  "\"caf\xC3\xA9 \\\"\\n\\u00e9\"" // a bit of everything

/* How a stream begins, and one of its deltas. */
static const struct {
    const char *what;
    enum dialect dialect;
    const char *opening[3];
    const char *delta;
    bool gathered; // its decoder, or some client's encoder, keeps such a thing
} streams[] = {
#include "chat/translate_budget_test.def"
};

static void feed(struct translation *t, struct buf *out, const char *payload)
{
    buf_clear(out);
    translation_feed(t, (struct slice){0}, slice_str(payload));
}

static void run(size_t client, size_t stream)
{
    const struct chat_seal seal = {.tenant = SLICE("1")};
    struct chat_target target = {
        .dialect = streams[stream].dialect,
        .model = SLICE("m"),
        .gates = chat_model_find(streams[stream].dialect, SLICE("m")),
        .stream = true,
    };
    struct chat_request request;
    struct translation_options o = {
        .client = clients[client].dialect,
        .upstream = streams[stream].dialect,
        .decode = {.now_unix = 1, .id = SLICE("exchange"), .upstream_model = SLICE("m")},
        .encode = { .request = &request,
                   .framing = FRAMING_SSE,
                   .id = SLICE("exchange"),
                   .model = SLICE("m"),
                   .now_unix = 1,
                   .seal = &seal,
                   .limit_bytes = 1 << 20},
    };
    bool gathers = clients[client].gathered || streams[stream].gathered;
    struct err_info e = {0};
    struct translation t;
    struct buf out = {0};
    struct arena a;
    size_t before;

    arena_init(&a, 0);
    assert_int_equal(translate_read(clients[client].dialect, slice_str(clients[client].body), &seal,
                                    &a, &request, &e),
                     ERR_NONE);
    assert_int_equal(translate_write(&request, &target, &out, &e), ERR_NONE);
    translation_init(&t, &o);
    t.out = &out;
    for (size_t i = 0; i < ARRAY_LEN(streams[stream].opening) && streams[stream].opening[i]; i++)
        feed(&t, &out, streams[stream].opening[i]);
    for (size_t i = 0; i < WARM_DELTAS; i++)
        feed(&t, &out, streams[stream].delta);
    before = allocations;
    for (size_t i = 0; i < DELTAS; i++)
        feed(&t, &out, streams[stream].delta);
    if (allocations - before > (gathers ? GATHERED_MAX : 0))
        fail_msg("%s to %s: %zu allocations in %d deltas", streams[stream].what,
                 dialect_name(clients[client].dialect), allocations - before, DELTAS);
    assert_false(t.ended);
    translation_release(&t);
    buf_release(&out);
    arena_release(&a);
}

static void test_deltas_allocate_nothing(void **state)
{
    (void)state;
    if (!CAN_COUNT)
        skip();
    assert_true(allocations > 0); // cmocka's own
    for (size_t client = 0; client < ARRAY_LEN(clients); client++) {
        for (size_t stream = 0; stream < ARRAY_LEN(streams); stream++)
            run(client, stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deltas_allocate_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
