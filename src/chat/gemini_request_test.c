/* gemini_request_test.c - generateContent requests: read, written, and refused. */
#include "chat/gemini_test_kit.h"

/* What shape does for a target that takes everything. */
static void permit(struct chat_request *r)
{
    r->reasoning.sent_show = r->reasoning.show == CHAT_YES;
    r->reasoning.sent_effort = r->reasoning.effort;
    r->reasoning.sent_budget = r->reasoning.budget;
    if (r->reasoning.effort)
        r->reasoning.sent = THINKING_LEVEL;
    else if (r->reasoning.budget != BUDGET_UNSET)
        r->reasoning.sent = THINKING_BUDGET;
}

static enum err read_text(struct arena *a, struct slice text, struct chat_request *r,
                          struct err_info *e)
{
    chat_request_init(r, a, DIALECT_GEMINI);
    return gemini_read_request(parse(a, text), test_seal(), r, e);
}

static void write_for(struct arena *a, const struct json *request, const struct chat_target *t,
                      struct buf *out)
{
    struct err_info e = {0};
    struct chat_request r;

    if (read_text(a, request->source, &r, &e) != ERR_NONE)
        fail_msg("%s", e.text);
    permit(&r);
    gemini_write_request(&r, t, out);
}

static void check_round(const char *why, struct arena *a, const struct json *request,
                        const struct json *wanted)
{
    const struct chat_target t = {.dialect = DIALECT_GEMINI, .model = SLICE("test-model")};
    struct buf out = {0};

    write_for(a, request, &t, &out);
    assert_same(a, why, buf_peek(&out), wanted);
    buf_release(&out);
}

static void test_fixtures(void **state)
{
    size_t followups = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        const struct json *fixture, *request, *followup;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        request = json_member(fixture, SLICE("request"));
        check_round(fixtures[i], &a, request, request);
        followup = json_member(fixture, SLICE("followup_request"));
        if (followup)
            check_round("followup", &a, followup, followup);
        followups += followup != NULL;
        arena_release(&a);
    }
    assert_int_equal(followups, 1);
}

/* In and out again; `out` NULL: as it came. */
static const struct {
    const char *why, *in, *out;
} rounds[] = {
#include "chat/gemini_request_test.def"
};

static void test_rounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        const char *out = rounds[i].out ? rounds[i].out : rounds[i].in;
        struct arena a;

        arena_init(&a, 0);
        check_round(rounds[i].why, &a, parse(&a, slice_str(rounds[i].in)),
                    parse(&a, slice_str(out)));
        arena_release(&a);
    }
}

#define IN_PART(part) "{\"contents\":[{\"role\":\"model\",\"parts\":[" part "]}]}"
#define IN_USER(part) "{\"contents\":[{\"parts\":[{\"text\":\"x\"}," part "]}]}"
#define BESIDE(field) "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]," field "}"

static const struct {
    const char *in, *error;
} refused[] = {
    {"{}",                                                                                   "contents: required"                                      },
    {"{\"contents\":\"x\"}",                                                                 "contents: expected an array"                             },
    {"{\"contents\":[1]}",                                                                   "contents[0]: expected an object"                         },
    {"{\"contents\":[{\"role\":7}]}",                                                        "contents[0].role: expected a string"                     },
    {"{\"contents\":[{\"role\":\"boss\"}]}",                                                 "contents[0].role: expected \"user\" or \"model\""        },
    {"{\"contents\":[{\"parts\":7}]}",                                                       "contents[0].parts: expected an array"                    },
    {IN_USER("7"),                                                                           "contents[0].parts[1]: expected an object"                },
    {IN_USER("{\"text\":7}"),                                                                "contents[0].parts[1].text: expected a string"            },
    {IN_USER("{\"text\":\"\",\"thoughtSignature\":7}"),
     "contents[0].parts[1].thoughtSignature: expected a string"                                                                                        },
    {"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}]}",
     "contents[0].parts[0].functionCall: calls stand in contents of role \"model\""                                                                    },
    {IN_PART("{\"functionCall\":[]}"),                                                       "contents[0].parts[0].functionCall: expected an object"   },
    {IN_PART("{\"functionCall\":{}}"),                                                       "contents[0].parts[0].functionCall.name: expected a name" },
    {IN_PART("{\"functionCall\":{\"name\":\"f\",\"args\":\"x\"}}"),
     "contents[0].parts[0].functionCall.args: expected an object"                                                                                      },
    {IN_PART("{\"functionResponse\":{\"name\":\"f\"}}"),
     "contents[0].parts[0].functionResponse: results stand in contents of role \"user\""                                                               },
    {IN_USER("{\"functionResponse\":{}}"),
     "contents[0].parts[1].functionResponse.name: expected a name"                                                                                     },
    {IN_USER("{\"functionResponse\":{\"name\":\"f\",\"response\":\"x\"}}"),
     "contents[0].parts[1].functionResponse.response: expected an object"                                                                              },
    {IN_USER("{\"functionResponse\":{\"name\":\"f\",\"parts\":{}}}"),
     "contents[0].parts[1].functionResponse.parts: expected an array"                                                                                  },
    {IN_USER("{\"inlineData\":7}"),                                                          "contents[0].parts[1].inlineData: expected an object"     },
    {IN_USER("{\"inlineData\":{}}"),                                                         "contents[0].parts[1].inlineData: expected data in base64"},
    {IN_USER("{\"inlineData\":{\"data\":\"AAAA\"}}"),
     "contents[0].parts[1].inlineData: expected a mimeType"                                                                                            },
    {IN_USER("{\"fileData\":{}}"),                                                           "contents[0].parts[1].fileData: expected a fileUri"       },
    {BESIDE("\"tools\":7"),                                                                  "tools: expected an array"                                },
    {BESIDE("\"tools\":[7]"),                                                                "tools: expected an object"                               },
    {BESIDE("\"tools\":[{\"functionDeclarations\":{}}]"),
     "tools.functionDeclarations: expected an array"                                                                                                   },
    {BESIDE("\"tools\":[{\"functionDeclarations\":[7]}]"),
     "tools[0].functionDeclarations[0]: expected an object"                                                                                            },
    {BESIDE("\"tools\":[{},{\"functionDeclarations\":[{\"name\":\"f\"},{}]}]"),
     "tools[1].functionDeclarations[1].name: expected a name"                                                                                          },
    {BESIDE("\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":7}]}]"),
     "tools[0].functionDeclarations[0].parameters: expected an object"                                                                                 },
    {BESIDE("\"tools\":[{\"functionDeclarations\":[{\"description\":7}]}]"),
     "tools[0].functionDeclarations[0].description: expected a string"                                                                                 },
    {BESIDE("\"toolConfig\":7"),                                                             "toolConfig: expected an object"                          },
    {BESIDE("\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"SOME\"}}"),
     "toolConfig.functionCallingConfig.mode: expected AUTO, ANY, NONE or VALIDATED"                                                                    },
    {BESIDE("\"toolConfig\":{\"functionCallingConfig\":{\"allowedFunctionNames\":[7]}}"),
     "toolConfig.functionCallingConfig.allowedFunctionNames: expected a string"                                                                        },
    {BESIDE("\"generationConfig\":[]"),                                                      "generationConfig: expected an object"                    },
    {BESIDE("\"generationConfig\":{\"temperature\":\"hot\"}"),
     "generationConfig.temperature: expected a number"                                                                                                 },
    {BESIDE("\"generationConfig\":{\"maxOutputTokens\":1.5}"),
     "generationConfig.maxOutputTokens: expected a whole number"                                                                                       },
    {BESIDE("\"generationConfig\":{\"maxOutputTokens\":-1}"),
     "generationConfig.maxOutputTokens: expected a number from 0"                                                                                      },
    {BESIDE("\"generationConfig\":{\"stopSequences\":\"x\"}"),
     "generationConfig.stopSequences: expected an array"                                                                                               },
    {BESIDE("\"generationConfig\":{\"responseSchema\":7}"),
     "generationConfig.responseSchema: expected an object"                                                                                             },
    {BESIDE("\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":-2}}"),
     "generationConfig.thinkingConfig.thinkingBudget: expected a number of tokens, or -1"                                                              },
    {BESIDE("\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":1}}"),
     "generationConfig.thinkingConfig.includeThoughts: expected a boolean"                                                                             },
    {BESIDE("\"systemInstruction\":7"),                                                      "systemInstruction.parts: expected an object"             },
    {BESIDE("\"systemInstruction\":{\"parts\":[{\"text\":7}]}"),
     "systemInstruction.parts.text: expected a string"                                                                                                 },
    {BESIDE("\"serviceTier\":7"),                                                            "serviceTier: expected a string"                          },
    {BESIDE("\"labels\":7"),                                                                 "labels: expected an object"                              },
    {BESIDE("\"cachedContent\":\"cachedContents/1\""),
     "cachedContent: what is kept at Google cannot be used with this model"                                                                            },
    {BESIDE("\"continuation_token\":\"t\""),
     "continuationToken: what is kept at Google cannot be used with this model"                                                                        },
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(read_text(&a, slice_str(refused[i].in), &r, &e), ERR_BAD_REQUEST);
        assert_string_equal(e.text, refused[i].error);
        arena_release(&a);
    }
}

/* Whose the secret of the only reasoning is, its text, and what follows it. */
static void check_secret(const char *json, enum chat_vendor vendor, const char *secret,
                         const char *text, enum chat_item_kind next)
{
    const struct chat_item *reasoning = NULL;
    struct err_info e = {0};
    struct chat_request r;
    struct arena a;

    arena_init(&a, 0);
    assert_int_equal(read_text(&a, slice_str(json), &r, &e), ERR_NONE);
    list_for_each(at, &list_entry(r.turns.next, struct chat_turn, link)->items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);
        if (item->kind != CHAT_REASONING)
            continue;
        assert_null(reasoning);
        reasoning = item;
    }
    assert_non_null(reasoning);
    assert_int_equal(reasoning->reasoning.vendor, vendor);
    assert_true(slice_eq(reasoning->reasoning.secret, slice_str(secret)));
    assert_true(text_eq(reasoning->reasoning.text, slice_str(text)));
    assert_int_equal(list_entry(reasoning->link.next, struct chat_item, link)->kind, next);
    arena_release(&a);
}

#define CALL          "{\"functionCall\":{\"name\":\"f\"},\"thoughtSignature\":\"%s\"}"
#define TEXT          "{\"text\":\"answer\"}"
#define THOUGHT(text) "{\"text\":\"" text "\",\"thought\":true}"

/* A secret of another vendor finds its reasoning again, wherever the encoder put it. */
static void test_envelopes(void **state)
{
    static const struct {
        const char *why, *parts, *text;
        enum chat_item_kind next;
    } cases[] = {
        {"on a call",          THOUGHT("ab") "," CALL,                                        "ab", CHAT_CALL},
        {"chunks",             THOUGHT("a") "," THOUGHT("b") "," CALL,                        "ab", CHAT_CALL},
        {"text between",       THOUGHT("ab") "," TEXT "," CALL,                               "ab", CHAT_TEXT},
        {"on a text",          THOUGHT("ab") ",{\"thoughtSignature\":\"%s\",\"text\":\"x\"}", "ab",
         CHAT_TEXT                                                                                           },
        {"behind a text",      THOUGHT("ab") "," TEXT ",{\"thoughtSignature\":\"%s\"}",       "ab", CHAT_TEXT},
        {"only the text",      TEXT "," TEXT "," CALL,                                        "",   CHAT_TEXT},
        {"nothing to be seen", CALL,                                                          "",   CHAT_CALL},
    };
    const struct chat_reasoning secret = {.vendor = VENDOR_ANTHROPIC, .secret = SLICE("c2ln/+")};
    struct buf envelope = {0};

    (void)state;
    envelope_write_base64(test_seal(), &secret, &envelope);
    buf_append_byte(&envelope, '\0');
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf parts = {0}, body = {0};
        struct slice rest, head = slice_str(cases[i].parts);
        size_t mark = slice_find(head, '%');

        rest = slice_after(head, mark + 2);
        buf_printf(&parts, "%.*s%s%.*s", (int)mark, head.ptr, buf_peek(&envelope).ptr,
                   SLICE_ARG(rest));
        buf_printf(&body, "{\"contents\":[{\"role\":\"model\",\"parts\":[%.*s]}]}",
                   SLICE_ARG(buf_peek(&parts)));
        buf_append_byte(&body, '\0');
        check_secret(buf_peek(&body).ptr, VENDOR_ANTHROPIC, "c2ln/+", cases[i].text, cases[i].next);
        buf_release(&parts);
        buf_release(&body);
    }
    buf_release(&envelope);
}

/* Google's own stay where they were; the sentinel and what was tampered with are nothing. */
static void test_signatures(void **state)
{
    struct err_info e = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    check_secret(IN_PART(THOUGHT("ab") ",{\"functionCall\":{\"name\":\"f\"},"
                                       "\"thought_signature\":\"c2ln\"}"),
                 VENDOR_GEMINI, "c2ln", "ab", CHAT_CALL);
    check_secret(IN_PART("{\"text\":\"ab\",\"thought\":true,\"thoughtSignature\":\"c2ln\"}," TEXT),
                 VENDOR_GEMINI, "c2ln", "ab", CHAT_TEXT);
    arena_init(&a, 0);
    assert_int_equal(
        read_text(&a,
                  SLICE(IN_PART("{\"functionCall\":{\"name\":\"f\"},\"thoughtSignature\":"
                                "\"" GEMINI_SENTINEL "\"},{\"functionCall\":{\"name\":\"g\"},"
                                "\"thoughtSignature\":\"cHhzMS5mb3JnZWQ=\"}")),
                  &r, &e),
        ERR_NONE);
    list_for_each(at, &list_entry(r.turns.next, struct chat_turn, link)->items)
        assert_int_equal(list_entry(at, struct chat_item, link)->kind, CHAT_CALL);
    arena_release(&a);
}

/* What the vocabulary knows of a request, beyond what goes round. */
static void test_meaning(void **state)
{
    const struct chat_tool *tool;
    struct err_info e = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(
        read_text(&a,
                  SLICE(BESIDE("\"tools\":[{\"google_search\":{\"exclude_domains\":[\"x.org\"]},"
                               "\"googleMaps\":{}}],\"unheardOf\":1,"
                               "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":\"0\"}"
                               ",\"topK\":64,\"wild\":2},\"labels\":{\"a\":\"b\"}")),
                  &r, &e),
        ERR_NONE);
    tool = list_entry(r.tools.next, struct chat_tool, link);
    assert_int_equal(tool->kind, TOOL_WEB_SEARCH);
    assert_true(
        slice_eq(tool->raw, SLICE("{\"google_search\":{\"exclude_domains\":[\"x.org\"]}}")));
    assert_true(slice_eq(tool->search.blocked_domains, SLICE("[\"x.org\"]")));
    tool = list_entry(r.tools.prev, struct chat_tool, link);
    assert_int_equal(tool->kind, TOOL_SERVER);
    assert_true(slice_eq(tool->type, SLICE("googleMaps")));
    assert_true(r.reasoning.off);
    assert_int_equal(r.reasoning.budget, 0);
    assert_true(slice_eq(r.top_k, SLICE("64")));
    assert_true(slice_eq(r.metadata, SLICE("{\"a\":\"b\"}")));
    assert_true(
        slice_eq(list_entry(r.notes.next, struct chat_note, link)->field, SLICE("unheardOf")));
    assert_true(slice_eq(list_entry(r.notes.prev, struct chat_note, link)->field,
                         SLICE("generationConfig.wild")));
    arena_release(&a);
}

/* What a tool said, in the forms that clients have for it. */
static void test_results(void **state)
{
    static const struct {
        const char *response, *text;
        bool is_error, kept;
    } cases[] = {
        {"{\"output\":\"x\"}",                     "x",                                      false, false},
        {"{\"error\":\"x\"}",                      "x",                                      true,  false},
        {"{\"name\":\"f\",\"content\":\"x\"}",     "x",                                      false, true },
        {"{\"name\":\"f\",\"content\":[1]}",       "[1]",                                    false, true },
        {"{\"name\":\"f\",\"error\":\"x\"}",       "x",                                      true,  true },
        {"{\"name\":\"Eve\",\"content\":\"x\"}",   "{\"name\":\"Eve\",\"content\":\"x\"}",   false,
         true                                                                                            },
        {"{\"content\":\"x\"}",                    "{\"content\":\"x\"}",                    false, true },
        {"{\"name\":\"f\",\"content\":1,\"a\":2}", "{\"name\":\"f\",\"content\":1,\"a\":2}", false,
         true                                                                                            },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct chat_result *result;
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(
            read_text(&a,
                      arena_printf(&a,
                                   "{\"contents\":[{\"role\":\"user\",\"parts\":[{"
                                   "\"functionResponse\":{\"name\":\"f\",\"response\":%s}}]}]}",
                                   cases[i].response),
                      &r, &e),
            ERR_NONE);
        result = &list_entry(list_entry(r.turns.next, struct chat_turn, link)->items.next,
                             struct chat_item, link)
                      ->result;
        assert_true(text_eq(list_entry(result->items.next, struct chat_item, link)->text,
                            slice_str(cases[i].text)));
        assert_int_equal(result->is_error, cases[i].is_error);
        assert_int_equal(result->object.len > 0, cases[i].kept);
        arena_release(&a);
    }
}

/* Of Vertex, and of requests that are only counted. */
static void test_targets(void **state)
{
    static const struct {
        const char *why;
        enum chat_host host;
        bool counting;
        const char *out;
    } cases[] = {
        {"vertex",               HOST_VERTEX, false,
         "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\","
         "\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\","
         "\"response\":{\"output\":\"x\"}}}]}]}"},
        {"counted by AI Studio", HOST_VENDOR, true,
         "{\"generateContentRequest\":{\"model\":\"models/m\",\"contents\":[{\"role\":\"model\","
         "\"parts\":[{\"functionCall\":{\"id\":\"1\",\"name\":\"f\",\"args\":{}}}]},{\"role\":"
         "\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"1\",\"name\":\"f\",\"response\":"
         "{\"output\":\"x\"}}}]}]}}"            },
        {"counted by Vertex",    HOST_VERTEX, true,
         "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\","
         "\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\","
         "\"response\":{\"output\":\"x\"}}}]}]}"},
    };
    static const char in[] =
        "{\"generate_content_request\":{\"model\":\"models/other\",\"contents\":[{\"parts\":"
        "[{\"functionCall\":{\"id\":\"1\",\"name\":\"f\"}}]},{\"role\":\"function\",\"parts\":"
        "[{\"functionResponse\":{\"id\":\"1\",\"name\":\"f\",\"response\":{\"output\":\"x\"}}}]}],"
        "\"serviceTier\":\"flex\"}}";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_target t = {.dialect = DIALECT_GEMINI,
                                .host = cases[i].host,
                                .model = SLICE("m"),
                                .counting = cases[i].counting};
        struct buf out = {0};
        struct arena a;

        arena_init(&a, 0);
        write_for(&a, parse(&a, slice_str(in)), &t, &out);
        assert_same(&a, cases[i].why, buf_peek(&out), parse(&a, slice_str(cases[i].out)));
        buf_release(&out);
        arena_release(&a);
    }
}

/* Written as other dialects' readers and shape leave them. */
static void test_foreign(void **state)
{
    static struct slice names[] = {SLICE_INIT("a b")};
    const struct chat_target t = {.dialect = DIALECT_GEMINI};
    struct chat_item *item;
    struct chat_turn *turn;
    struct chat_tool *tool;
    struct chat_request r;
    struct buf out = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_ANTHROPIC);
    turn = chat_turn_new(&r, CHAT_ASSISTANT);
    item = chat_item_new(&a, &turn->items, CHAT_REASONING);
    item->reasoning = (struct chat_reasoning){.secret = SLICE("c2ln"), .vendor = VENDOR_GEMINI};
    chat_item_text(&a, &turn->items, text_plain(SLICE("so")));
    item = chat_item_new(&a, &turn->items, CHAT_CALL);
    item->call = (struct chat_call){
        SLICE("1"), SLICE("a_b"), {SLICE("{\\\"x\\\": 1\n}"), true},
          false, {0                        }
    };
    item = chat_item_new(&a, &turn->items, CHAT_CALL);
    item->call = (struct chat_call){
        SLICE("2"), SLICE("a_b"), {SLICE("{oops"), false},
          false, {0             }
    };
    turn = chat_turn_new(&r, CHAT_USER);
    item = chat_item_new(&a, &turn->items, CHAT_RESULT);
    item->result.call_id = SLICE("1");
    item->result.name = SLICE("a_b");
    chat_item_text(&a, &item->result.items, text_plain(SLICE("{\"y\":2}")));
    item = chat_item_new(&a, &turn->items, CHAT_RESULT);
    item->result.call_id = SLICE("2");
    item->result.name = SLICE("a_b");
    chat_item_text(&a, &item->result.items, text_plain(SLICE("{\"$ref\":2}")));
    turn = chat_turn_new(&r, CHAT_ASSISTANT); // nothing is left of it
    item = chat_item_new(&a, &turn->items, CHAT_REASONING);
    item->reasoning.text = text_plain(SLICE("hm"));
    tool = chat_tool_new(&r, TOOL_FUNCTION);
    tool->name = names[0];
    tool->sent_name = SLICE("a_b");
    tool->schema = SLICE("{\"type\":\"object\"}");
    tool->strict = CHAT_YES;
    tool = chat_tool_new(&r, TOOL_WEB_SEARCH);
    r.choice = CHOICE_ONE;
    r.choice_names = names;
    r.choice_count = 1;
    gemini_write_request(&r, &t, &out);
    assert_same(
        &a, "foreign", buf_peek(&out),
        parse(
            &a,
            SLICE("{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"so\"},"
                  "{\"functionCall\":{\"id\":\"1\",\"name\":\"a_b\",\"args\":{\"x\":1}},"
                  "\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"id\":\"2\",\"name\":"
                  "\"a_b\",\"args\":{\"_raw\":\"{oops\"}}}]},{\"role\":\"user\",\"parts\":"
                  "[{\"functionResponse\":{\"id\":\"1\",\"name\":\"a_b\",\"response\":{\"y\":2}}},"
                  "{\"functionResponse\":{\"id\":\"2\",\"name\":\"a_b\",\"response\":{\"output\":"
                  "\"{\\\"$ref\\\":2}\"}}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":"
                  "\"a_b\",\"description\":\"\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}"
                  ",{\"googleSearch\":{}}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":"
                  "\"ANY\",\"allowedFunctionNames\":[\"a_b\"]},"
                  "\"includeServerSideToolInvocations\":true}}")));
    assert_int_equal(slice_find(buf_peek(&out), '\n'), SIZE_MAX);
    buf_release(&out);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),   cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_signatures), cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_targets),    cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
