/* journal_record_test.c - usage records as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "store/journal_record.h"
#include "store/ledger_testing.h"

/* The checksum of record_number(9) without price and tier, as the first version encoded it. */
#define RECORD_9_OF_BEFORE 0x827bd2f7d9767bfdULL

static void assert_slice(struct slice got, struct slice want)
{
    assert_int_equal(got.len, want.len);
    if (want.len)
        assert_memory_equal(got.ptr, want.ptr, want.len);
}

static void assert_same(const struct usage_record *a, const struct usage_record *b)
{
    assert_string_equal(a->id, b->id);
    assert_int_equal(a->started_unix_ms, b->started_unix_ms);
    assert_int_equal(a->user_id, b->user_id);
    assert_int_equal(a->key_id, b->key_id);
    assert_int_equal(a->provider_id, b->provider_id);
    assert_int_equal(a->credential_id, b->credential_id);
    assert_int_equal(a->operation, b->operation);
    assert_int_equal(a->dialect, b->dialect);
    assert_int_equal(a->upstream_dialect, b->upstream_dialect);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->http_status, b->http_status);
    assert_int_equal(a->upstream_status, b->upstream_status);
    assert_int_equal(a->stream, b->stream);
    assert_int_equal(a->attempts, b->attempts);
    assert_int_equal(a->err, b->err);
    assert_int_equal(a->connect_ms, b->connect_ms);
    assert_int_equal(a->first_byte_ms, b->first_byte_ms);
    assert_int_equal(a->total_ms, b->total_ms);
    assert_int_equal(a->request_bytes, b->request_bytes);
    assert_int_equal(a->response_bytes, b->response_bytes);
    assert_int_equal(a->cost_nusd, b->cost_nusd);
    assert_int_equal(a->priced, b->priced);
    assert_int_equal(a->price_id, b->price_id);
    assert_int_equal(a->tier, b->tier);
    assert_memory_equal(&a->usage, &b->usage, sizeof(a->usage));
    assert_slice(a->user, b->user);
    assert_slice(a->key_label, b->key_label);
    assert_slice(a->provider, b->provider);
    assert_slice(a->model, b->model);
    assert_slice(a->alias, b->alias);
    assert_slice(a->asked_model, b->asked_model);
    assert_slice(a->client_request_id, b->client_request_id);
}

static void test_comes_back(void **state)
{
    char bytes[RECORD_MOST_BYTES];
    struct journal_words words;

    (void)state;
    journal_words_same(&words);
    for (uint64_t n = 0; n < 500; n++) {
        struct usage_record in = record_number(n), out;
        size_t len = record_encode(&in, bytes, sizeof(bytes));

        assert_true(record_decode(slice_of(bytes, len), &words, &out));
        assert_same(&out, &in);
    }
}

static void test_extremes(void **state)
{
    char bytes[RECORD_MOST_BYTES], text[300];
    struct usage_record in = record_number(1), out;
    struct journal_words words;
    size_t len;

    (void)state;
    journal_words_same(&words);
    memset(text, 'x', sizeof(text));
    in.user = in.key_label = in.provider = in.model = in.alias = slice_of(text, sizeof(text));
    in.asked_model = in.client_request_id = in.user;
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        in.usage.tokens[k] = INT64_MAX - (int64_t)k;
    in.total_ms = INT64_MAX;
    in.connect_ms = -1;
    in.cost_nusd = INT64_MAX;

    len = record_write(&in, UINT64_MAX - RECORD_ALIGN, bytes);
    assert_true(len <= sizeof(bytes));
    len = record_encode(&in, bytes, sizeof(bytes));
    assert_true(record_decode(slice_of(bytes, len), &words, &out));
    assert_memory_equal(&in.usage, &out.usage, sizeof(in.usage));
    assert_int_equal(out.total_ms, INT32_MAX);
    assert_int_equal(out.connect_ms, -1);
    assert_int_equal(out.asked_model.len, RECORD_NAME_BYTES);
}

/* Names are cut between characters, the less important ones first. */
static void test_clipped_names(void **state)
{
    static const char model[] = "\xe6\xa8\xa1\xe5\x9e\x8b\xe6\xa8\xa1\xe5\x9e\x8b"; // four of three
    struct usage_record in = record_number(0), out;
    char bytes[RECORD_MOST_BYTES], id[128];
    struct journal_words words;

    (void)state;
    journal_words_same(&words);
    memset(id, 'i', sizeof(id));
    in.client_request_id = slice_of(id, sizeof(id));
    in.model = slice_str(model);
    for (size_t limit = 400; limit < 496; limit++) {
        size_t len = record_encode(&in, bytes, limit);

        assert_true(len <= limit);
        assert_true(record_decode(slice_of(bytes, len), &words, &out));
        assert_slice(out.client_request_id, in.client_request_id);
        assert_slice(out.user, in.user);
        assert_int_equal(out.model.len % 3, 0);
        assert_true(slice_starts(in.model, out.model));
        assert_true(slice_starts(in.asked_model, out.asked_model));
    }
}

/* No cut and no changed byte of a record is taken for one. */
static void test_any_damage(void **state)
{
    struct usage_record in = record_number(77);
    char whole[RECORD_MOST_BYTES], bytes[RECORD_MOST_BYTES];
    struct journal_record head;
    size_t len = record_write(&in, 4096, whole);

    (void)state;
    assert_true(record_check(slice_of(whole, len), &head));
    assert_int_equal(head.position, 4096);
    for (size_t cut = 0; cut < len; cut++)
        assert_false(record_check(slice_of(whole, cut), &head));
    for (size_t at = 0; at < len; at++) {
        memcpy(bytes, whole, len);
        bytes[at] = (char)(bytes[at] ^ (1 << (at % 8)));
        assert_false(record_check(slice_of(bytes, len), &head));
    }
}

/* Any bytes at all: no crash, no reading outside. */
static void test_decode_any_cut(void **state)
{
    struct usage_record in = record_number(77), out;
    char whole[RECORD_MOST_BYTES];
    struct journal_words words;
    size_t len = record_encode(&in, whole, sizeof(whole));

    (void)state;
    journal_words_same(&words);
    for (size_t cut = 0; cut < len; cut++) {
        char *bytes = test_malloc(cut + 1);
        memcpy(bytes, whole, cut);
        assert_false(record_decode(slice_of(bytes, cut), &words, &out));
        test_free(bytes);
    }
}

static void test_records_in_a_row(void **state)
{
    static char bytes[64 * RECORD_MOST_BYTES];
    struct records r;
    struct slice payload;
    size_t len = 0, second = 0, found = 0;

    (void)state;
    for (uint64_t n = 0; n < 20; n++) {
        struct usage_record in = record_number(n);
        if (n == 1)
            second = len;
        len += record_write(&in, len, bytes + len);
    }
    bytes[second + 40] ^= 1; // one record less, the others stand
    r = (struct records){.rest = slice_of(bytes, len)};
    while (records_next(&r, &payload))
        found++;
    assert_int_equal(found, 19);
    assert_true(r.damaged_bytes > 0);
    assert_int_equal(r.torn_bytes, 0);

    r = (struct records){.rest = slice_of(bytes, len - 8)};
    for (found = 0; records_next(&r, &payload);)
        found++;
    assert_int_equal(found, 18);
    assert_true(r.torn_bytes > 0);
}

/* A changed checksum would make the journals of earlier versions unreadable. */
static void test_checksum_stays(void **state)
{
    (void)state;
    assert_int_equal(record_checksum("gproxy", 6), 0x6d59122e55e90d50ULL);
    assert_int_equal(record_checksum("0123456789abcdef", 16), 0xdf39783d9bb30543ULL);
    assert_int_equal(record_checksum("0123456789abcdef0123456789abcdef0123456789", 42),
                     0x4ca120d33c8dc356ULL);
}

/* A version that knows more names, in another order, reads what this one wrote. */
static void test_words(void **state)
{
    char text[JOURNAL_WORDS_BYTES];
    struct journal_words words;
    struct slice unknown;

    (void)state;
    journal_words_write(text);
    assert_true(journal_words_read(slice_of(text, sizeof(text)), &words, &unknown));
    for (unsigned i = 0; i < ERR_COUNT; i++)
        assert_int_equal(words.ours[WORD_ERR][i], i);

    assert_true(journal_words_read(SLICE("embed\ngenerate\n\ngemini\n\n\n\n\n"
                                         "output_tokens\ninput_tokens\n\n"),
                                   &words, &unknown));
    assert_int_equal(words.count[WORD_OPERATION], 2);
    assert_int_equal(words.ours[WORD_OPERATION][0], OP_EMBED);
    assert_int_equal(words.ours[WORD_DIALECT][0], DIALECT_GEMINI);
    assert_int_equal(words.ours[WORD_KIND][0], USAGE_OUTPUT);
    assert_int_equal(words.ours[WORD_KIND][1], USAGE_INPUT);

    assert_false(journal_words_read(SLICE("generate\nteleport\n\n"), &words, &unknown));
    assert_slice(unknown, SLICE("teleport"));
}

/* What versions before prices and tiers have written, and what they would make of ours. */
static void test_records_of_before(void **state)
{
    struct usage_record in = record_number(9), out;
    char bytes[RECORD_MOST_BYTES];
    struct journal_words words;
    size_t len;

    (void)state;
    journal_words_same(&words);
    words.count[WORD_TIER] = 0;
    in.price_id = 0;
    in.tier = SERVICE_STANDARD;
    len = record_encode(&in, bytes, sizeof(bytes));
    assert_int_equal(record_checksum(bytes, len), RECORD_9_OF_BEFORE); // they have not changed
    assert_true(record_decode(slice_of(bytes, len), &words, &out));
    assert_same(&out, &in);
    in.tier = SERVICE_FLEX;
    len = record_encode(&in, bytes, sizeof(bytes));
    assert_false(record_decode(slice_of(bytes, len), &words, &out)); // a tier without a name
}

/* A slot that is full to its end has room for the price. */
static void test_price_id_in_a_slot(void **state)
{
    struct usage_record in = record_number(7), out;
    char bytes[JOURNAL_SLOT_BYTES], text[300];
    struct journal_words words;
    size_t limit = sizeof(((struct journal_slot *)0)->payload);

    (void)state;
    journal_words_same(&words);
    memset(text, 'x', sizeof(text));
    in.user = in.provider = in.model = slice_of(text, sizeof(text));
    in.price_id = INT64_MAX - 3;
    for (size_t k = 0; k < USAGE_KIND_COUNT; k++)
        in.usage.tokens[k] = k == 2 ? -7 : 1;
    assert_int_equal(record_encode(&in, bytes, limit), limit);
    assert_true(record_decode(slice_of(bytes, limit), &words, &out));
    assert_true(out.price_id == in.price_id);
    assert_int_equal(out.usage.tokens[2], 0);
    assert_false(record_decode(slice_of(bytes, limit - 1), &words, &out));
}

static void test_words_move_kinds(void **state)
{
    struct usage_record in = record_number(0), out;
    char bytes[RECORD_MOST_BYTES];
    struct journal_words words;
    size_t len;

    (void)state;
    in.usage = (struct chat_usage){
        .tokens = {[0] = 11, [1] = 22}
    };
    len = record_encode(&in, bytes, sizeof(bytes));
    journal_words_same(&words);
    words.ours[WORD_KIND][0] = USAGE_OUTPUT;
    words.ours[WORD_KIND][1] = USAGE_INPUT;
    assert_true(record_decode(slice_of(bytes, len), &words, &out));
    assert_int_equal(out.usage.tokens[USAGE_OUTPUT], 11);
    assert_int_equal(out.usage.tokens[USAGE_INPUT], 22);
    words.count[WORD_KIND] = 1; // a kind without a name
    assert_false(record_decode(slice_of(bytes, len), &words, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),         cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_clipped_names),      cmocka_unit_test(test_any_damage),
        cmocka_unit_test(test_decode_any_cut),     cmocka_unit_test(test_records_in_a_row),
        cmocka_unit_test(test_checksum_stays),     cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_move_kinds),   cmocka_unit_test(test_records_of_before),
        cmocka_unit_test(test_price_id_in_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
