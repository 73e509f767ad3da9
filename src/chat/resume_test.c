/* resume_test.c - answers that pause: the requests by which they go on, and one answer of it all. */
#include "chat/codec.h"
#include "chat/resume.h"
#include "chat/shape_test_kit.h"

/* ---- the request ---- */

#define BLOCKS "[{\"type\":\"text\",\"text\":\"b\"}]"
#define WANTED "{\"content\":" BLOCKS "}"

static const struct {
    const char *why;
    enum dialect upstream;
    const char *sent, *wanted, *next;
} requests[] = {
#include "chat/resume_test_requests.def"
};

static void assert_text(const char *why, struct slice got, const char *want)
{
    if (!slice_eq(got, slice_str(want)))
        fail_msg("%s:\n%.*s\nwanted:\n%s", why, SLICE_ARG(got), want);
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct buf out = {0};

        resume_write_request(requests[i].upstream, slice_str(requests[i].sent),
                             slice_str(requests[i].wanted), &out);
        assert_text(requests[i].why, buf_peek(&out), requests[i].next);
        buf_release(&out);
    }
}

/* ---- the answer ---- */

/* Events as chat_event_print() says them, held against the grammar. */
struct heard {
    struct buf lines;
    struct chat_grammar grammar;
};

static void hear(void *ctx, const struct chat_event *ev)
{
    struct heard *h = ctx;
    const char *wrong = chat_grammar_check(&h->grammar, ev);

    if (wrong)
        fail_msg("%s, behind\n%.*s", wrong, SLICE_ARG(buf_peek(&h->lines)));
    chat_event_print(&h->lines, ev);
}

/* One round: payloads of a stream, one a line, or a body behind a "=". */
static void play(const struct codec *up, unsigned round, struct slice answer,
                 const struct chat_sink *sink)
{
    struct codec_decode_options o = {
        .id = SLICE("x"), .upstream_model = SLICE("m"), .round = round, .resumable = true};
    void *decoder = calloc(1, up->decoder_size);

    up->decoder_init(decoder, &o);
    if (slice_starts(answer, SLICE("=")))
        up->decode_whole(decoder, slice_after(answer, 1), sink);
    while (answer.len && answer.ptr[0] != '=')
        up->decode(decoder, SLICE(""), slice_cut(answer, '\n', &answer), sink);
    up->decode_end(decoder, sink);
    up->decoder_release(decoder);
    free(decoder);
}

/* All of `rounds`, as long as there is a pause between them; what went upstream into `sent`. */
static unsigned play_all(enum dialect upstream, const char *const *rounds, size_t count,
                         struct buf *sent, struct heard *h)
{
    struct resume r = {0};
    struct chat_sink sink = {resume_take, &r};
    unsigned round = 0;

    resume_init(&r, upstream, (struct chat_sink){hear, h});
    play(codec_find(upstream), round, slice_str(rounds[0]), &sink);
    while (r.paused) {
        struct buf next = {0};
        size_t at = ++round < count && rounds[round] ? round : count - 1;

        resume_next(&r, buf_peek(sent), &next);
        buf_release(sent);
        *sent = next;
        play(codec_find(upstream), round, slice_str(rounds[at]), &sink);
    }
    resume_release(&r);
    return round;
}

#define ROUNDS 3

static const struct {
    const char *why;
    enum dialect upstream;
    const char *rounds[ROUNDS];
    const char *sent; // for the last of them; before the first it is {"messages":[]}
    const char *events;
} answers[] = {
#include "chat/resume_test_answers.def"
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct heard h = {0};
        struct buf sent = {0};

        buf_append_str(&sent, "{\"messages\":[]}");
        play_all(answers[i].upstream, answers[i].rounds, ROUNDS, &sent, &h);
        assert_text(answers[i].why, buf_peek(&h.lines), answers[i].events);
        assert_text(answers[i].why, buf_peek(&sent), answers[i].sent);
        assert_true(h.grammar.ended);
        buf_release(&h.lines);
        buf_release(&sent);
    }
}

/* A Gemini that pauses once more, with a token of its own. */
#define CUT(token)                                                                    \
    "={\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":" \
    "\"CONTINUATION\",\"continuationToken\":\"" token "\"}],\"usageMetadata\":"       \
    "{\"candidatesTokenCount\":3}}"

#define PAUSE                                                                            \
    "={\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":\"pause_turn\"," \
    "\"usage\":{\"output_tokens\":3}}"

/* What never stops to pause is asked so often, and the client then hears of the pause. */
static void test_limits(void **state)
{
    static const struct {
        enum dialect upstream;
        const char *answers[18];
        size_t count;
        unsigned rounds; // beyond the first
    } limits[] = {
        {DIALECT_ANTHROPIC, {PAUSE},                                                                 1, 10},
        {DIALECT_GEMINI,
         {CUT("a"), CUT("b"), CUT("c"), CUT("d"), CUT("e"), CUT("f"), CUT("g"), CUT("h"), CUT("i"),
          CUT("j"), CUT("k"), CUT("l"), CUT("m"), CUT("n"), CUT("o"), CUT("p"), CUT("q"), CUT("r")},
         18,                                                                                            16},
        {DIALECT_GEMINI,    {CUT("a"), CUT("b"), CUT("b")},                                          3, 2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct heard h = {0};
        struct buf sent = {0};
        char usage[64];

        buf_append_str(&sent, "{\"messages\":[]}");
        assert_int_equal(
            play_all(limits[i].upstream, limits[i].answers, limits[i].count, &sent, &h),
            limits[i].rounds);
        buf_append_byte(&h.lines, '\0');
        snprintf(usage, sizeof(usage), "output_tokens=%u", 3 * (limits[i].rounds + 1));
        assert_non_null(strstr(buf_peek(&h.lines).ptr, usage));
        assert_non_null(strstr(buf_peek(&h.lines).ptr, "FINISH pause"));
        buf_release(&h.lines);
        buf_release(&sent);
    }
}

/* An answer that is too large to go back as it came does not go back. */
static void test_too_large(void **state)
{
    struct heard h = {0};
    struct buf body = {0}, sent = {0};
    const char *whole[1];

    (void)state;
    buf_append_str(&body, "={\"content\":[{\"type\":\"text\",\"text\":\"");
    for (size_t i = 0; i < (size_t)17 << 20; i++)
        buf_append_byte(&body, 'x');
    buf_append_str(&body, "\"}],\"stop_reason\":\"pause_turn\"}");
    buf_append_byte(&body, '\0');
    whole[0] = buf_peek(&body).ptr;
    assert_int_equal(play_all(DIALECT_ANTHROPIC, whole, 1, &sent, &h), 0);
    assert_true(slice_ends(buf_peek(&h.lines), SLICE("FINISH pause\nEND\n")));
    buf_release(&h.lines);
    buf_release(&body);
    buf_release(&sent);
}

static const struct {
    enum dialect upstream;
    enum chat_tool_kind kind;
    bool withheld, possible;
} tools[] = {
    {DIALECT_ANTHROPIC,        TOOL_FUNCTION,       false, false},
    {DIALECT_ANTHROPIC,        TOOL_CUSTOM,         false, false},
    {DIALECT_ANTHROPIC,        TOOL_WEB_SEARCH,     false, true },
    {DIALECT_ANTHROPIC,        TOOL_WEB_SEARCH,     true,  false},
    {DIALECT_ANTHROPIC,        TOOL_CODE_EXECUTION, false, true },
    {DIALECT_GEMINI,           TOOL_FUNCTION,       false, true },
    {DIALECT_OPENAI_CHAT,      TOOL_WEB_SEARCH,     false, false},
    {DIALECT_OPENAI_RESPONSES, TOOL_WEB_SEARCH,     false, false},
};

static void test_who_may_pause(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        struct chat_request request;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&request, &a, DIALECT_OPENAI_CHAT);
        chat_tool_new(&request, tools[i].kind)->withheld = tools[i].withheld;
        assert_int_equal(resume_is_possible(tools[i].upstream, &request), tools[i].possible);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),      cmocka_unit_test(test_answers),
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_who_may_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
