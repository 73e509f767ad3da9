/* cmd_usage.c - gproxy usage: totals and rows of the ledger. */
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/flags.h"
#include "app/usage_print.h"
#include "base/array.h"
#include "base/clock.h"
#include "store/journal_set.h"
#include "store/store.h"

/* A running server needs a fifth of a second at most, unless its database is away. */
#define CATCH_UP_MS 2000

#define DEFAULT_GROUPS (1u << LEDGER_BY_USER | 1u << LEDGER_BY_KEY | 1u << LEDGER_BY_MODEL)

static const char *flag(const struct command_context *x, const char *name)
{
    return arguments_get(&x->arguments, name);
}

static bool read_groups(const struct command_context *x, unsigned *groups)
{
    struct slice rest = slice_str(flag(x, "by")), name;
    enum ledger_group g;

    *groups = rest.ptr ? 0 : DEFAULT_GROUPS;
    while (rest.len) {
        name = slice_cut(rest, ',', &rest);
        if (!ledger_group_parse(name, &g)) {
            command_misused(x,
                            "--by is \"%.*s\", not user, key, provider, model, alias, outcome or "
                            "day, or several with commas between",
                            SLICE_ARG(name));
            return false;
        }
        *groups |= 1u << g;
    }
    return true;
}

static bool read_filter(const struct command_context *x, int64_t now, struct ledger_filter *f)
{
    *f = (struct ledger_filter){
        .user = slice_str(flag(x, "user")),
        .key = slice_str(flag(x, "key")),
        .provider = slice_str(flag(x, "provider")),
        .model = slice_str(flag(x, "model")),
    };
    return flag_time(x, "since", now, &f->since_unix_ms) &&
           flag_time(x, "until", now, &f->until_unix_ms) && read_groups(x, &f->groups) &&
           flag_count(x, "limit", INT64_MAX, &f->limit);
}

/*
 * What is still only in the journal belongs to the answer, too.  A running server is
 * given time to write it; one that has died has left it, and it is replayed as its next
 * start would.  That start is also who says which database a journal belongs to: with
 * a --dsn of its own this command leaves the journal alone.
 */
static void catch_up(const struct command_context *x, struct ledger *l)
{
    const struct options *o = &x->options;
    struct err_info e = {.code = ERR_NONE};
    struct journal_limits journal = {.on_unknown = ON_UNKNOWN_RELEASE};
    struct journal_report report;
    struct journal_set *set;
    struct limits limits;

    if (!o->dsn_given && !ledger_settings(l, &limits, x->arena, &e))
        journal.on_unknown = limits.on_unknown;
    if (!o->dsn_given && !e.code &&
        !journal_set_open(o->data_dir, 0, &journal, l, &report, &set, &e)) {
        journal_set_close(set);
        return;
    }
    if (e.code && e.code != ERR_CONFLICT)
        fprintf(x->err, "gproxy: what is only in the journal is not shown: %s\n",
                err_info_text(&e));
    else if (!journal_set_await(o->data_dir, CATCH_UP_MS))
        fprintf(x->err, "gproxy: the journal holds usage that is not in the database yet\n");
}

static void print_bounds(struct usage_printer *p, const struct ledger_filter *f)
{
    char text[CLOCK_TEXT_BYTES];

    if (f->since_unix_ms) {
        clock_format_unix_ms(f->since_unix_ms, text);
        fprintf(p->out, "from %s\n", text);
    }
    if (f->until_unix_ms) {
        clock_format_unix_ms(f->until_unix_ms, text);
        fprintf(p->out, "to   %s\n", text);
    }
}

static void print_totals(struct usage_printer *p, struct ledger *l, struct ledger_filter *f,
                         int64_t now, bool json, struct err_info *e)
{
    if (json) {
        ledger_totals(l, f, now, usage_print_total_json, p, e);
        return;
    }
    usage_begin_table(p);
    if (ledger_totals(l, f, now, usage_add_total, p, e))
        return;
    print_bounds(p, f);
    usage_print_table(p);
}

static void print_rows(struct usage_printer *p, struct ledger *l, const struct ledger_filter *f,
                       bool json, struct err_info *e)
{
    if (!json)
        usage_print_row_heading(p);
    ledger_rows(l, f, json ? usage_print_row_json : usage_print_row, p, e);
}

int cmd_usage(struct command_context *x, int argc, char **argv)
{
    struct usage_printer p = {.out = x->out, .arena = x->arena};
    struct err_info e = {.code = ERR_NONE};
    int64_t now = clock_unix_ms();
    bool json = flag(x, "json") != NULL, rows = flag(x, "rows") != NULL;
    struct ledger_filter f;
    struct ledger *l;

    if (argc)
        return command_misused(x, "does not know what \"%s\" is", argv[0]);
    if (!read_filter(x, now, &f))
        return EXIT_USAGE;
    if (f.limit && !rows)
        return command_misused(x, "--limit is for --rows");
    if (ledger_open(x->options.dsn, STORE_MUST_EXIST, &l, &e))
        return command_failed(x, &e);
    catch_up(x, l);
    p.groups = f.groups;
    if (rows)
        print_rows(&p, l, &f, json, &e);
    else
        print_totals(&p, l, &f, now, json, &e);
    usage_printer_release(&p);
    ledger_close(l);
    return e.code ? command_failed(x, &e) : EXIT_GOOD;
}
