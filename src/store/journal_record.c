/* journal_record.c - one usage record as bytes, and back. */
#include "store/journal_record.h"

#include <assert.h>

#include "base/wide.h"

#define FLAG_STREAM   1u
#define FLAG_PRICED   2u
#define FLAG_PRICE_ID 4u

#define PRICE_ID_BYTES 8

/*
 * The part of a payload that always stands there.  Behind it: eight bytes for
 * every kind in `kinds`, lowest first, then the names one after another, then with
 * FLAG_PRICE_ID the price's id.  What was added later stands last or in bytes that were
 * 0 before, so that older records are read and older versions read these.
 */
struct payload {
    int64_t started_unix_ms, user_id, key_id, provider_id, credential_id;
    int64_t request_bytes, response_bytes, cost_nusd;
    int32_t connect_ms, first_byte_ms, total_ms;
    uint16_t http_status, upstream_status, attempts, kinds;
    uint8_t operation, dialect, upstream_dialect, outcome, source, err, flags;
    uint8_t name_len[RECORD_NAMES];
    char id[ID_TEXT_BYTES - 1];
    uint8_t tier;
    uint8_t unused;
};

static_assert(sizeof(struct payload) == 136, "no holes");
static_assert(RECORD_MOST_BYTES % RECORD_ALIGN == 0 &&
                  RECORD_MOST_BYTES >= sizeof(struct journal_record) + sizeof(struct payload) +
                                           USAGE_KIND_COUNT * 8 + RECORD_NAMES * RECORD_NAME_BYTES +
                                           PRICE_ID_BYTES,
              "the longest record fits");

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint128 p = (uint128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

#define KEY_0 0xa0761d6478bd642fULL
#define KEY_1 0xe7037ed1a0b428dbULL
#define KEY_2 0x8ebc6af09c88c6e3ULL

/* Two words a multiplication, and two multiplications that do not wait for each other. */
static inline void mix_block(uint64_t *left, uint64_t *right, const char *block)
{
    uint64_t w[4];

    memcpy(w, block, sizeof(w));
    *left = mix(w[0] ^ *left, w[1] ^ KEY_0);
    *right = mix(w[2] ^ *right, w[3] ^ KEY_1);
}

/*
 * Part of the file format, so not base's hash, which may change when it likes.  It finds
 * what was torn or damaged; it does not keep out anybody who can write the file.
 */
uint64_t record_checksum(const void *bytes, size_t len)
{
    uint64_t left = len ^ KEY_2, right = KEY_2;
    const char *at = bytes;
    char last[32] = "";

    for (; len >= 32; len -= 32, at += 32)
        mix_block(&left, &right, at);
    if (len) {
        memcpy(last, at, len);
        mix_block(&left, &right, last);
    }
    return mix(left ^ KEY_0, right ^ KEY_1);
}

static int32_t clip_ms(int64_t ms)
{
    return ms > INT32_MAX ? INT32_MAX : ms < 0 ? -1 : (int32_t)ms;
}

static uint16_t clip_u16(int64_t value)
{
    return value > UINT16_MAX ? UINT16_MAX : value < 0 ? 0 : (uint16_t)value;
}

/* At most `limit` bytes of `s`, not ending within a character of UTF-8. */
static size_t clip_name(struct slice s, size_t limit)
{
    if (s.len <= limit)
        return s.len;
    while (limit && ((unsigned char)s.ptr[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

static size_t encode_kinds(const struct chat_usage *usage, uint16_t *kinds, char *out)
{
    size_t len = 0;

    *kinds = 0;
    for (unsigned k = 0; k < USAGE_KIND_COUNT; k++) {
        if (usage->tokens[k] <= 0) // there are no negative ones
            continue;
        *kinds |= (uint16_t)(1u << k);
        memcpy(out + len, &usage->tokens[k], 8);
        len += 8;
    }
    return len;
}

/* The order is that of importance: where room is short, the last ones are cut. */
static size_t encode_names(const struct usage_record *r, uint8_t lens[RECORD_NAMES], char *out,
                           size_t limit)
{
    const struct slice names[RECORD_NAMES] = {
        r->client_request_id, r->user, r->provider, r->key_label, r->alias, r->model,
        r->asked_model,
    };
    size_t len = 0;

    for (size_t i = 0; i < RECORD_NAMES; i++) {
        size_t room = limit - len < RECORD_NAME_BYTES ? limit - len : RECORD_NAME_BYTES;
        size_t take = clip_name(names[i], room);

        lens[i] = (uint8_t)take;
        if (take)
            memcpy(out + len, names[i].ptr, take);
        len += take;
    }
    return len;
}

static int64_t not_negative(int64_t value)
{
    return value < 0 ? 0 : value;
}

size_t record_encode(const struct usage_record *r, char *out, size_t limit)
{
    size_t behind = r->price_id ? PRICE_ID_BYTES : 0;
    struct payload p = {
        .started_unix_ms = r->started_unix_ms,
        .user_id = r->user_id,
        .key_id = r->key_id,
        .provider_id = r->provider_id,
        .credential_id = r->credential_id,
        .request_bytes = not_negative(r->request_bytes),
        .response_bytes = not_negative(r->response_bytes),
        .cost_nusd = not_negative(r->cost_nusd),
        .connect_ms = clip_ms(r->connect_ms),
        .first_byte_ms = clip_ms(r->first_byte_ms),
        .total_ms = clip_ms(r->total_ms),
        .http_status = clip_u16(r->http_status),
        .upstream_status = clip_u16(r->upstream_status),
        .attempts = clip_u16(r->attempts),
        .operation = (uint8_t)r->operation,
        .dialect = (uint8_t)r->dialect,
        .upstream_dialect = (uint8_t)r->upstream_dialect,
        .outcome = (uint8_t)r->outcome,
        .source = (uint8_t)r->source,
        .err = (uint8_t)r->err,
        .flags = (uint8_t)((r->stream ? FLAG_STREAM : 0) | (r->priced ? FLAG_PRICED : 0) |
                           (r->price_id ? FLAG_PRICE_ID : 0)),
        .tier = (uint8_t)r->tier,
    };
    size_t len = sizeof(p);

    assert(limit >= sizeof(p) + USAGE_KIND_COUNT * 8 + behind);
    memcpy(p.id, r->id, sizeof(p.id));
    len += encode_kinds(&r->usage, &p.kinds, out + len);
    len += encode_names(r, p.name_len, out + len, limit - len - behind);
    memcpy(out + len, &r->price_id, behind);
    len += behind;
    memcpy(out, &p, sizeof(p));
    return len;
}

static bool decode_kinds(struct slice *rest, const struct payload *p,
                         const struct journal_words *words, struct chat_usage *usage)
{
    for (unsigned k = 0; k < 16; k++) {
        if (!(p->kinds >> k & 1u))
            continue;
        if (k >= words->count[WORD_KIND] || rest->len < 8)
            return false;
        memcpy(&usage->tokens[words->ours[WORD_KIND][k]], rest->ptr, 8);
        *rest = slice_after(*rest, 8);
    }
    return true;
}

static bool decode_names(struct slice *rest, const struct payload *p, struct usage_record *out)
{
    struct slice *const names[RECORD_NAMES] = {
        &out->client_request_id, &out->user,  &out->provider,
        &out->key_label,         &out->alias, &out->model,
        &out->asked_model,
    };

    for (size_t i = 0; i < RECORD_NAMES; i++) {
        if (rest->len < p->name_len[i])
            return false;
        *names[i] = slice_sub(*rest, 0, p->name_len[i]);
        *rest = slice_after(*rest, p->name_len[i]);
    }
    return true;
}

static bool decode_price_id(struct slice rest, const struct payload *p, struct usage_record *out)
{
    if (!(p->flags & FLAG_PRICE_ID))
        return true;
    if (rest.len < PRICE_ID_BYTES)
        return false;
    memcpy(&out->price_id, rest.ptr, PRICE_ID_BYTES);
    return true;
}

/* From a number in the file to ours. */
static bool map(const struct journal_words *words, enum journal_word group, uint8_t theirs,
                unsigned *ours)
{
    if (theirs >= words->count[group])
        return false;
    *ours = words->ours[group][theirs];
    return true;
}

bool record_decode(struct slice bytes, const struct journal_words *words, struct usage_record *out)
{
    unsigned operation, dialect, upstream_dialect, outcome, source, err, tier = SERVICE_STANDARD;
    struct slice rest = slice_after(bytes, sizeof(struct payload));
    struct payload p;

    if (bytes.len < sizeof(p))
        return false;
    memcpy(&p, bytes.ptr, sizeof(p));
    if (!map(words, WORD_OPERATION, p.operation, &operation) ||
        !map(words, WORD_DIALECT, p.dialect, &dialect) ||
        !map(words, WORD_DIALECT, p.upstream_dialect, &upstream_dialect) ||
        !map(words, WORD_OUTCOME, p.outcome, &outcome) ||
        !map(words, WORD_SOURCE, p.source, &source) || !map(words, WORD_ERR, p.err, &err))
        return false;
    // Files of before there were tiers have no words for them.
    if ((words->count[WORD_TIER] || p.tier) && !map(words, WORD_TIER, p.tier, &tier))
        return false;
    *out = (struct usage_record){
        .started_unix_ms = p.started_unix_ms,
        .user_id = p.user_id,
        .key_id = p.key_id,
        .provider_id = p.provider_id,
        .credential_id = p.credential_id,
        .operation = (enum operation)operation,
        .dialect = (enum dialect)dialect,
        .upstream_dialect = (enum dialect)upstream_dialect,
        .outcome = (enum outcome)outcome,
        .source = (enum usage_source)source,
        .http_status = p.http_status,
        .upstream_status = p.upstream_status,
        .stream = p.flags & FLAG_STREAM,
        .attempts = p.attempts,
        .err = (enum err)err,
        .connect_ms = p.connect_ms,
        .first_byte_ms = p.first_byte_ms,
        .total_ms = p.total_ms,
        .request_bytes = p.request_bytes,
        .response_bytes = p.response_bytes,
        .cost_nusd = p.cost_nusd,
        .priced = p.flags & FLAG_PRICED,
        .tier = (enum service_tier)tier,
    };
    memcpy(out->id, p.id, sizeof(p.id));
    return decode_kinds(&rest, &p, words, &out->usage) && decode_names(&rest, &p, out) &&
           decode_price_id(rest, &p, out);
}

static void seal(struct journal_record head, char *out)
{
    memcpy(out, &head, sizeof(head));
    head.checksum = record_checksum(out + 8, head.length - 8);
    memcpy(out, &head.checksum, 8);
}

size_t record_write(const struct usage_record *record, uint64_t position, char *out)
{
    size_t used = sizeof(struct journal_record);
    size_t length;

    used += record_encode(record, out + used, RECORD_MOST_BYTES - used);
    length = (used + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
    memset(out + used, 0, length - used);
    seal((struct journal_record){0, position, (uint32_t)length, RECORD_SETTLED}, out);
    return length;
}

void record_write_pad(uint64_t position, size_t length, char *out)
{
    assert(length % RECORD_ALIGN == 0 && length >= sizeof(struct journal_record));
    memset(out, 0, length);
    seal((struct journal_record){0, position, (uint32_t)length, RECORD_PAD}, out);
}

bool record_check(struct slice bytes, struct journal_record *head)
{
    if (bytes.len < sizeof(*head))
        return false;
    memcpy(head, bytes.ptr, sizeof(*head));
    return head->length >= sizeof(*head) && head->length <= RECORD_MOST_BYTES &&
           head->length % RECORD_ALIGN == 0 && head->length <= bytes.len &&
           (head->kind == RECORD_PAD || head->kind == RECORD_SETTLED) &&
           head->checksum == record_checksum(bytes.ptr + 8, head->length - 8);
}

struct slice record_payload(struct slice bytes, const struct journal_record *head)
{
    return slice_sub(bytes, sizeof(*head), head->length - sizeof(*head));
}

bool records_next(struct records *r, struct slice *payload)
{
    struct journal_record head;

    while (r->rest.len >= RECORD_ALIGN) {
        struct slice bytes = r->rest;

        if (!record_check(bytes, &head)) {
            r->rest = slice_after(r->rest, RECORD_ALIGN);
            r->torn_bytes += RECORD_ALIGN;
            continue;
        }
        r->rest = slice_after(r->rest, head.length);
        r->damaged_bytes += r->torn_bytes;
        r->torn_bytes = 0;
        if (head.kind == RECORD_PAD || head.position < r->least_position)
            continue;
        *payload = record_payload(bytes, &head);
        return true;
    }
    r->torn_bytes += r->rest.len;
    r->rest = slice_after(r->rest, r->rest.len);
    return false;
}
