/* index.c - where the tokens of a JSON text stand. */
#include "json/index.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BLOCK      JSON_INDEX_BLOCK
#define INLINE     static inline __attribute__((always_inline))
#define FILL_BYTES ((size_t)1 << 20) // of text at most in one fill: positions have 32 bits
#define STRIDE     4                 // divides BLOCK
#define LAST_BIT   ((uint64_t)1 << 63)

/* One bit per byte of a block, the first byte lowest. */
struct masks {
    uint64_t quote, backslash;
    uint64_t control; // below 0x20
    uint64_t op;      // {}[]:,
    uint64_t space;   // of the grammar: space, tab, LF, CR
    uint64_t simple;  // right after a backslash: 0 for all is allowed, and slower
};

/* What may follow a backslash: 1, and 2 where four hexadecimal digits come after it. */
static const uint8_t escape_kind[256] = {
    ['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1,
    ['n'] = 1, ['r'] = 1,  ['t'] = 1, ['u'] = 2,
};

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/*
 * The bytes that a backslash escapes.  In a run of backslashes every second
 * byte is escaped; subtraction by carry finds the parity of all runs at once:
 * adding to a run the bit where it starts clears the run and sets the bit
 * after it, which happens here for runs that start at odd places only.
 */
INLINE uint64_t find_escaped(struct json_index *x, uint64_t backslash)
{
    const uint64_t even = 0x5555555555555555U;
    uint64_t follows, odd_starts, sum;

    if (!backslash) {
        uint64_t first = x->escaped;
        x->escaped = 0;
        return first;
    }
    backslash &= ~x->escaped;
    follows = backslash << 1 | x->escaped;
    odd_starts = backslash & ~even & ~follows;
    x->escaped = __builtin_add_overflow(odd_starts, backslash, &sum);
    return (even ^ sum << 1) & follows;
}

/* Each bit becomes the parity of itself and those below: ones from a quote to before the next. */
INLINE uint64_t between_quotes(uint64_t quotes)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        quotes ^= quotes << shift;
    return quotes;
}

static void fault_found(struct json_index *x, enum json_fault fault, size_t at)
{
    if (x->fault == JSON_FAULT_NONE || at < x->fault_at) {
        x->fault = fault;
        x->fault_at = at;
    }
}

/* `escaped` marks bytes after a backslash within strings. */
static void check_escapes(struct json_index *x, size_t base, uint64_t escaped)
{
    for (; escaped; escaped &= escaped - 1) {
        size_t at = base + (size_t)__builtin_ctzll(escaped), i;
        uint8_t kind;

        if (at >= x->text.len)
            return; // the padding of the last block
        kind = escape_kind[(unsigned char)x->text.ptr[at]];
        if (kind == 1)
            continue;
        for (i = 1; kind == 2 && i <= 4; i++) {
            if (at + i >= x->text.len || !is_hex(x->text.ptr[at + i]))
                kind = 0;
        }
        if (kind == 0) {
            fault_found(x, JSON_FAULT_ESCAPE, at - 1);
            return;
        }
    }
}

INLINE void list_positions(struct json_index *x, uint64_t bits)
{
    uint32_t *out = x->positions + x->count, from = (uint32_t)(x->at - x->base);
    unsigned count = (unsigned)__builtin_popcountll(bits);

    x->count += count;
    /* In strides, so that the branch is on how many there are, not on each. */
    for (unsigned done = 0; done < count; done += STRIDE) {
        for (unsigned i = 0; i < STRIDE; i++) {
            out[done + i] = from + (uint32_t)__builtin_ctzll(bits | LAST_BIT);
            bits &= bits - 1;
        }
    }
}

/* What a block without quotes and backslashes needs when a string goes on across it. */
INLINE void index_inside(struct json_index *x, uint64_t control)
{
    if (control)
        fault_found(x, JSON_FAULT_CONTROL, x->at + (size_t)__builtin_ctzll(control));
    x->at += BLOCK;
}

INLINE void index_block(struct json_index *x, const struct masks *m)
{
    uint64_t escaped = find_escaped(x, m->backslash);
    uint64_t quote = m->quote & ~escaped;
    uint64_t inside =
        between_quotes(quote) ^ x->in_string; // the opening quote too, not the closing
    uint64_t plain = ~(m->op | m->space | quote);
    uint64_t starts = plain & ~(plain << 1 | x->plain);
    uint64_t listed = ((m->op | starts) & ~inside) | quote;

    x->plain = plain >> 63;
    x->in_string = 0 - (inside >> 63);
    escaped &= inside & ~(m->simple | m->quote | m->backslash);
    if (m->control & inside)
        fault_found(x, JSON_FAULT_CONTROL, x->at + (size_t)__builtin_ctzll(m->control & inside));
    if (escaped)
        check_escapes(x, x->at, escaped);
    if (__builtin_expect(x->fault != JSON_FAULT_NONE, 0)) {
        uint64_t before = ((uint64_t)1 << ((x->fault_at - x->at) & 63)) - 1;
        listed &= x->fault_at < x->at ? 0 : before;
    }
    list_positions(x, listed);
    x->at += BLOCK;
}

/*
 * The next block: in the text or, at its end, in `padded`, filled up with spaces.  NULL when
 * this fill is over.
 */
INLINE const char *next_block(const struct json_index *x, char padded[BLOCK])
{
    size_t left;

    if (x->at >= x->text.len || x->count > JSON_INDEX_ROOM - BLOCK ||
        x->at - x->base >= FILL_BYTES || x->fault != JSON_FAULT_NONE)
        return NULL;
    left = x->text.len - x->at;
    if (left >= BLOCK)
        return x->text.ptr + x->at;
    memset(padded, ' ', BLOCK);
    memcpy(padded, x->text.ptr + x->at, left);
    return padded;
}

#if defined(__x86_64__)

#define WIDE __attribute__((target("avx2,bmi,popcnt")))

/*
 * Two half-bytes tell the classes apart: a byte is in the class whose bit both
 * tables show.  Bytes from 0x80 up are in none.
 */
enum {
    COMMA = 1,
    COLON = 2,
    BRACKET = 4,
    BLANK = 8, // tab, LF, CR
    SPACE = 16,
    SLASH = 32,
    B_F_N = 64,
    R_T = 128,
    OPS = COMMA | COLON | BRACKET,
    SPACES = BLANK | SPACE,
    SIMPLE = SLASH | B_F_N | R_T,
};

#define UPPER_CLASSES \
    BLANK, 0, COMMA | SPACE | SLASH, COLON, 0, BRACKET, B_F_N, BRACKET | R_T, 0, 0, 0, 0, 0, 0, 0, 0
#define LOWER_CLASSES                                                                    \
    SPACE, 0, B_F_N | R_T, 0, R_T, 0, B_F_N, 0, 0, BLANK, BLANK | COLON, BRACKET, COMMA, \
        BLANK | BRACKET, B_F_N, SLASH

static const uint8_t upper_classes[32] = {UPPER_CLASSES, UPPER_CLASSES};
static const uint8_t lower_classes[32] = {LOWER_CLASSES, LOWER_CLASSES};

WIDE INLINE uint64_t equal_wide(__m256i low, __m256i high, __m256i to)
{
    uint32_t l = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, to));
    uint32_t h = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, to));
    return (uint64_t)h << 32 | l;
}

WIDE INLINE __m256i classes_wide(__m256i v)
{
    const __m256i nibble = _mm256_set1_epi8(0x0F);
    __m256i upper = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);

    upper = _mm256_shuffle_epi8(_mm256_loadu_si256((const void *)upper_classes), upper);
    return _mm256_and_si256(
        upper, _mm256_shuffle_epi8(_mm256_loadu_si256((const void *)lower_classes), v));
}

WIDE INLINE uint64_t class_wide(__m256i low, __m256i high, int class)
{
    const __m256i bits = _mm256_set1_epi8((char)class);
    return ~equal_wide(_mm256_and_si256(low, bits), _mm256_and_si256(high, bits),
                       _mm256_setzero_si256());
}

WIDE INLINE void index_block_wide(struct json_index *x, const char *p)
{
    const __m256i last_control = _mm256_set1_epi8(0x1F);
    __m256i low = _mm256_loadu_si256((const void *)p);
    __m256i high = _mm256_loadu_si256((const void *)(p + 32));
    struct masks m;

    m.quote = equal_wide(low, high, _mm256_set1_epi8('"'));
    m.backslash = equal_wide(low, high, _mm256_set1_epi8('\\'));
    m.control = equal_wide(_mm256_subs_epu8(low, last_control),
                           _mm256_subs_epu8(high, last_control), _mm256_setzero_si256());
    if (!(m.quote | m.backslash | x->escaped) && x->in_string) {
        index_inside(x, m.control);
        return;
    }
    low = classes_wide(low);
    high = classes_wide(high);
    m.op = class_wide(low, high, OPS);
    m.space = class_wide(low, high, SPACES);
    m.simple = class_wide(low, high, SIMPLE);
    index_block(x, &m);
}

WIDE static void fill_wide(struct json_index *x)
{
    char padded[BLOCK];
    const char *p;

    while ((p = next_block(x, padded)))
        index_block_wide(x, p);
}

INLINE struct masks masks_narrow(const char *p)
{
    struct masks m = {0};

    for (unsigned i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const void *)(p + i));
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20)); // [ and { differ in this bit
        __m128i op = _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')),
                                  _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
        __m128i space = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')),
                                     _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));

        op = _mm_or_si128(op, _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(':')),
                                           _mm_cmpeq_epi8(v, _mm_set1_epi8(','))));
        space = _mm_or_si128(space, _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\t')),
                                                 _mm_cmpeq_epi8(v, _mm_set1_epi8('\r'))));
#define PUT(mask, vector) m.mask |= (uint64_t)(unsigned)_mm_movemask_epi8(vector) << i
        PUT(quote, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
        PUT(backslash, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        PUT(control, _mm_cmpeq_epi8(_mm_subs_epu8(v, _mm_set1_epi8(0x1F)), _mm_setzero_si128()));
        PUT(op, op);
        PUT(space, space);
#undef PUT
    }
    return m;
}

static bool is_wide(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("popcnt");
}

#else

static struct masks masks_narrow(const char *p)
{
    struct masks m = {0};

    for (unsigned i = 0; i < BLOCK; i++) {
        uint64_t bit = (uint64_t)1 << i;

        switch (p[i]) {
        case '"': m.quote |= bit; break;
        case '\\': m.backslash |= bit; break;
        case ' ':
        case '\t':
        case '\n':
        case '\r': m.space |= bit; break;
        case '{':
        case '}':
        case '[':
        case ']':
        case ':':
        case ',': m.op |= bit; break;
        default: break;
        }
        if ((unsigned char)p[i] < 0x20)
            m.control |= bit;
    }
    return m;
}

static bool is_wide(void)
{
    return false;
}

static void fill_wide(struct json_index *x)
{
    (void)x;
}

#endif

static void fill_narrow(struct json_index *x)
{
    char padded[BLOCK];
    const char *p;

    while ((p = next_block(x, padded))) {
        struct masks m = masks_narrow(p);
        index_block(x, &m);
    }
}

void json_index_init(struct json_index *x, struct slice text)
{
    x->text = text;
    x->base = x->at = 0;
    x->narrow = !is_wide();
    x->in_string = x->escaped = x->plain = 0;
    x->fault = JSON_FAULT_NONE;
    x->fault_at = 0;
    x->count = x->next = 0;
}

bool json_index_fill(struct json_index *x)
{
    do {
        if (x->at >= x->text.len || x->fault != JSON_FAULT_NONE)
            return false;
        x->base = x->at;
        x->count = x->next = 0;
        if (x->narrow)
            fill_narrow(x);
        else
            fill_wide(x);
        if (x->at >= x->text.len && x->in_string)
            fault_found(x, JSON_FAULT_UNTERMINATED, x->text.len);
    } while (x->count == 0);
    return true;
}
