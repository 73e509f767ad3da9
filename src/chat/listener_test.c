/* listener_test.c - what is heard in answers of every dialect and of those who copy them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/listener.h"
#include "chat/peek.h"
#include "json/scan.h"

#define C DIALECT_OPENAI_CHAT
#define R DIALECT_OPENAI_RESPONSES
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI

/* "upstream input=9 output=4 finished terminal failed": what is nothing is left out. */
static void describe(const struct listener *l, struct buf *out)
{
    buf_clear(out);
    buf_append_str(out, usage_source_name(l->source));
    for (int i = 0; i < USAGE_KIND_COUNT; i++)
        if (l->usage.tokens[i])
            buf_printf(out, " %s=%lld", usage_kind_name((enum usage_kind)i),
                       (long long)l->usage.tokens[i]);
    if (l->finished)
        buf_append_str(out, " finished");
    if (l->terminal)
        buf_append_str(out, " terminal");
    if (l->failed)
        buf_append_str(out, " failed");
    buf_append_byte(out, '\0');
}

#define COUNTED "upstream input_tokens="
#define DELTA                                                                                      \
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},"                   \
    "\"finish_reason\":null}]}\n"
#define LAST "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n"

/* Payloads are separated by line feeds; a payload may begin with its event's name and a '|'. */
static const struct {
    const char *why;
    enum dialect dialect;
    enum operation operation;
    enum framing framing;
    const char *payloads, *heard;
} cases[] = {
    {"Chat with include_usage", C, OP_GENERATE, FRAMING_SSE,
     DELTA LAST "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n[DONE]",
     COUNTED "9 output_tokens=4 finished terminal"},
    {"no usage at all", C, OP_GENERATE, FRAMING_SSE, DELTA LAST "[DONE]",
     "none finished terminal"},
    {"details are taken out of the whole", C, OP_GENERATE, FRAMING_BODY,
     "{\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":100,"
     "\"completion_tokens\":50,\"prompt_tokens_details\":{\"cached_tokens\":10,"
     "\"cache_write_tokens\":20,\"audio_tokens\":3,\"image_tokens\":4},"
     "\"completion_tokens_details\":{\"reasoning_tokens\":7,\"audio_tokens\":5}}}",
     COUNTED "63 cache_read_tokens=10 cache_write_30m_tokens=20 audio_in_tokens=3 "
             "image_in_tokens=4 output_tokens=45 reasoning_tokens=7 audio_out_tokens=5 finished "
             "terminal"},
    {"more cached than there was", C, OP_GENERATE, FRAMING_BODY,
     "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"prompt_tokens_details\":"
     "{\"cached_tokens\":9},\"completion_tokens_details\":{\"reasoning_tokens\":3}}}",
     "upstream cache_read_tokens=5 output_tokens=2 reasoning_tokens=2 terminal"},
    {"DeepSeek", C, OP_GENERATE, FRAMING_BODY,
     "\n\n{\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":2,\"prompt_cache_hit_tokens\":20,"
     "\"prompt_cache_miss_tokens\":10}}",
     COUNTED "10 cache_read_tokens=20 output_tokens=2 terminal"},
    {"Moonshot", C, OP_GENERATE, FRAMING_BODY,
     "{\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":2,\"cached_tokens\":20}}",
     COUNTED "10 cache_read_tokens=20 output_tokens=2 terminal"},
    {"DashScope", C, OP_GENERATE, FRAMING_BODY,
     "{\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":2,\"prompt_tokens_details\":"
     "{\"cache_creation_input_tokens\":8,\"cached_tokens\":2}}}",
     COUNTED "20 cache_read_tokens=2 cache_write_5m_tokens=8 output_tokens=2 terminal"},
    {"xAI's reasoning stands beside", C, OP_GENERATE, FRAMING_BODY,
     "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":112,"
     "\"completion_tokens_details\":{\"reasoning_tokens\":100}}}",
     COUNTED "10 output_tokens=102 reasoning_tokens=100 terminal"},
    {"Perplexity", C, OP_GENERATE, FRAMING_BODY,
     "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"num_search_queries\":3}}",
     COUNTED "1 output_tokens=2 server_tool_uses=3 terminal"},
    {"Groq", C, OP_GENERATE, FRAMING_SSE,
     DELTA "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"r\","
           "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}}\n[DONE]",
     COUNTED "3 output_tokens=2 finished terminal"},
    {"running totals, cut", C, OP_GENERATE, FRAMING_SSE,
     "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":3,"
     "\"completion_tokens\":1}}\n{\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":"
     "{\"prompt_tokens\":3,\"completion_tokens\":2}}",
     "partial input_tokens=3 output_tokens=2"},
    {"usage with the finish", C, OP_GENERATE, FRAMING_SSE,
     "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":3,"
     "\"completion_tokens\":1}}",
     COUNTED "3 output_tokens=1 finished"},
    {"an empty reason is none", C, OP_GENERATE, FRAMING_SSE,
     "{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"\"}]}", "none"},
    {"an error inside", C, OP_GENERATE, FRAMING_SSE,
     DELTA "{\"error\":{\"message\":\"x\"},\"choices\":[{\"finish_reason\":\"error\"}]}",
     "none finished failed"},
    {"an error in a body", C, OP_GENERATE, FRAMING_BODY, "{\"error\":{\"message\":\"x\"}}",
     "none terminal failed"},
    {"the older vLLM's error", C, OP_GENERATE, FRAMING_SSE,
     "{\"object\":\"error\",\"message\":\"x\"}", "none failed"},
    {"an error that is none", C, OP_GENERATE, FRAMING_BODY,
     "{\"error\":null,\"choices\":[{\"finish_reason\":\"stop\"}]}", "none finished terminal"},
    {"text that looks like figures", C, OP_GENERATE, FRAMING_BODY,
     "{\"choices\":[{\"message\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":9}\"}}]}",
     "none terminal"},
    {"hostile figures", C, OP_GENERATE, FRAMING_BODY,
     "{\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":1e300,\"prompt_tokens_details\":"
     "{\"cached_tokens\":\"12\"},\"completion_tokens_details\":{\"reasoning_tokens\":12.75}}}",
     "upstream output_tokens=9007199254740992 reasoning_tokens=12 terminal"},
    {"figures of other kinds", C, OP_GENERATE, FRAMING_BODY,
     "{\"usage\":{\"prompt_tokens\":[1],\"completion_tokens\":\"7\",\"prompt_tokens_details\":4}}",
     "upstream output_tokens=7 terminal"},
    {"no figures", C, OP_GENERATE, FRAMING_BODY, "{\"usage\":{\"seconds\":3}}", "none terminal"},

    {"Responses", R, OP_GENERATE, FRAMING_SSE,
     "response.created|{\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\","
     "\"usage\":null,\"error\":null}}\nresponse.completed|{\"type\":\"response.completed\","
     "\"response\":{\"status\":\"completed\",\"error\":null,\"usage\":{\"input_tokens\":100,"
     "\"input_tokens_details\":{\"cached_tokens\":10,\"cache_write_tokens\":30,"
     "\"cache_write_tokens_details\":{\"ttl_30m_tokens\":20,\"ttl_12h_tokens\":10}},"
     "\"output_tokens\":5},\"tool_usage\":{\"web_search\":{\"num_requests\":2}}}}",
     COUNTED "60 cache_read_tokens=10 cache_write_30m_tokens=20 cache_write_12h_tokens=10 "
             "output_tokens=5 server_tool_uses=2 finished terminal"},
    {"incomplete", R, OP_GENERATE, FRAMING_SSE,
     "{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"usage\":"
     "{\"input_tokens\":1,\"output_tokens\":5}}}",
     COUNTED "1 output_tokens=5 finished terminal"},
    {"failed", R, OP_GENERATE, FRAMING_SSE,
     "{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
     "\"server_error\",\"message\":\"x\"}}}",
     "none terminal failed"},
    {"error, flat", R, OP_GENERATE, FRAMING_SSE,
     "{\"type\":\"error\",\"code\":null,\"message\":\"x\",\"param\":null}",
     "none terminal failed"},
    {"error, nested and known by its event", R, OP_GENERATE, FRAMING_SSE,
     "error|{\"error\":{\"message\":\"x\"}}", "none terminal failed"},
    {"a failed body", R, OP_GENERATE, FRAMING_BODY,
     "{\"status\":\"failed\",\"error\":{\"code\":\"x\"},\"output\":[]}", "none terminal failed"},
    {"in the background", R, OP_GENERATE, FRAMING_BODY,
     "{\"status\":\"queued\",\"error\":null,\"usage\":null}", "none terminal"},

    {"Messages: the end replaces what it repeats", A, OP_GENERATE, FRAMING_SSE,
     "message_start|{\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":"
     "{\"input_tokens\":9,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":4,"
     "\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10},"
     "\"output_tokens\":1}}}\nmessage_delta|{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
     "\"end_turn\"},\"usage\":{\"output_tokens\":50,\"cache_creation_input_tokens\":31,"
     "\"output_tokens_details\":{\"thinking_tokens\":8},\"server_tool_use\":"
     "{\"web_search_requests\":2,\"web_fetch_requests\":1}}}\n"
     "message_stop|{\"type\":\"message_stop\"}",
     COUNTED "9 cache_read_tokens=4 cache_write_5m_tokens=21 cache_write_1h_tokens=10 "
             "output_tokens=50 reasoning_tokens=8 server_tool_uses=3 finished terminal"},
    {"cut after its start", A, OP_GENERATE, FRAMING_SSE,
     "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,"
     "\"cache_creation_input_tokens\":null,\"output_tokens\":1}}}",
     "partial input_tokens=9 output_tokens=1"},
    {"an error instead of an end", A, OP_GENERATE, FRAMING_SSE,
     "error|{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}",
     "none terminal failed"},
    {"a body", A, OP_GENERATE, FRAMING_BODY,
     "{\"type\":\"message\",\"model\":\"m\",\"stop_reason\":\"tool_use\",\"content\":[{\"type\":"
     "\"tool_use\",\"input\":{\"usage\":{\"input_tokens\":3}}}],\"usage\":{\"input_tokens\":2,"
     "\"output_tokens\":3,\"cache_read_input_tokens\":7,\"cache_creation\":"
     "{\"ephemeral_5m_input_tokens\":6}}}",
     COUNTED "2 cache_read_tokens=7 cache_write_5m_tokens=6 output_tokens=3 finished terminal"},
    {"iterations are summed", A, OP_GENERATE, FRAMING_BODY,
     "{\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":2,\"output_tokens\":3,"
     "\"iterations\":[{\"type\":\"compaction\",\"input_tokens\":100,\"output_tokens\":30},"
     "{\"type\":\"message\",\"input_tokens\":2,\"output_tokens\":3},{\"type\":\"advisor_message\","
     "\"input_tokens\":1000,\"output_tokens\":1000}]}}",
     COUNTED "102 output_tokens=33 finished terminal"},
    {"unless there was a fallback", A, OP_GENERATE, FRAMING_BODY,
     "{\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":2,\"output_tokens\":3,"
     "\"iterations\":[{\"type\":\"message\",\"input_tokens\":100},{\"type\":\"fallback_message\"}]}}",
     COUNTED "2 output_tokens=3 finished terminal"},
    {"a body that is an error", A, OP_GENERATE, FRAMING_BODY,
     "{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}", "none terminal failed"},

    {"Gemini: the last figures count", G, OP_GENERATE, FRAMING_SSE,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":"
     "{\"promptTokenCount\":9,\"totalTokenCount\":9}}\n{\"candidates\":[{\"finishReason\":\"STOP\"}]"
     ",\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":4,"
     "\"cachedContentTokenCount\":2,\"thoughtsTokenCount\":5,\"toolUsePromptTokenCount\":3}}",
     COUNTED "10 cache_read_tokens=2 output_tokens=9 reasoning_tokens=5 finished"},
    {"by modality", G, OP_GENERATE, FRAMING_BODY,
     "{\"usageMetadata\":{\"promptTokenCount\":100,\"cachedContentTokenCount\":20,"
     "\"candidatesTokenCount\":30,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":40}"
     ",{\"modality\":\"AUDIO\",\"tokenCount\":50},{\"modality\":\"IMAGE\",\"tokenCount\":10}],"
     "\"cacheTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":20}],"
     "\"candidatesTokensDetails\":[{\"tokenCount\":25,\"modality\":\"IMAGE\"}]}}",
     COUNTED "40 cache_read_tokens=20 audio_in_tokens=30 image_in_tokens=10 output_tokens=5 "
             "image_out_tokens=25 terminal"},
    {"cut", G, OP_GENERATE, FRAMING_ARRAY,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":"
     "{\"promptTokenCount\":9}}",
     "partial input_tokens=9"},
    {"a call's arguments are no reason", G, OP_GENERATE, FRAMING_SSE,
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"args\":{\"finishReason\":"
     "\"STOP\"}}}]}}]}",
     "none"},
    {"a blocked prompt", G, OP_GENERATE, FRAMING_SSE,
     "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":4}}",
     COUNTED "4 finished"},
    {"an error among the elements", G, OP_GENERATE, FRAMING_ARRAY,
     "{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}", "none failed"},

    {"embeddings", DIALECT_OPENAI, OP_EMBED, FRAMING_BODY,
     "{\"object\":\"list\",\"data\":[],\"model\":\"e\",\"usage\":{\"prompt_tokens\":8,"
     "\"total_tokens\":8}}",
     COUNTED "8 finished terminal"},
    {"Gemini's", G, OP_EMBED, FRAMING_BODY,
     "{\"embedding\":{\"values\":[1]},\"usageMetadata\":{\"promptTokenCount\":3}}",
     COUNTED "3 finished terminal"},
    {"Gemini's without figures", G, OP_EMBED, FRAMING_BODY, "{\"embedding\":{\"values\":[1]}}",
     "none finished terminal"},
    {"a count is not usage", A, OP_COUNT_TOKENS, FRAMING_BODY, "{\"input_tokens\":30}",
     "none finished terminal"},
    {"a failed count", G, OP_COUNT_TOKENS, FRAMING_BODY, "{\"error\":{\"code\":400}}",
     "none terminal failed"},
};

static void hear_all(struct listener *l, struct slice payloads)
{
    while (payloads.len && payloads.ptr[0] == '\n')
        payloads = slice_after(payloads, 1);
    while (payloads.len) {
        struct slice line = slice_cut(payloads, '\n', &payloads), event = {NULL, 0};

        if (line.len && line.ptr[0] != '{' && line.ptr[0] != '[')
            event = slice_cut(line, '|', &line);
        assert_false(listener_hear(l, event, line).is_broken);
    }
}

static void test_cases(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listener l;

        listener_init(&l, cases[i].dialect, cases[i].operation, cases[i].framing);
        hear_all(&l, slice_str(cases[i].payloads));
        describe(&l, &out);
        if (strcmp(buf_peek(&out).ptr, cases[i].heard) != 0)
            print_error("%s\n", cases[i].why);
        assert_string_equal(buf_peek(&out).ptr, cases[i].heard);
    }
    buf_release(&out);
}

/* What one payload says about itself. */
static const struct {
    enum dialect dialect;
    enum framing framing;
    const char *payload, *model;
    bool is_broken, is_error, is_terminal, is_usage_only;
} payloads[] = {
    {C, FRAMING_SSE,   "{\"model\":\"a/b\",\"choices\":[{}]}",                             "\"a/b\"", false, false, false, false},
    {C, FRAMING_SSE,   "{\"model\":null,\"choices\":[],\"usage\":{\"prompt_tokens\":1}}",  "",        false, false, false, true },
    {C, FRAMING_SSE,   "{\"usage\":{\"prompt_tokens\":1}}",                                "",        false, false, false, true },
    {C, FRAMING_SSE,   "{\"choices\":[ ],\"usage\":null}",                                 "",        false, false, false, false},
    {C, FRAMING_SSE,   "{\"choices\":[],\"prompt_filter_results\":[]}",                    "",        false, false, false, false},
    {C, FRAMING_SSE,   "{\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}",               "",        false, false, false, false},
    {C, FRAMING_BODY,  "{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}",                 "",        false, false, true,  false},
    {C, FRAMING_SSE,   "[DONE]",                                                           "",        false, false, true,  false},
    {C, FRAMING_SSE,   " [DONE] ",                                                         "",        false, false, true,  false},
    {C, FRAMING_BODY,  "[DONE]",                                                           "",        true,  false, false, false},
    {C, FRAMING_SSE,   "{\"model\":\"m\"",                                                 "",        true,  false, false, false},
    {C, FRAMING_SSE,   "<html>",                                                           "",        true,  false, false, false},
    {C, FRAMING_SSE,   "",                                                                 "",        true,  false, false, false},
    {C, FRAMING_SSE,   "{\"error\":\"overloaded\"}",                                       "",        false, true,  false, false},
    {C, FRAMING_SSE,   "{\"error\":\"\"}",                                                 "",        false, false, false, false},
    {R, FRAMING_SSE,   "{\"type\":\"response.created\",\"response\":{\"model\":\"m\"}}",   "\"m\"",   false, false, false, false},
    {R, FRAMING_SSE,   "{\"type\":\"response.completed\",\"response\":{\"model\":\"m\"}}", "\"m\"",   false, false, true,  false},
    {R, FRAMING_SSE,   "{\"type\":\"response.output_text.delta\",\"delta\":\"model\"}",    "",        false, false, false, false},
    {R, FRAMING_SSE,   "[DONE]",                                                           "",        false, false, true,  false},
    {R, FRAMING_BODY,  "{\"object\":\"response\",\"model\":\"m\\u00e9\"}",                 "\"m\\u00e9\"", false, false, true, false},
    {A, FRAMING_SSE,   "{\"type\":\"message_start\",\"message\":{\"model\":\"m\"}}",       "\"m\"",   false, false, false, false},
    {A, FRAMING_SSE,   "{\"type\":\"ping\"}",                                              "",        false, false, false, false},
    {A, FRAMING_SSE,   "{\"type\":\"message_stop\"}",                                      "",        false, false, true,  false},
    {A, FRAMING_SSE,   "{\"type\":\"from_the_future\",\"error\":null}",                    "",        false, false, false, false},
    {A, FRAMING_BODY,  "{\"type\":\"message\",\"model\":\"m\"}",                           "\"m\"",   false, false, true,  false},
    {G, FRAMING_ARRAY, "{\"modelVersion\":\"m\"}",                                         "\"m\"",   false, false, false, false},
    {G, FRAMING_ARRAY, "[DONE]",                                                           "",        true,  false, false, false},
};

static void test_payloads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        struct slice payload = slice_str(payloads[i].payload);
        struct listener l;
        struct heard heard;

        listener_init(&l, payloads[i].dialect, OP_GENERATE, payloads[i].framing);
        heard = listener_hear(&l, slice_of(NULL, 0), payload);
        if (heard.is_broken != payloads[i].is_broken || heard.is_error != payloads[i].is_error ||
            heard.is_terminal != payloads[i].is_terminal ||
            heard.is_usage_only != payloads[i].is_usage_only)
            fail_msg("%s", payloads[i].payload);
        assert_true(slice_eq(heard.model, slice_str(payloads[i].model)));
        assert_true(heard.model.len == 0 ||
                    (heard.model.ptr >= payload.ptr &&
                     heard.model.ptr + heard.model.len <= payload.ptr + payload.len));
        assert_int_equal(l.failed, heard.is_error);
        assert_int_equal(l.terminal, heard.is_terminal);
    }
}

/* How much was said, for estimates. */
static const struct {
    enum dialect dialect;
    enum framing framing;
    const char *payload;
    int bytes;
} spoken[] = {
    {C, FRAMING_SSE,  "{\"choices\":[{\"delta\":{\"content\":\"a\\nb\\u00e9\"}}]}",                                6},
    {C, FRAMING_SSE,  "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"{}\"}}]}}]}",      2},
    {C, FRAMING_SSE,  "{\"choices\":[{\"delta\":{\"reasoning_content\":\"abc\",\"content\":null}}]}",              3},
    {C, FRAMING_SSE,  "{\"choices\":[{\"delta\":{},\"logprobs\":{\"content\":[{\"token\":\"abc\"}]}}]}",           0},
    {C, FRAMING_BODY, "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"content\":\"abc\"}]}}]}",     3},
    {R, FRAMING_SSE,  "{\"type\":\"response.output_text.delta\",\"delta\":\"abc\"}",                               3},
    {R, FRAMING_SSE,  "{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{}\"}",                    2},
    {R, FRAMING_SSE,  "{\"type\":\"response.output_audio.delta\",\"delta\":\"AAAA\"}",                             0},
    {R, FRAMING_SSE,  "{\"type\":\"response.output_text.done\",\"text\":\"abc\"}",                                 0},
    {R, FRAMING_BODY, "{\"output\":[{\"content\":[{\"text\":\"abc\"}]},{\"arguments\":\"{}\"}]}",                  5},
    {A, FRAMING_SSE,  "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"abc\"}}",   3},
    {A, FRAMING_SSE,  "{\"type\":\"content_block_delta\",\"delta\":{\"partial_json\":\"{\\\"a\"}}",                3},
    {A, FRAMING_SSE,  "{\"type\":\"content_block_delta\",\"delta\":{\"signature\":\"AAAA\"}}",                     0},
    {A, FRAMING_BODY, "{\"content\":[{\"text\":\"ab\"},{\"type\":\"tool_use\",\"input\":{\"text\":\"x\"}}]}",      14},
    {G, FRAMING_SSE,  "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"abc\",\"thoughtSignature\":\"A\"}]}}]}", 3},
    {G, FRAMING_SSE,  "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"args\":{\"a\":1}}}]}}]}",    7},
    {G, FRAMING_SSE,  "{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"data\":\"AAAA\"}}]}}]}",       0},
};

static void test_spoken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spoken); i++) {
        struct listener l;

        listener_init(&l, spoken[i].dialect, OP_GENERATE, spoken[i].framing);
        listener_hear(&l, slice_of(NULL, 0), slice_str(spoken[i].payload));
        if (l.output_bytes != spoken[i].bytes)
            fail_msg("%lld: %s", (long long)l.output_bytes, spoken[i].payload);
    }
}

static const struct {
    const char *value;
    int64_t count; // -1: none
} counts[] = {
    {"0",                         0                     },
    {"12",                        12                    },
    {"\"12\"",                    12                    },
    {"-12",                       0                     },
    {"-0.5",                      0                     },
    {"12.99",                     12                    },
    {"1.25e2",                    125                   },
    {"1200e-2",                   12                    },
    {"1E+3",                      1000                  },
    {"0.001e6",                   1000                  },
    {"9007199254740991",          9007199254740991      },
    {"9007199254740993",          PEEK_COUNT_MAX        },
    {"99999999999999999999999",   PEEK_COUNT_MAX        },
    {"1e999999999999",            PEEK_COUNT_MAX        },
    {"99999999999999999999e-19",  9                     },
    {"1e-999999999999",           0                     },
    {"null",                      -1                    },
    {"true",                      -1                    },
    {"\"\"",                      -1                    },
    {"\"x\"",                     -1                    },
    {"{}",                        -1                    },
    {"[1]",                       -1                    },
    {"",                          -1                    },
};

static void test_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t count = -1;
        bool is_count = peek_count(slice_str(counts[i].value), &count);

        if (count != counts[i].count || is_count != (count >= 0))
            fail_msg("%s: %lld", counts[i].value, (long long)count);
    }
}

/* Of a body that is not held, field by field, the same is heard as of the whole. */
static void test_fields(void **state)
{
    static const struct {
        enum dialect dialect;
        enum operation operation;
        const char *body, *heard;
    } bodies[] = {
        {C, OP_GENERATE,
         "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4},\"choices\":[{\"finish_reason\":"
         "\"stop\"}],\"model\":\"m\"}",
         COUNTED "9 output_tokens=4 finished"},
        {R, OP_GENERATE,
         "{\"status\":\"completed\",\"error\":null,\"usage\":{\"input_tokens\":9,"
         "\"output_tokens\":4},\"tool_usage\":{\"web_search\":{\"num_requests\":1}}}",
         COUNTED "9 output_tokens=4 server_tool_uses=1 finished"},
        {A, OP_GENERATE, "{\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":9}}",
         COUNTED "9 finished"},
        {G, OP_GENERATE, "{\"usageMetadata\":{\"promptTokenCount\":9}}", COUNTED "9 finished"},
        {G, OP_GENERATE, "{\"error\":{\"code\":500}}", "none failed"},
        {DIALECT_OPENAI, OP_EMBED, "{\"usage\":{\"prompt_tokens\":9}}", COUNTED "9 finished"},
        {A, OP_COUNT_TOKENS, "{\"error\":{}}", "none failed"},
    };
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        size_t count;
        const struct slice *fields =
            listener_fields(bodies[i].dialect, bodies[i].operation, &count);
        struct listener l;

        assert_in_range(count, 1, 8);
        listener_init(&l, bodies[i].dialect, bodies[i].operation, FRAMING_BODY);
        for (size_t k = 0; k < count; k++) {
            struct slice value;

            assert_int_equal(json_get(slice_str(bodies[i].body), fields[k], &value), ERR_NONE);
            if (value.ptr)
                listener_hear_field(&l, k, value);
        }
        describe(&l, &out);
        assert_string_equal(buf_peek(&out).ptr, bodies[i].heard);
    }
    buf_release(&out);
}

static const struct {
    const char *why;
    enum operation operation;
    enum usage_source source;
    int input, output; // what upstream said
    int request_bytes, output_bytes;
    const char *heard;
} estimates[] = {
    {"nothing known",           OP_GENERATE,     USAGE_NONE,     0, 0, 9,  5, "estimated input_tokens=3 output_tokens=2"},
    {"nothing said",            OP_GENERATE,     USAGE_NONE,     0, 0, 8,  0, "estimated input_tokens=2"                },
    {"cut",                     OP_GENERATE,     USAGE_PARTIAL,  7, 1, 99, 5, "partial input_tokens=7 output_tokens=2"  },
    {"cut, upstream says more", OP_GENERATE,     USAGE_PARTIAL,  7, 9, 99, 5, "partial input_tokens=7 output_tokens=9"  },
    {"final",                   OP_GENERATE,     USAGE_UPSTREAM, 7, 1, 99, 9, "upstream input_tokens=7 output_tokens=1" },
    {"embeddings",              OP_EMBED,        USAGE_NONE,     0, 0, 9,  0, "estimated input_tokens=3"                },
    {"counts use nothing",      OP_COUNT_TOKENS, USAGE_NONE,     0, 0, 99, 0, "none"                                    },
};

static void test_estimates(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(estimates); i++) {
        struct listener l;

        listener_init(&l, C, estimates[i].operation, FRAMING_SSE);
        l.source = estimates[i].source;
        l.usage.tokens[USAGE_INPUT] = estimates[i].input;
        l.usage.tokens[USAGE_OUTPUT] = estimates[i].output;
        l.output_bytes = estimates[i].output_bytes;
        listener_estimate(&l, estimates[i].request_bytes);
        describe(&l, &out);
        if (strcmp(buf_peek(&out).ptr, estimates[i].heard) != 0)
            print_error("%s\n", estimates[i].why);
        assert_string_equal(buf_peek(&out).ptr, estimates[i].heard);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),  cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_spoken), cmocka_unit_test(test_counts),
        cmocka_unit_test(test_fields), cmocka_unit_test(test_estimates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
