/* file_owner_test.c - files are their users', page by page, until they are deleted. */
#include "store/file_owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "policy/row.h"
#include "store/sqlite.h"

static char dir[64], dsn[128];
static const int64_t providers[] = {1, 2};

static int set_up(void **state)
{
    struct err_info e = {0};
    struct store *s;

    snprintf(dir, sizeof(dir), "/tmp/file_owner_test.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(dsn, sizeof(dsn), "sqlite://%s/gproxy.db", dir);
    if (store_open(dsn, 0, &s, &e))
        return -1;
    for (int i = 0; i < 2; i++) {
        if (db_run(s->db,
                   i ? "INSERT INTO provider VALUES (2, 1, 1, 'b', 'custom', NULL, 1, NULL,"
                       " NULL, NULL, NULL, NULL)"
                     : "INSERT INTO provider VALUES (1, 1, 1, 'a', 'openai', NULL, 1, NULL,"
                       " NULL, NULL, NULL, NULL)",
                   &e))
            return -1;
    }
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    store_close(*state);
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    return system(command);
}

static struct file_owner file_of(int64_t user_id, const char *id, int64_t at)
{
    return (struct file_owner){.provider_id = 1,
                               .user_id = user_id,
                               .key_id = 10 + user_id,
                               .credential_id = 20 + user_id,
                               .created_unix_ms = at,
                               .dialect = DIALECT_OPENAI,
                               .file = slice_str(id),
                               .about = SLICE("{\"id\":\"x\",\"purpose\":\"batch\"}")};
}

static void add(struct store *s, struct file_owner f)
{
    struct err_info e = {0};
    if (file_owner_add(s, &f, &e))
        fail_msg("%s", e.text);
}

static void put_name(void *ctx, const struct file_owner *f)
{
    struct buf *out = ctx;

    assert_int_equal(f->key_id, 10 + f->user_id);
    assert_int_equal(f->credential_id, 20 + f->user_id);
    assert_true(f->about.len > 0);
    buf_printf(out, "%.*s ", SLICE_ARG(f->file));
}

static struct file_owner_page page_of(int64_t user_id, size_t limit)
{
    return (struct file_owner_page){.user_id = user_id,
                                    .dialect = DIALECT_OPENAI,
                                    .providers = providers,
                                    .provider_count = 2,
                                    .limit = limit};
}

/* The ids of a page, then "+" where there is more; or the error's name. */
static void check_page(struct store *s, struct file_owner_page page, const char *wanted)
{
    struct err_info e = {0};
    struct buf out = {0};
    bool more;

    if (file_owner_list(s, &page, put_name, &out, &more, &e))
        buf_append_str(&out, err_name(e.code));
    else if (more)
        buf_append_str(&out, "+");
    buf_append_byte(&out, '\0');
    assert_string_equal(buf_peek(&out).ptr, wanted);
    buf_release(&out);
}

static void test_pages(void **state)
{
    struct store *s = *state;
    struct file_owner_page p = page_of(1, 2);

    add(s, file_of(1, "f1", 100));
    add(s, file_of(1, "f2", 200));
    add(s, file_of(1, "f3", 200)); // in the same moment
    add(s, file_of(1, "f4", 300));
    add(s, file_of(2, "g1", 150));
    check_page(s, p, "f4 f3 +");
    p.after = SLICE("f3");
    check_page(s, p, "f2 f1 ");
    p.oldest_first = true;
    check_page(s, p, "f4 ");
    p.after = SLICE("");
    check_page(s, p, "f1 f2 +");
    p.after = SLICE("g1"); // somebody else's is no place of one's own list
    check_page(s, p, "NOT_FOUND");
    check_page(s, page_of(2, 2), "g1 ");
    check_page(s, page_of(3, 2), "");
}

static void test_what_is_looked_for(void **state)
{
    struct store *s = *state;
    struct file_owner other = file_of(1, "claude", 400), far = file_of(1, "far", 500);
    const struct slice ids[] = {SLICE("far"), SLICE("unknown"), SLICE("near")};
    struct file_owner_page p = page_of(1, 100);
    struct err_info e = {0};

    other.dialect = DIALECT_ANTHROPIC;
    far.provider_id = 2;
    far.about = SLICE("{\"purpose\":\"vision\"}");
    add(s, other);
    add(s, far);
    add(s, file_of(1, "near", 100));
    check_page(s, p, "far near ");
    p.purpose = SLICE("vision");
    check_page(s, p, "far ");
    p.purpose = SLICE("");
    p.provider_count = 1;
    check_page(s, p, "near ");
    p.files = ids;
    p.file_count = 1;
    check_page(s, p, "");
    p.provider_count = 2;
    check_page(s, p, "far ");
    p.file_count = 3;
    check_page(s, p, "far near ");
    p.provider_count = 0;
    check_page(s, p, "");
    p = page_of(1, 100);
    p.dialect = DIALECT_ANTHROPIC;
    check_page(s, p, "claude ");
    assert_int_equal(file_owner_delete(s, 1, SLICE("near"), 900, &e), ERR_NONE);
    p = page_of(1, 100);
    check_page(s, p, "far ");
    p.after = SLICE("far");
    check_page(s, p, "");
    p.after = SLICE("near"); // deleted, but a place all the same
    p.oldest_first = true;
    check_page(s, p, "far ");
}

static void test_nobody_takes_over(void **state)
{
    struct file_owner mine = file_of(1, "same", 100), yours = file_of(2, "same", 200);
    struct err_info e = {0};
    struct store *s = *state;

    add(s, mine);
    add(s, mine); // a vendor that names files by what they hold
    assert_int_equal(file_owner_add(s, &yours, &e), ERR_CONFLICT);
    check_page(s, page_of(1, 9), "same ");
    check_page(s, page_of(2, 9), "");
    e.code = ERR_NONE;
    assert_int_equal(file_owner_delete(s, 1, SLICE("same"), 300, &e), ERR_NONE);
    assert_int_equal(file_owner_delete(s, 1, SLICE("same"), 400, &e), ERR_NONE);
    add(s, yours);
    check_page(s, page_of(1, 9), "");
    check_page(s, page_of(2, 9), "same ");
    yours.provider_id = 77;
    assert_int_equal(file_owner_add(s, &yours, &e), ERR_CONFLICT);
}

static void test_kept(void **state)
{
    struct err_info e = {0};
    struct store *s = *state;

    add(s, file_of(1, "f1", 100));
    store_close(s);
    *state = NULL;
    assert_int_equal(store_open(dsn, STORE_MUST_EXIST, &s, &e), ERR_NONE);
    *state = s;
    check_page(s, page_of(1, 9), "f1 ");
    assert_int_equal(store_delete(s, ROW_PROVIDER, 1, &e), ERR_NONE);
    check_page(s, page_of(1, 9), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_looked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_takes_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
