/* cmd_explain.c - gproxy explain: what would be done with a request, or what one has cost. */
#include <string.h>
#include <unistd.h>

#include "app/bill.h"
#include "app/catch_up.h"
#include "app/file.h"
#include "app/flags.h"
#include "app/outline.h"
#include "app/prices_file.h"
#include "app/restore.h"
#include "app/session.h"
#include "app/version.h"
#include "base/log.h"
#include "crypto/random.h"
#include "exchange/explain.h"

#define BODY_MAX_BYTES ((size_t)64 << 20)

/* ---- the request ---- */

static enum err read_body(const struct command_context *x, struct slice *out, struct err_info *e)
{
    const char *path = flag_text(x, "body");

    if (!path)
        return err_set(e, ERR_BAD_REQUEST,
                       "--body FILE is missing: the request's JSON; - reads it "
                       "from the standard input");
    return file_read(path, BODY_MAX_BYTES, x->arena, out, e);
}

/* The head that a client would send, as it would stand on the wire. */
static enum err make_head(const struct command_context *x, struct head *out, struct err_info *e)
{
    const char *path = flag_text(x, "path"), *key = flag_text(x, "key"),
               *header = flag_text(x, "header");
    struct buf text = {0};

    buf_printf(&text, "POST %s HTTP/1.1\r\nhost: explain\r\ncontent-type: application/json\r\n",
               path ? path : "/v1/chat/completions");
    if (key)
        buf_printf(&text, "authorization: Bearer %s\r\n", key);
    if (header)
        buf_printf(&text, "%s\r\n", header);
    buf_append_str(&text, "\r\n");
    head_parse_request(arena_dup(x->arena, buf_peek(&text)), out, e);
    buf_release(&text);
    return e->code;
}

static bool read_key_id(const struct command_context *x, int64_t *id)
{
    const char *text = flag_text(x, "key-id");
    uint64_t value = 0;

    *id = 0;
    if (!text)
        return true;
    if (!slice_to_u64(slice_str(text), &value) || !value || value > INT64_MAX) {
        command_misused(x, "--key-id is \"%s\", not the number that key list shows", text);
        return false;
    }
    *id = (int64_t)value;
    return true;
}

/* ---- what decides about it ---- */

static void on_bad_row(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    const struct session *s = ctx;

    fprintf(s->x->err, "gproxy: %s %lld is left out: %s\n", row_kind(type)->table, (long long)id,
            reason);
}

/* Spending and windows are those of the ledger: what runs at this moment is not in it. */
static enum err restore(const struct session *s, struct policy_state *state,
                        const struct snapshot *snapshot, struct err_info *e)
{
    struct ledger *ledger;

    if (ledger_open(s->x->options.dsn, STORE_MUST_EXIST, &ledger, e) != ERR_NONE)
        return e->code;
    catch_up(s->x, ledger);
    restore_accounts(ledger, state, snapshot, e);
    ledger_close(ledger);
    return e->code;
}

static enum err explain(struct session *s, const struct explain_ask *ask, struct buf *json,
                        struct err_info *e)
{
    static const struct shelf_limits small = {16, 1 << 20, 1 << 16};
    struct gateway gateway = {.key_hasher = &s->control.hasher,
                              .envelope_hasher = &s->control.envelopes,
                              .version = GPROXY_VERSION};
    struct policy_state *state = policy_state_new();
    struct snapshot *snapshot;
    uint64_t seed;

    crypto_random(&seed, sizeof(seed));
    gateway.thoughts = shelf_new(small, seed);
    gateway.responses = shelf_new(small, seed);
    snapshot = prices_use(s->x->options.prices, state, e) == ERR_NONE
                   ? snapshot_build(&s->rows, state, 1, seed, on_bad_row, s)
                   : NULL;
    if (snapshot && restore(s, state, snapshot, e) == ERR_NONE) {
        gateway_prepare(&gateway, snapshot);
        explain_request(&gateway, snapshot, ask, json);
    }
    snapshot_unref(snapshot);
    gateway_release(&gateway);
    policy_state_free(state);
    return e->code;
}

static int explain_body(struct command_context *x)
{
    struct explain_ask ask = {0};
    struct err_info e = {0};
    struct buf json = {0};
    struct session s;
    struct head head;

    if (!read_key_id(x, &ask.key_id))
        return EXIT_USAGE;
    if (!ask.key_id && !flag_text(x, "key"))
        return command_misused(x, "--key or --key-id says who asks");
    if (read_body(x, &ask.body, &e) != ERR_NONE || make_head(x, &head, &e) != ERR_NONE)
        return command_failed(x, &e);
    ask.head = &head;
    if (!session_open(&s, x, STORE_MUST_EXIST))
        return EXIT_FAILED;
    log_configure(LOG_ERROR, LOG_TEXT, NULL, NULL);
    explain(&s, &ask, &json, &e);
    session_close(&s);
    if (!e.code)
        outline_print(buf_peek(&json), flag_text(x, "json") != NULL, x->out);
    buf_release(&json);
    return e.code ? command_failed(x, &e) : EXIT_GOOD;
}

int cmd_explain(struct command_context *x, int argc, char **argv)
{
    (void)argv;
    if (argc > 0)
        return command_misused(x, "a request is given by --body, an exchange by --exchange");
    return flag_text(x, "exchange")
               ? bill_print(x, flag_text(x, "exchange"), flag_text(x, "json") != NULL)
               : explain_body(x);
}
