/* oracle_test.c - what is JSON and what it says, checked against jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Both libraries name the kinds of values the same. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY  JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE   JANSSON_TRUE
#define JSON_FALSE  JANSSON_FALSE
#define JSON_NULL   JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_number
#undef json_is_true
#undef json_is_false
#undef json_is_null

#include "base/array.h"
#include "base/random.h"
#include "json/scan.h"
#include "json/tree.h"
#include "json/write.h"

#define MUTATIONS 60000

enum kind {
    BOTH,    // both accept it
    NEITHER, // both refuse it
    WE,      // we accept it and jansson does not, on purpose: see vectors.def
    THEY,    // the other way round
};

static const struct {
    enum kind kind;
    const char *text;
    size_t len;
} vectors[] = {
#define VECTOR(kind, literal) {kind, literal, sizeof(literal) - 1},
#include "json/vectors.def"
#undef VECTOR
};

static json_t *oracle_load(struct slice text, json_error_t *error)
{
    return json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

/* jansson knows only numbers it can hold, whole surrogate pairs, and keys without NUL. */
static bool is_ours_alone(const json_error_t *error)
{
    return strstr(error->text, "too big") || strstr(error->text, "overflow") ||
           strstr(error->text, "invalid Unicode") || strstr(error->text, "NUL byte in object key");
}

static void write_scalar(struct json_writer *w, struct arena *a, const struct json *v)
{
    double number;

    if (v->type == JSON_STRING) {
        json_value_string(w, json_str(a, v));
    } else if (json_to_double(v, &number)) {
        json_value_double(w, number == 0 ? 0 : number); // -0 is an integer there, and 0
    } else {
        json_value_raw(w, v->source);
    }
}

static bool has_earlier(const struct json *v)
{
    const struct json *at = v->parent->first;

    while (at != v && !slice_eq(at->key, v->key))
        at = at->next;
    return at != v;
}

/* In one form: members in order of their first occurrence, with their last value, all unescaped. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the texts of this test, which are not
static void write_canonical(struct json_writer *w, struct arena *a, const struct json *v)
{
    if (v->type != JSON_OBJECT && v->type != JSON_ARRAY) {
        write_scalar(w, a, v);
        return;
    }
    if (v->type == JSON_ARRAY) {
        json_open_array(w);
        json_for_each(at, v)
            write_canonical(w, a, at);
        json_close_array(w);
        return;
    }
    json_open_object(w);
    json_for_each(at, v) {
        if (!has_earlier(at)) {
            json_key(w, at->key);
            write_canonical(w, a, json_member(v, at->key));
        }
    }
    json_close_object(w);
}

static void canonical(struct slice text, struct buf *out)
{
    struct json_writer w = {.out = out};
    struct err_info e = {0};
    struct arena a;
    struct json *v;

    arena_init(&a, 0);
    if (json_parse(&a, text, &v, &e) == ERR_NONE)
        write_canonical(&w, &a, v);
    else
        buf_append_str(out, e.text);
    arena_release(&a);
}

/* What jansson read and wrote again says the same as the text itself. */
static void check_content(struct slice text, const json_t *theirs)
{
    char *dump = json_dumps(theirs, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    struct buf ours = {0}, oracle = {0};

    assert_non_null(dump);
    canonical(text, &ours);
    canonical(slice_str(dump), &oracle);
    if (!slice_eq(buf_peek(&ours), buf_peek(&oracle)))
        fail_msg("%.*s\nwe read     %.*s\njansson has %.*s", SLICE_ARG(text),
                 SLICE_ARG(buf_peek(&ours)), SLICE_ARG(buf_peek(&oracle)));
    buf_release(&ours);
    buf_release(&oracle);
    free(dump);
}

/* Scan and tree have to agree in any case. */
static bool we_accept(struct slice text, struct err_info *e)
{
    struct err_info tree_error = {0};
    struct json_span none;
    struct arena a;
    struct json *v;
    enum err scanned = json_scan(text, NULL, 0, &none, e), parsed;

    arena_init(&a, 0);
    parsed = json_parse(&a, text, &v, &tree_error);
    assert_int_equal(scanned, parsed);
    assert_string_equal(e->text, tree_error.text);
    arena_release(&a);
    return scanned == ERR_NONE;
}

static void test_vectors(void **state)
{
    (void)state;
    assert_true(ARRAY_LEN(vectors) >= 150);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct slice text = slice_of(vectors[i].text, vectors[i].len);
        bool ours = vectors[i].kind == BOTH || vectors[i].kind == WE;
        bool theirs = vectors[i].kind == BOTH || vectors[i].kind == THEY;
        json_error_t error = {0};
        struct err_info e = {0};
        json_t *v = oracle_load(text, &error);

        if (we_accept(text, &e) != ours)
            fail_msg("vector %zu, %.*s: %s", i, SLICE_ARG(text), ours ? e.text : "accepted");
        if ((v != NULL) != theirs)
            fail_msg("vector %zu, %.*s: jansson: %s", i, SLICE_ARG(text),
                     v ? "accepted" : error.text);
        if (ours && theirs)
            check_content(text, v);
        json_decref(v);
    }
}

/* Cuts, doubles and overwrites pieces; what comes out is mostly JSON's near neighbour. */
static size_t mutate(struct random *r, char *text, size_t len, size_t room)
{
    static const char bytes[] = "{}[]:,\"\\ \n09.-+eEtfnu/\x80\xE9\xC3\x1F";

    for (uint64_t times = 1 + random_below(r, 3); times && len; times--) {
        size_t at = (size_t)random_below(r, len), piece = 1 + (size_t)random_below(r, 6);

        if (piece > len - at)
            piece = len - at;
        switch (random_below(r, 3)) {
        case 0: text[at] = bytes[random_below(r, sizeof(bytes) - 1)]; break;
        case 1:
            memmove(text + at, text + at + piece, len - at - piece);
            len -= piece;
            break;
        case 2:
            if (len + piece > room)
                break;
            memmove(text + at + piece, text + at, len - at);
            len += piece;
            break;
        default: break;
        }
    }
    return len;
}

static void test_mutations(void **state)
{
    struct random r;
    size_t accepted = 0;

    (void)state;
    random_seed(&r, (const uint64_t[4]){7, 1, 1, 3});
    for (int n = 0; n < MUTATIONS; n++) {
        size_t i = (size_t)random_below(&r, ARRAY_LEN(vectors));
        char text[256];
        struct slice s = slice_of(text, vectors[i].len);
        json_error_t error = {0};
        struct err_info e = {0};
        json_t *v;
        bool ours;

        if (s.len > sizeof(text) - 64)
            continue;
        memcpy(text, vectors[i].text, s.len);
        s.len = mutate(&r, text, s.len, sizeof(text));
        if (slice_find(s, '\0') != SIZE_MAX)
            continue; // jansson may lose it
        ours = we_accept(s, &e);
        v = oracle_load(s, &error);
        if (ours != (v != NULL) && !(ours && is_ours_alone(&error)))
            fail_msg("round %d, %.*s: we %s, jansson %s", n, SLICE_ARG(s), ours ? "accept" : e.text,
                     v ? "accepts" : error.text);
        if (ours && v)
            check_content(s, v);
        accepted += ours;
        json_decref(v);
    }
    assert_true(accepted > MUTATIONS / 20); // or the mutations are too wild to say anything
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
