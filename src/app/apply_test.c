/* apply_test.c - the database after a configuration file, an export, a first start. */
#include "app/apply_testing.h"

#include <sys/stat.h>
#include <unistd.h>

#include "app/bootstrap.h"
#include "app/file.h"
#include "base/array.h"
#include "crypto/password.h"

static const char first[] =
    "providers:\n"
    "  - {name: one, channel: openai, credentials: [{label: a, secret: {api_key: sk-a}},\n"
    "       {secret: {api_key: sk-b}}, {secret: {api_key: sk-c}}],\n"
    "     models: [{id: m1, price: {input: '1'}}, {id: m2}]}\n"
    "  - {name: two, channel: echo, settings: {}}\n"
    "aliases:\n"
    "  - {name: fast, targets: [{provider: one, model: m1}, {provider: two, model: m1, tier: 1}]}\n"
    "users:\n"
    "  - {name: alice, admin: true, password: hunter22, keys: [{label: laptop, key: alice-key-1},\n"
    "       {label: phone}], permissions: [{models: '*'}, {provider: one, models: 'm*'}]}\n"
    "  - {name: bob, keys: [{key: bob-key-1, permissions: [{models: m1}]}]}\n"
    "settings: {max_attempts: 3, network: {allow_private: false}}\n";

static void test_fills_and_repeats(void **state)
{
    struct fixture *f = *state;

    apply_good(f, first, 0);
    assert_int_equal(f->run.added, 20);
    assert_int_equal(f->made, 1);
    assert_string_equal(f->made_for, "alice/phone");
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 3);
    assert_int_equal(f->rows.counts[ROW_PERMISSION], 3);
    assert_true(password_verify(ROWS(&f->rows, ROW_USER, struct user_row)->password_hash,
                                SLICE("hunter22")));
    apply_good(f, first, APPLY_DELETE); // the same again is nothing
    assert_int_equal(f->run.added + f->run.changed + f->run.deleted, 0);
    assert_int_equal(f->made, 0);
    assert_int_equal(f->rows.counts[ROW_KEY], 3);
}

/* Rows keep their ids by name; keys by digest, whosever they are now; credentials by label or place. */
static void test_keeps_ids(void **state)
{
    static const char second[] =
        "providers:\n"
        "  - {name: two, channel: echo}\n"
        "  - {name: one, channel: openai, label: changed, credentials: [{secret: {api_key: sk-c}},\n"
        "       {secret: {api_key: sk-new}}, {label: a, secret: {api_key: sk-rotated}}],\n"
        "     models: [{id: m2}]}\n"
        "users:\n"
        "  - {name: alice, keys: [{label: phone}]}\n"
        "  - {name: bob, keys: [{label: moved, key: alice-key-1}]}\n";
    struct fixture *f = *state;
    int64_t one, m2, a, b, c, phone, laptop;
    const struct credential_row *credentials;
    const struct key_row *keys;

    apply_good(f, first, 0);
    one = id_of(f, ROW_PROVIDER, 0);
    m2 = id_of(f, ROW_MODEL, 1);
    a = id_of(f, ROW_CREDENTIAL, 0);
    b = id_of(f, ROW_CREDENTIAL, 1);
    c = id_of(f, ROW_CREDENTIAL, 2);
    laptop = id_of(f, ROW_KEY, 0);
    phone = id_of(f, ROW_KEY, 1);

    apply_good(f, second, APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 2);
    assert_int_equal(id_of(f, ROW_PROVIDER, 0), one);
    assert_int_equal(f->rows.counts[ROW_MODEL], 1);
    assert_int_equal(id_of(f, ROW_MODEL, 0), m2);
    credentials = ROWS(&f->rows, ROW_CREDENTIAL, struct credential_row);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 3);
    assert_int_equal(credentials[0].head.id, a);
    assert_true(
        slice_eq(secret_reveal(credentials[0].secret), SLICE("{\"api_key\":\"sk-rotated\"}")));
    assert_int_equal(credentials[1].head.id, b);
    assert_true(slice_eq(secret_reveal(credentials[1].secret), SLICE("{\"api_key\":\"sk-new\"}")));
    assert_int_equal(credentials[2].head.id, c);
    assert_true(slice_eq(secret_reveal(credentials[2].secret), SLICE("{\"api_key\":\"sk-c\"}")));
    keys = ROWS(&f->rows, ROW_KEY, struct key_row);
    assert_int_equal(f->rows.counts[ROW_KEY], 2);
    assert_int_equal(keys[0].head.id, laptop);
    assert_true(slice_eq(keys[0].label, SLICE("moved")));
    assert_int_equal(keys[0].user_id, id_of(f, ROW_USER, 1));
    assert_int_equal(keys[1].head.id, phone);
    assert_int_equal(f->made, 0);

    /* What the file does not mention stays: sections, nested lists, passwords. */
    assert_int_equal(f->rows.counts[ROW_ALIAS_TARGET], 2);
    assert_int_equal(f->rows.counts[ROW_SETTING], 2);
    assert_int_equal(f->rows.counts[ROW_PERMISSION], 2); // bob's went with his key
    assert_non_null(ROWS(&f->rows, ROW_USER, struct user_row)->password_hash.ptr);
    assert_false(ROWS(&f->rows, ROW_USER, struct user_row)->admin); // absent: its default
}

static void test_deletes_what_is_declared(void **state)
{
    struct fixture *f = *state;

    apply_good(f, first, 0);
    apply_good(f, "users: [{name: bob, keys: []}]\nsettings: {}", APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_USER], 1);
    assert_int_equal(f->rows.counts[ROW_KEY], 0);
    assert_int_equal(f->rows.counts[ROW_SETTING], 0);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 2);
    apply_good(f, "providers: []", APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 0);
    assert_int_equal(f->rows.counts[ROW_ALIAS_TARGET], 0);
    assert_int_equal(f->rows.counts[ROW_ALIAS], 1);
}

static void test_merge_deletes_nothing(void **state)
{
    struct fixture *f = *state;

    apply_good(f, first, 0);
    apply_good(f, "users: [{name: carol, permissions: [{provider: two, models: '*'}]}]", 0);
    assert_int_equal(f->rows.counts[ROW_USER], 3);
    assert_int_equal(f->rows.counts[ROW_KEY], 3);
    apply_good(f, "providers: [{name: one, channel: openai, models: [{id: m3}]}]", 0);
    assert_int_equal(f->rows.counts[ROW_MODEL], 3);
}

static const struct {
    const char *why, *in, *said;
    unsigned flags;
} refused[] = {
    {"a problem in the file",         "users: [{name: new}]\nnonsense: 1",   "f:2:1: ",                                      APPLY_DELETE},
    {"a name that is not there",
     "users: [{name: new, permissions: [{provider: nine, models: '*'}]}]",   "f:1:46: there is no provider \"nine\"",        0           },
    {"one that this would delete",
     "providers: [{name: new, channel: echo}]\n"
     "users: [{name: new, permissions: [{provider: one, models: '*'}]}]",    "f:2:46: there is no provider \"one\"",         APPLY_DELETE},
    {"a key of another installation",
     "config: {secret_key_fingerprint: 0000000000000000}\n"
     "users: [{name: new, keys: [{prefix: gp-12345, digest: "
     "0000000000000000000000000000000000000000000000000000000000000000}]}]", "f:2:28: digest: made with another secret key", 0           },
};

/* All or nothing: what came before the mistake is not there. */
static void test_refused_as_a_whole(void **state)
{
    struct fixture *f = *state;
    char *before, *after;

    apply_good(f, first, 0);
    before = export(f, true);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        if (!apply(f, refused[i].in, refused[i].flags) || !strstr(f->said, refused[i].said))
            fail_msg("%s: %s", refused[i].why, f->said);
        after = export(f, true);
        if (strcmp(before, after) != 0)
            fail_msg("%s: changed something", refused[i].why);
        free(after);
    }
    free(before);
}

/* hardening.md T26: a credential stays with where it was given to. */
static void test_moved_provider(void **state)
{
    static const char moved[] = "providers: [{name: one, channel: openai, settings: {base_url: "
                                "'https://elsewhere.example'}%s}]";
    struct fixture *f = *state;
    const struct credential_row *credentials;
    char text[512];

    apply_good(f, first, 0);
    snprintf(text, sizeof(text), moved, ", label: x"); // NOLINT: a format of ours
    apply_good(f, text, 0);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 0);
    assert_non_null(strstr(f->said, "goes elsewhere"));

    apply_good(f, first, 0);
    snprintf(text, sizeof(text), moved, ", credentials: [{label: a}, {secret: {api_key: sk-b}}]");
    apply_good(f, text, 0);
    credentials = ROWS(&f->rows, ROW_CREDENTIAL, struct credential_row);
    assert_int_equal(f->rows.counts[ROW_CREDENTIAL], 2);
    for (size_t i = 0; i < 2; i++) {
        struct slice secret = secret_reveal(credentials[i].secret);
        assert_true(credentials[i].label.ptr ? !secret.ptr
                                             : slice_eq(secret, SLICE("{\"api_key\":\"sk-b\"}")));
    }
}

static void test_export_round_trip(void **state)
{
    struct fixture *f = *state;
    char *before, *after;

    apply_good(f, first, 0);
    before = export(f, true);
    assert_non_null(strstr(before, "sk-a"));
    apply_good(f, before, APPLY_DELETE);
    assert_int_equal(f->run.added + f->run.changed + f->run.deleted, 0);

    apply_good(f, "providers: []\naliases: []\nusers: []\nsettings: {}", APPLY_DELETE);
    apply_good(f, before, 0);
    after = export(f, true);
    assert_string_equal(before, after);
    free(after);
    free(before);

    /* Without secrets none is shown, and none is lost where the rows are still there. */
    before = export(f, false);
    assert_null(strstr(before, "sk-a"));
    assert_null(strstr(before, "$argon2"));
    apply_good(f, before, APPLY_DELETE);
    assert_int_equal(f->run.added + f->run.changed + f->run.deleted, 0);
    free(before);
}

static void test_bad_rows_are_replaced(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct provider_row bad;

    apply_good(f, "users: [{name: u}]", 0);
    row_set_defaults(row_kind(ROW_PROVIDER), &bad);
    bad.name = SLICE("one");
    bad.channel = SLICE("gone");
    assert_int_equal(store_put(f->control.store, ROW_PROVIDER, &bad, &e), ERR_NONE);
    assert_int_not_equal(apply(f, "providers: [{name: one, channel: echo}]", 0), ERR_NONE);
    assert_non_null(strstr(f->said, "f:1:13: there is already a provider with this name"));
    apply_good(f, "providers: [{name: one, channel: echo}]", APPLY_DELETE);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 1);
}

/* An import may name what is there already, in either mode; a key is not shown to a pipe. */
static void test_import(void **state)
{
    static const char *const texts[] = {
        "users: [{name: carol, keys: [{label: k}], permissions: [{provider: two, models: '*'}]}]",
        "config: {mode: seed}\nproviders: [{name: three, channel: echo}]\n"
        "aliases: [{name: a, targets: [{provider: one, model: m}, {provider: three, model: m}]}]",
        "config: {mode: managed}\n"
        "users: [{name: dave, keys: [{permissions: [{provider: three, models: '*'}]}]}]",
    };
    struct fixture *f = *state;

    apply_good(f, first, 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        apply_good(f, texts[i], 0);
    assert_int_equal(f->rows.counts[ROW_USER], 4);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 3);
    assert_int_equal(f->rows.counts[ROW_ALIAS_TARGET], 4);
    assert_int_equal(f->rows.counts[ROW_PERMISSION], 5);
}

/* Not on a terminal: what was made is in a file, which is named; without keys there is none. */
static void test_show_keys(void **state)
{
    static const char *const said_first = "gproxy: keys were made: they are in ";
    struct fixture *f = *state;
    struct buf keys = {.data = NULL};
    struct err_info e = {0};
    struct slice text;
    struct stat st;
    char said[256] = "", *path;
    FILE *out = fmemopen(said, sizeof(said), "w");

    assert_int_equal(bootstrap_show_keys(&f->options, &keys, out, &e), ERR_NONE);
    assert_int_equal(ftell(out), 0);
    bootstrap_note_key(&keys, SLICE("u"), SLICE("laptop"), SLICE("gp-one"));
    bootstrap_note_key(&keys, SLICE("v"), (struct slice){0}, SLICE("gp-two"));
    assert_int_equal(bootstrap_show_keys(&f->options, &keys, out, &e), ERR_NONE);
    assert_null(keys.data);
    fclose(out);
    assert_null(strstr(said, "gp-"));
    assert_true(slice_starts(slice_str(said), slice_str(said_first)));
    path = said + strlen(said_first);
    path[strcspn(path, "\n")] = '\0';
    assert_true(slice_starts(slice_str(path), slice_str(f->dir)));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_read(path, 4096, &f->arena, &text, &e), ERR_NONE);
    assert_true(slice_eq(text, SLICE("New key of u, laptop, shown only now: gp-one\n"
                                     "New key of v, shown only now: gp-two\n")));
}

static void test_bootstrap(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct bootstrap made;
    unsigned char digest[KEY_DIGEST_BYTES];
    const struct key_row *key;
    const char *file;
    struct slice text;
    struct stat st;

    assert_int_equal(bootstrap(&f->control, &f->options, false, &f->arena, &made, &e), ERR_NONE);
    assert_true(made.made_user && made.made_provider);
    load(f);
    assert_true(ROWS(&f->rows, ROW_USER, struct user_row)->admin);
    assert_null(ROWS(&f->rows, ROW_USER, struct user_row)->password_hash.ptr);
    key = ROWS(&f->rows, ROW_KEY, struct key_row);
    key_digest(&f->control.hasher, slice_str(made.key_text), digest);
    assert_memory_equal(key->digest.ptr, digest, sizeof(digest));
    assert_true(
        slice_eq(ROWS(&f->rows, ROW_PERMISSION, struct permission_row)->models, SLICE("*")));
    assert_true(slice_eq(ROWS(&f->rows, ROW_MODEL, struct model_row)->model, SLICE("echo")));

    assert_int_equal(bootstrap_show(&made, &f->options, 8787, NULL, &f->arena, &file, &e),
                     ERR_NONE);
    assert_int_equal(made.key_text[0], '\0');
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_read(file, 4096, &f->arena, &text, &e), ERR_NONE);
    assert_non_null(strstr(text.ptr, "curl http://127.0.0.1:8787/v1/chat/completions"));

    assert_int_equal(bootstrap(&f->control, &f->options, false, &f->arena, &made, &e), ERR_NONE);
    assert_false(made.made_user || made.made_provider);
}

static void test_bootstrap_given(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct bootstrap made;

    f->options.admin_user = "root";
    f->options.admin_password = secret_of(SLICE("correct horse"));
    f->options.admin_api_key = secret_of(SLICE("my-own-key"));
    assert_int_equal(bootstrap(&f->control, &f->options, false, &f->arena, &made, &e), ERR_NONE);
    load(f);
    assert_int_equal(made.key_text[0], '\0');
    assert_true(slice_eq(ROWS(&f->rows, ROW_KEY, struct key_row)->prefix, SLICE("my-ow")));
    assert_true(password_verify(ROWS(&f->rows, ROW_USER, struct user_row)->password_hash,
                                SLICE("correct horse")));
}

/* A bad option leaves nothing behind. */
static void test_bootstrap_refused(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct bootstrap made;
    bool empty;

    f->options.admin_api_key = secret_of(SLICE("short"));
    assert_int_equal(bootstrap(&f->control, &f->options, false, &f->arena, &made, &e),
                     ERR_BAD_REQUEST);
    e = (struct err_info){0};
    assert_int_equal(store_is_empty(f->control.store, &empty, &e), ERR_NONE);
    assert_true(empty);
}

static void write_config(struct fixture *f, const char *text)
{
    FILE *out;

    f->options.config_path = arena_printf(&f->arena, "%s/gproxy.yaml", f->dir).ptr;
    out = fopen(f->options.config_path, "w");
    fputs(text, out);
    fclose(out);
}

static bool prepare(struct fixture *f, int *code)
{
    FILE *err = fmemopen(f->said, sizeof(f->said), "w");
    struct bootstrap made;
    bool good = bootstrap_prepare(&f->control, &f->options, &f->arena, &made, err, code);

    fclose(err);
    load(f);
    return good;
}

static void test_seed_and_managed(void **state)
{
    struct fixture *f = *state;
    int code;

    write_config(f, "users: [{name: u}]\nbroken");
    assert_false(prepare(f, &code));
    assert_int_equal(code, 2);
    assert_int_equal(f->rows.counts[ROW_USER], 0);

    write_config(f, "users: [{name: u}]"); // seed: and what is missing besides
    assert_true(prepare(f, &code));
    assert_int_equal(f->rows.counts[ROW_USER], 1);
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 1);
    write_config(f, "users: [{name: v}]"); // only once
    assert_true(prepare(f, &code));
    assert_true(slice_eq(ROWS(&f->rows, ROW_USER, struct user_row)->name, SLICE("u")));

    write_config(f, "config: {mode: managed}\nusers: [{name: v}]");
    assert_true(prepare(f, &code));
    assert_int_equal(f->rows.counts[ROW_USER], 1);
    assert_true(slice_eq(ROWS(&f->rows, ROW_USER, struct user_row)->name, SLICE("v")));
    assert_int_equal(f->rows.counts[ROW_PROVIDER], 1);

    write_config(f, "config: {mode: managed}\nusers: [{name: v}, {name: w}]");
    assert_true(bootstrap_reconcile(&f->control, &f->options, &f->arena, NULL, stderr));
    load(f);
    assert_int_equal(f->rows.counts[ROW_USER], 2);
}

/* The database knows whose it is; a lost key file is not quietly replaced. */
static void test_secret_key(void **state)
{
    struct fixture *f = *state;
    struct err_info e = {0};
    struct control other;
    char path[96];
    struct stat st;

    snprintf(path, sizeof(path), "%s/secret.key", f->dir);
    assert_non_null(f->control.made_key_file);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    control_close(&f->control);
    open_control(f);
    assert_null(f->control.made_key_file);

    f->options.secret_key =
        secret_of(SLICE("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
    assert_int_equal(control_open(&other, &f->options, 0, &f->arena, &e), ERR_CONFLICT);
    e = (struct err_info){0};
    f->options.secret_key = secret_of(SLICE("too short"));
    assert_int_equal(control_open(&other, &f->options, 0, &f->arena, &e), ERR_BAD_REQUEST);
    assert_null(strstr(e.text, "too short"));
    e = (struct err_info){0};
    f->options.secret_key = secret_of(slice_of(NULL, 0));
    chmod(path, 0644);
    assert_int_equal(control_open(&other, &f->options, 0, &f->arena, &e), ERR_IO);
    e = (struct err_info){0};
    unlink(path);
    assert_int_equal(control_open(&other, &f->options, 0, &f->arena, &e), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fills_and_repeats),
        TEST(test_keeps_ids),
        TEST(test_deletes_what_is_declared),
        TEST(test_merge_deletes_nothing),
        TEST(test_refused_as_a_whole),
        TEST(test_moved_provider),
        TEST(test_export_round_trip),
        TEST(test_bad_rows_are_replaced),
        TEST(test_import),
        TEST(test_show_keys),
        TEST(test_bootstrap),
        TEST(test_bootstrap_given),
        TEST(test_bootstrap_refused),
        TEST(test_seed_and_managed),
        TEST(test_secret_key),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
